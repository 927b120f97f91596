//! Lines of a mapping that know what stands below them and whether they are commented out.

/// A line and what is below it.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Without indentation.
    pub text: String,
    /// Said behind it.
    pub note: Option<String>,
    pub kids: Vec<Node>,
    /// Why it is commented out.
    pub off: Option<String>,
    /// `each:`, `key:`, …: says nothing by itself.
    pub is_word: bool,
    /// A comment in any case.
    pub is_comment: bool,
}

impl Node {
    pub fn new(text: impl Into<String>) -> Node {
        Node { text: text.into(), ..Node::default() }
    }

    pub fn word(text: impl Into<String>) -> Node {
        Node { is_word: true, ..Node::new(text) }
    }

    pub fn comment(text: impl Into<String>) -> Node {
        Node { is_comment: true, ..Node::new(text) }
    }

    pub fn off(text: impl Into<String>, why: impl Into<String>) -> Node {
        Node { off: Some(why.into()), ..Node::new(text) }
    }

    pub fn note(mut self, note: impl Into<String>) -> Node {
        self.note = Some(note.into()).filter(|note| !note.is_empty());
        self
    }

    pub fn with(mut self, kids: Vec<Node>) -> Node {
        self.kids = kids;
        self
    }

    /// Whether something that says a value is live here or below.
    pub fn says_something(&self) -> bool {
        if self.off.is_some() || self.is_comment || self.is_word {
            return false;
        }
        // A branch of a `one_of` begins with a word of its own.
        self.kids.is_empty() || self.kids.iter().any(Node::says_something)
    }
}

/// The text; one line per node.
pub(super) fn render(nodes: &[Node]) -> String {
    let mut out = String::new();
    nodes.iter().for_each(|node| write(node, 0, false, &mut out));
    out
}

fn write(node: &Node, depth: usize, off: bool, out: &mut String) {
    *out += &"  ".repeat(depth);
    let is_off = off || node.off.is_some();
    if is_off || node.is_comment {
        *out += "# ";
    }
    *out += &node.text;
    if let Some(why) = &node.off {
        *out += &format!("  - {why}");
    } else if let Some(note) = &node.note {
        *out += &format!("   # {note}");
    }
    out.push('\n');
    node.kids.iter().for_each(|kid| write(kid, depth + 1, is_off, out));
}

/// The path of indexes to the node on a line (from 1).
pub(super) fn at_line(nodes: &[Node], line: usize) -> Option<Vec<usize>> {
    fn find(nodes: &[Node], line: usize, at: &mut usize, path: &mut Vec<usize>) -> bool {
        for (n, node) in nodes.iter().enumerate() {
            *at += 1;
            path.push(n);
            if *at == line || find(&node.kids, line, at, path) {
                return true;
            }
            path.pop();
        }
        false
    }
    let mut path = Vec::new();
    find(nodes, line, &mut 0, &mut path).then_some(path)
}

/// The node at a path of indexes.
pub(super) fn at_path<'n>(nodes: &'n mut [Node], path: &[usize]) -> Option<&'n mut Node> {
    let (first, rest) = path.split_first()?;
    let node = nodes.get_mut(*first)?;
    if rest.is_empty() { Some(node) } else { at_path(&mut node.kids, rest) }
}

/// Comments a node out, and those around it that say nothing then.
pub(super) fn comment_out(nodes: &mut [Node], path: &[usize], why: &str) {
    if let Some(node) = at_path(nodes, path) {
        node.off = Some(why.to_owned());
    }
    // The resources and the resource itself stay.
    for length in (3..path.len()).rev() {
        let Some(node) = at_path(nodes, &path[..length]) else { return };
        if node.off.is_none() && !node.says_something() {
            node.off = Some("nothing is left of it".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_commented_out_takes_empty_blocks_with_it() {
        let block =
            Node::new("name[]:").with(vec![Node::word("each: PID-5"), Node::new("text: .1")]);
        let mut nodes = vec![Node::new("resources:").with(vec![
            Node::new("Patient patient:").with(vec![Node::word("key: pid(PID-3.1)"), block]),
        ])];
        assert_eq!(at_line(&nodes, 6), Some(vec![0, 0, 1, 1]));
        comment_out(&mut nodes, &[0, 0, 1, 1], "no");
        let text = "resources:\n  Patient patient:\n    key: pid(PID-3.1)\n    # name[]:  - nothing is left of it\n\
            \u{20}     # each: PID-5\n      # text: .1  - no\n";
        assert_eq!(render(&nodes), text);
    }
}
