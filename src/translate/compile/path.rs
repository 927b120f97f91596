//! FHIR paths as keys: `name[0].given[0]`, `identifier[vn].value`, `telecom[home][]`, `value[x]`.

use super::Compiling;
use crate::yaml::Mark;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The element.
    pub name: String,
    /// The text in brackets.
    pub tag: Option<String>,
    /// `[]`: one item per instance of a list.
    pub driven: bool,
    /// `[x]`: the type follows.
    pub choice: bool,
}

impl Compiling<'_> {
    /// The steps of a key; `.` alone is the item itself and has none.
    pub(super) fn fhir_path(&mut self, text: &str, mark: Mark) -> Option<Vec<Step>> {
        if text == "." {
            return Some(Vec::new());
        }
        match parse(text) {
            Ok(steps) => Some(steps),
            Err(what) => {
                let hint = "write name, name[0], name[tag], name[] or name[x], joined by dots";
                self.report.error_hint("M001", mark, format!("'{text}' {what}"), hint);
                None
            }
        }
    }
}

fn parse(text: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err("is no FHIR path");
        }
        let mut step = Step { name: name.to_owned(), tag: None, driven: false, choice: false };
        rest = &rest[end..];
        while let Some(inner) = rest.strip_prefix('[') {
            let close = inner.find(']').ok_or("has a bracket that is not closed")?;
            match &inner[..close] {
                "" if !step.driven => step.driven = true,
                "x" if step.tag.is_none() => step.choice = true,
                tag if step.tag.is_none() && !step.driven && !tag.is_empty() => {
                    step.tag = Some(tag.to_owned());
                }
                _ => return Err("has brackets that do not fit together"),
            }
            rest = &inner[close + 1..];
        }
        steps.push(step);
        if rest.is_empty() {
            return Ok(steps);
        }
        rest = rest.strip_prefix('.').ok_or("goes on after a bracket without a dot")?;
    }
}

/// `deceased` + `dateTime` → `deceasedDateTime`.
pub(super) fn typed_name(base: &str, ty: &str) -> String {
    let mut chars = ty.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase()).into_iter();
    base.chars().chain(first).chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::{parse, typed_name};

    #[test]
    fn paths_and_what_is_none() {
        let steps = parse("telecom[home][].period.start").unwrap();
        assert_eq!(steps[0].tag.as_deref(), Some("home"));
        assert!(steps[0].driven && !steps[1].driven);
        assert!(parse("value[x]").unwrap()[0].choice);
        for bad in ["", "a..b", "a[", "a[0][1]", "a[]b", "a b", "_birthDate", "a[][0]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(typed_name("deceased", "dateTime"), "deceasedDateTime");
    }
}
