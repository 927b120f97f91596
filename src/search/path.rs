//! The part of FHIRPath that search parameters use, compiled to plain chains of JSON keys.
//!
//! An expression is a union of paths from the resource: fields, `as(T)`, `ofType(T)`, `(x as T)`,
//! `where(resolve() is T)`, `where(field = 'text')`, `[n]`, and `x.exists() and x != false`. Each
//! path is walked through the definitions once, so that at run time a choice such as `value[x]` is
//! the keys it may have, and every chain knows the type at its end.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::reference;
use crate::fhir::definitions::Definitions;

/// A way from a resource to values of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// From the resource to the value.
    pub steps: Vec<Step>,
    /// The type of the value, e.g. `CodeableConcept`.
    pub leaf: String,
    /// For a `code`: the system of each code of the required value set.
    pub systems: Option<Arc<HashMap<String, String>>>,
    /// Whether only the truth of the value is asked for: it is there and not `false`.
    pub truth: bool,
}

/// A step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a member, and into each item if that is an array.
    Key(String),
    /// Only references to this type.
    Refers(String),
    /// Only values whose member is this text.
    Equals(String, String),
    /// Only the item of this number.
    Item(usize),
}

/// Compiles an expression for a resource type; the error says what it cannot do.
pub fn compile(
    definitions: &Definitions,
    kind: &str,
    expression: &str,
) -> Result<Vec<Chain>, String> {
    let mut chains = Vec::new();
    for alternative in union(expression) {
        let path = parse(alternative)?;
        if path.root == kind || matches!(&path.root[..], "Resource" | "DomainResource") {
            let start = Chain {
                steps: Vec::new(),
                leaf: kind.to_owned(),
                systems: None,
                truth: path.truth,
            };
            chains.extend(walk(definitions, start, &path.words)?);
        }
    }
    match chains.is_empty() {
        true => Err(format!("`{expression}` finds nothing in {kind}")),
        false => Ok(chains),
    }
}

impl Chain {
    /// Calls `found` with each value.
    pub fn each<'v>(&self, resource: &'v Value, found: &mut dyn FnMut(&'v Value)) {
        go(&self.steps, resource, found);
    }
}

fn go<'v>(steps: &[Step], value: &'v Value, found: &mut dyn FnMut(&'v Value)) {
    let Some((step, rest)) = steps.split_first() else { return found(value) };
    match step {
        Step::Key(key) => match value.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => match rest.split_first() {
                Some((Step::Item(n), rest)) => {
                    if let Some(item) = items.get(*n) {
                        go(rest, item, found);
                    }
                }
                _ => items.iter().for_each(|item| go(rest, item, found)),
            },
            Some(one) => go(rest, one, found),
        },
        Step::Refers(kind) if reference::refers_to(value, kind) => go(rest, value, found),
        Step::Equals(key, text) if value.get(key).and_then(Value::as_str) == Some(text) => {
            go(rest, value, found);
        }
        // The first item of what is not an array is the value itself.
        Step::Item(0) => go(rest, value, found),
        Step::Refers(_) | Step::Equals(..) | Step::Item(_) => {}
    }
}

/// One path as it is written.
struct Path<'e> {
    root: String,
    words: Vec<Word<'e>>,
    truth: bool,
}

enum Word<'e> {
    Field(&'e str),
    As(&'e str),
    Step(Step),
}

/// The alternatives between `|` that stand outside of parentheses.
fn union(expression: &str) -> Vec<&str> {
    let mut depth = 0;
    let outside = expression.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == '|' && depth == 0
    });
    outside.map(str::trim).collect()
}

/// Reads one alternative.
fn parse(text: &str) -> Result<Path<'_>, String> {
    let cannot = || format!("`{text}` is beyond what search expressions can do here");
    if let Some((path, test)) = text.split_once(".exists() and ") {
        let same = test.strip_suffix(" != false") == Some(path);
        let path = parse(path)?;
        return if same { Ok(Path { truth: true, ..path }) } else { Err(cannot()) };
    }
    let mut words = Vec::new();
    let mut rest = text;
    if let Some(inner) = text.strip_prefix('(') {
        let (inner, after) = inner.split_once(')').ok_or_else(cannot)?;
        let (path, of) = inner.split_once(" as ").ok_or_else(cannot)?;
        words.push(Word::Field(path.split('.').next().unwrap_or_default()));
        words.extend(parse(path)?.words);
        words.push(Word::As(of.trim()));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    while !rest.is_empty() {
        let (word, after) = word(rest).ok_or_else(cannot)?;
        words.push(word);
        rest = match after.strip_prefix('.') {
            Some(after) => after,
            None if after.is_empty() || after.starts_with('[') => after,
            None => return Err(cannot()),
        };
    }
    match words.first() {
        Some(Word::Field(root)) if root.starts_with(|c: char| c.is_ascii_uppercase()) => {
            let root = (*root).to_owned();
            words.remove(0);
            Ok(Path { root, words, truth: false })
        }
        // `name | alias` starts at the resource, whatever that is.
        Some(Word::Field(_)) => Ok(Path { root: "Resource".to_owned(), words, truth: false }),
        _ => Err(cannot()),
    }
}

