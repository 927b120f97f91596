//! M025: mappings of one party that use one space of a type should make the same ids: with the same
//! number of parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::{Key, KeyPart, Program};

/// Two mappings that may give one thing two ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// `Patient`.
    pub kind: String,
    /// `pid`.
    pub space: String,
    /// Where it is used, and with how many parts; of both.
    pub uses: [Use; 2],
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The mapping.
    pub mapping: String,
    /// `file:line:column` of the rule.
    pub place: String,
    /// Number of parts, those of the resources it names included.
    pub parts: usize,
}

impl Conflict {
    /// `Patient pid(…) has 1 part in hospital-adt/mapping.yaml:62:3, 2 in hospital-orm/…`.
    pub fn line(&self) -> String {
        let [a, b] = &self.uses;
        format!(
            "{} {}(…) has {} parts in {}, {} in {}",
            self.kind, self.space, a.parts, a.place, b.parts, b.place
        )
    }
}

/// The spaces that two of these mappings, all of one party, use with different numbers of parts.
/// Empty last parts are left out of an id, so this is a doubt, not a mistake.
pub fn conflicts(programs: &[Arc<Program>]) -> Vec<Conflict> {
    let mut seen: BTreeMap<(String, String), Use> = BTreeMap::new();
    let mut found: Vec<Conflict> = Vec::new();
    for program in programs {
        for rule in &program.rules {
            for key in &rule.key {
                let Some((space, parts)) = shape(program, key, 0) else { continue };
                let (mapping, place) = (program.name.clone(), program.place(rule.pos));
                let mine = Use { mapping, place, parts };
                let at = (rule.kind.clone(), space);
                let Some(other) = seen.get(&at) else {
                    seen.insert(at, mine);
                    continue;
                };
                if other.mapping != mine.mapping && other.parts != mine.parts {
                    let ((kind, space), uses) = (at, [other.clone(), mine]);
                    found.push(Conflict { kind, space, uses });
                }
            }
        }
    }
    found
}

/// The space of a key form, and how many parts it has with those of the resources it names.
fn shape(program: &Program, key: &Key, depth: usize) -> Option<(String, usize)> {
    let mut space = key.space.clone();
    let mut count = 0;
    for part in &key.parts {
        match part {
            KeyPart::Alias(rule) if depth < 8 => {
                let form = program.rules[*rule].key.first()?;
                let (inner, parts) = shape(program, form, depth + 1)?;
                count += parts;
                // The first alias of a key without a space gives its own.
                match &space {
                    None => space = Some(inner),
                    Some(_) => count += 1,
                }
            }
            _ => count += 1,
        }
    }
    Some((space?, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::plan::tests::empty;
    use crate::translate::plan::{Object, Rule};

    fn keyed(name: &str, parts: usize) -> Arc<Program> {
        let mut program = empty();
        program.name = name.to_owned();
        program.files = vec![format!("{name}/mapping.yaml")];
        let part = || KeyPart::Literal("x".to_owned());
        program.rules.push(Rule {
            kind: "Patient".to_owned(),
            alias: "patient".to_owned(),
            pos: crate::translate::plan::Pos { file: 0, line: 3, column: 1 },
            each: None,
            place: program.schema.root(),
            when: None,
            key: vec![Key {
                space: Some("pid".to_owned()),
                parts: std::iter::repeat_with(part).take(parts).collect(),
            }],
            create_only: false,
            body: Object::default(),
        });
        Arc::new(program)
    }

    #[test]
    fn one_space_has_one_shape() {
        assert_eq!(conflicts(&[keyed("a", 1), keyed("b", 1)]), []);
        let found = conflicts(&[keyed("a", 1), keyed("b", 2)]);
        assert_eq!(
            found.iter().map(Conflict::line).collect::<Vec<_>>(),
            ["Patient pid(…) has 1 parts in a/mapping.yaml:3:1, 2 in b/mapping.yaml:3:1"]
        );
    }
}
