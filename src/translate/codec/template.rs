//! Templates: several texts in one, and one text taken apart.

use std::borrow::Cow;

use super::text::in_class;
use super::{Bad, Val};
use crate::translate::plan::{Template, TemplatePart};

/// Slots → one text: `{.4.1}/{.1}` with the slots in the order of the names. A value that holds
/// the literal behind it could not be taken apart again and is refused.
pub(super) fn join(template: &Template, val: Val<'_>) -> Result<String, Bad> {
    let values = match val {
        Val::Many(values) => values,
        other => vec![other.text()],
    };
    let mut values = values.into_iter();
    let mut text = String::new();
    for (n, part) in template.parts.iter().enumerate() {
        match part {
            TemplatePart::Text(literal) => text += literal,
            TemplatePart::Named(..) => {
                let value = values.next().flatten().unwrap_or_default();
                if let Some(TemplatePart::Text(literal)) = template.parts.get(n + 1)
                    && value.contains(literal.as_str())
                {
                    return Err(format!("'{value}' holds '{literal}', which separates the parts"));
                }
                text += &value;
            }
        }
    }
    Ok(text)
}

/// One text → slots.
pub(super) fn split<'r>(template: &Template, text: &str) -> Result<Val<'r>, Bad> {
    let parts = take_apart(template, text, false)
        .ok_or_else(|| format!("'{text}' does not have the form {}", shown(template)))?;
    let value = |(_, v): (&str, &str)| (!v.is_empty()).then(|| Cow::Owned(v.to_owned()));
    Ok(Val::Many(parts.into_iter().map(value).collect()))
}

/// The named parts of a text, if it has this form and every part is in its class.
pub(in crate::translate) fn scan<'t, 'r>(
    template: &'t Template,
    text: &'r str,
) -> Option<Vec<(&'t str, &'r str)>> {
    take_apart(template, text, true)
}

/// Prints a template with named parts; a part without a value is empty.
pub(in crate::translate) fn print(template: &Template, value: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(literal) => text += literal,
            TemplatePart::Named(name, _) => text += &value(name),
        }
    }
    text
}

/// Backtracks over where each named part ends; templates have few parts, texts are short.
fn take_apart<'t, 'r>(
    template: &'t Template,
    text: &'r str,
    classes: bool,
) -> Option<Vec<(&'t str, &'r str)>> {
    let mut found = Vec::new();
    walk(&template.parts, text, classes, &mut found).then_some(found)
}

fn walk<'t, 'r>(
    parts: &'t [TemplatePart],
    text: &'r str,
    classes: bool,
    found: &mut Vec<(&'t str, &'r str)>,
) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    match part {
        TemplatePart::Text(literal) => text
            .strip_prefix(literal.as_str())
            .is_some_and(|after| walk(rest, after, classes, found)),
        TemplatePart::Named(name, class) => {
            let ends = text.char_indices().map(|(n, _)| n).skip(1).chain([text.len()]);
            let from_nothing = (!classes).then_some(0);
            for end in from_nothing.into_iter().chain(ends) {
                let Some((value, after)) = text.split_at_checked(end) else { continue };
                if classes && !in_class(*class, value) {
                    continue;
                }
                found.push((name, value));
                if walk(rest, after, classes, found) {
                    return true;
                }
                found.pop();
            }
            false
        }
    }
}

fn shown(template: &Template) -> String {
    print(template, &|name| format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::plan::Class;

    fn range() -> Template {
        Template {
            parts: vec![
                TemplatePart::Named("lo".into(), Class::Decimal),
                TemplatePart::Text("-".into()),
                TemplatePart::Named("hi".into(), Class::Decimal),
            ],
        }
    }

    #[test]
    fn a_range_is_taken_apart() {
        assert_eq!(scan(&range(), "3.5-9.5"), Some(vec![("lo", "3.5"), ("hi", "9.5")]));
        assert_eq!(scan(&range(), "-1-2"), Some(vec![("lo", "-1"), ("hi", "2")]));
        assert_eq!(scan(&range(), "<5.18"), None);
        assert_eq!(scan(&range(), "阴性"), None);
    }
}