/// Reads one word of a path and gives the text behind it.
fn word(text: &str) -> Option<(Word<'_>, &str)> {
    if let Some(index) = text.strip_prefix('[') {
        let (number, rest) = index.split_once(']')?;
        return Some((Word::Step(Step::Item(number.parse().ok()?)), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let Some(arguments) = rest.strip_prefix('(') else { return Some((Word::Field(name), rest)) };
    match name {
        "as" | "ofType" => {
            let (of, rest) = arguments.split_once(')')?;
            Some((Word::As(of.trim()), rest))
        }
        "where" => {
            if let Some(test) = arguments.strip_prefix("resolve() is ") {
                let (of, rest) = test.split_once(')')?;
                return Some((Word::Step(Step::Refers(of.trim().to_owned())), rest));
            }
            let (key, test) = arguments.split_once('=')?;
            let (value, rest) = test.trim_start().strip_prefix('\'')?.split_once("')")?;
            let step = Step::Equals(key.trim().to_owned(), value.to_owned());
            Some((Word::Step(step), rest))
        }
        _ => None,
    }
}

/// Follows the words through the definitions; a choice gives a chain for each of its types.
fn walk(definitions: &Definitions, start: Chain, words: &[Word]) -> Result<Vec<Chain>, String> {
    let mut chains = vec![start];
    for word in words {
        let mut next = Vec::new();
        for chain in chains {
            match word {
                Word::As(of) if chain.leaf == *of => next.push(chain),
                Word::As(_) => {}
                Word::Step(step) => {
                    let mut chain = chain;
                    chain.steps.push(step.clone());
                    next.push(chain);
                }
                Word::Field(name) => next.extend(field(definitions, &chain, name)),
            }
        }
        if next.is_empty() {
            let at = match word {
                Word::Field(name) | Word::As(name) => *name,
                Word::Step(_) => "where",
            };
            return Err(format!("the definitions know nothing of `{at}`"));
        }
        chains = next;
    }
    Ok(chains)
}

/// The chains from one into an element.
fn field(definitions: &Definitions, chain: &Chain, name: &str) -> Vec<Chain> {
    let Some(of) = definitions.type_def(&chain.leaf) else { return Vec::new() };
    let Some(element) = of.elements.iter().find(|e| e.name == name) else { return Vec::new() };
    let systems = element.required.as_ref().and_then(|set| definitions.codes.get(set)).map(|set| {
        let pairs = set.iter().map(|code| (code.code.clone(), code.system.clone()));
        Arc::new(pairs.collect::<HashMap<_, _>>())
    });
    let into = |leaf: &String| {
        let mut steps = chain.steps.clone();
        let key = if element.choice { choice_key(name, leaf) } else { name.to_owned() };
        steps.push(Step::Key(key));
        let systems = systems.clone().filter(|_| leaf == "code");
        Chain { steps, leaf: leaf.clone(), systems, truth: chain.truth }
    };
    element.types.iter().map(into).collect()
}

/// `value` and `Quantity` give `valueQuantity`.
fn choice_key(name: &str, leaf: &str) -> String {
    let mut key = name.to_owned();
    let mut letters = leaf.chars();
    key.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    key.extend(letters);
    key
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(kind: &str, expression: &str, resource: &Value) -> Vec<String> {
        let chains = compile(Definitions::r4(), kind, expression).unwrap();
        let mut found = Vec::new();
        for chain in chains {
            chain.each(resource, &mut |value| {
                found.push(format!("{}:{value}", chain.leaf).replace('"', ""))
            });
        }
        found
    }

    #[test]
    fn paths_find_what_they_say() {
        let resource = json!({
            "resourceType": "Observation",
            "subject": {"reference": "Patient/1"},
            "effectiveDateTime": "2024",
            "valueQuantity": {"value": 1},
            "component": [{"valueString": "a"}, {"valueString": "b"}, {"valueInteger": 3}],
            "note": [{"text": "x"}, {"text": "y"}],
        });
        for (expression, expected) in [
            ("Observation.effective", vec!["dateTime:2024"]),
            ("(Observation.value as Quantity).value", vec!["decimal:1"]),
            ("Observation.value.as(Quantity).value", vec!["decimal:1"]),
            ("Observation.component.value.ofType(string)", vec!["string:a", "string:b"]),
            ("Patient.name | Observation.note[1].text", vec!["markdown:y"]),
            ("note[0].text", vec!["markdown:x"]),
            ("Observation.subject.where(resolve() is Patient).reference", vec!["string:Patient/1"]),
            ("Observation.subject.where(resolve() is Group)", vec![]),
            ("Observation.note.where(text='y').text", vec!["markdown:y"]),
            ("Observation.note.where(text = 'z')", vec![]),
        ] {
            assert_eq!(found("Observation", expression, &resource), expected, "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for expression in [
            "",
            "Observation.nothing",
            "Observation.extension('http://x').value",
            "Observation.component.where(code.exists())",
            "Observation.value.as(",
            "(Observation.value as Quantity",
            "Observation.note[x]",
            "Observation.value.exists() and Observation.status != false",
            "Patient.name",
            "Observation..value",
        ] {
            assert!(compile(Definitions::r4(), "Observation", expression).is_err(), "{expression}");
        }
    }
}
