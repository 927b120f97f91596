//! Where the walk is, as FHIRPath.

/// The way from the resource down to an element; written out only for an issue.
#[derive(Default)]
pub(super) struct Path<'r>(Vec<Step<'r>>);

/// A step of a path.
#[derive(Clone, Copy)]
pub(super) enum Step<'r> {
    /// An element, or a resource type at the start.
    Name(&'r str),
    /// An item of a list, from 0.
    Item(usize),
}

impl<'r> Path<'r> {
    pub(super) fn push(&mut self, step: Step<'r>) {
        self.0.push(step);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if at == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Item(number) => write!(f, "[{number}]")?,
            }
        }
        Ok(())
    }
}
