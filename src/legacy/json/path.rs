//! Names in a mapping → keys on the way to a value.

use super::{Facts, Field, Schema};
use crate::error::nearest;
use crate::legacy::pieces;
use crate::legacy::record::Unknown;

/// The static kind of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Keys from the record to here.
    names: Vec<String>,
    /// Inside a `split`.
    pieces: Option<Pieces>,
}

/// Keys from a scope to a value; none for the item itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    pub(super) steps: Vec<String>,
    /// The field of the schema: its number in the order of the file.
    pub(super) field: Option<u32>,
}

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A value.
    Path(Path),
    /// The piece of a split.
    Piece(Pieces),
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// The items of an array.
    Items(Path),
    /// Pieces of a text.
    Split(Pieces),
}

/// A text taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pieces {
    pub(super) path: Path,
    pub(super) separators: Vec<String>,
}

impl Schema {
    /// The place of slots that are looked up from the record.
    pub fn root(&self) -> Place {
        Place::default()
    }

    /// Resolves `a/b/c`, and `.` for an item of a list. `~1` in a key is a slash, `~0` a tilde
    /// (<https://www.rfc-editor.org/rfc/rfc6901#section-3>).
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        if name.trim() == "."
            && let Some(pieces) = &at.pieces
        {
            return Ok(Slot::Piece(pieces.clone()));
        }
        let (path, field) = self.path(at, name)?;
        let what = match field {
            Some(field) if field.list && !path.steps.is_empty() => "a list",
            Some(field) if !field.children.is_empty() => "an object",
            _ => return Ok(Slot::Path(path)),
        };
        let hint = match what {
            "a list" => format!("write it inside `each: {}`", name.trim()),
            _ => format!("name a value in it: {}/…", name.trim()),
        };
        Err(Unknown { what: format!("'{}' is {what}, no value", name.trim()), hint: Some(hint) })
    }

    /// Resolves `a/b` (each item of the array) and `a/b split "/" or ","`.
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        if let Some((path, separators)) = name.split_once(" split ") {
            let separators = pieces::separators(separators)?;
            let Slot::Path(path) = self.slot(at, path)? else {
                let what = "a piece is not split again".to_owned();
                let hint = Some("name all separators in one split".to_owned());
                return Err(Unknown { what, hint });
            };
            let mut names = at.names.clone();
            names.extend(path.steps.iter().cloned());
            let pieces = Pieces { path, separators };
            return Ok((List::Split(pieces.clone()), Place { names, pieces: Some(pieces) }));
        }
        let (path, field) = self.path(at, name)?;
        if path.steps.is_empty() || field.is_some_and(|field| !field.list) {
            let what = format!("'{}' is no list", name.trim());
            let hint = Some("name an array, or write `… split \",\"`".to_owned());
            return Err(Unknown { what, hint });
        }
        let mut names = at.names.clone();
        names.extend(path.steps.iter().cloned());
        Ok((List::Items(path), Place { names, pieces: None }))
    }

    /// The path, and the field there if the schema names its fields.
    fn path(&self, at: &Place, name: &str) -> Result<(Path, Option<&Field>), Unknown> {
        let name = name.trim();
        let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
        let steps: Vec<String> = match name {
            "." if !at.names.is_empty() => Vec::new(),
            "." => {
                let what = "'.' is an item, and there is no list around it".to_owned();
                return Err(Unknown { what, hint: None });
            }
            name => name.split('/').map(plain).collect(),
        };
        if steps.iter().any(String::is_empty) {
            let what = format!("'{name}' is no path");
            return Err(Unknown { what, hint: Some("write keys: a/b/c".to_owned()) });
        }
        if self.fields.is_empty() {
            return Ok((Path { steps, field: None }, None));
        }
        let below: Vec<&str> = at.names.iter().chain(&steps).map(String::as_str).collect();
        let mut known = &self.fields[..];
        let mut found: Option<&Field> = None;
        for (n, step) in below.iter().enumerate() {
            let passes_list = found.is_some_and(|f| f.list) && n > at.names.len();
            let Some(field) = known.iter().find(|f| f.name == *step).filter(|_| !passes_list)
            else {
                let above = below[..n].join("/");
                let what = match above.as_str() {
                    "" => format!("the schema has no field '{step}'"),
                    above if passes_list => format!("'{above}' is a list"),
                    above => format!("the schema has no field '{step}' in '{above}'"),
                };
                let near = nearest(step, known.iter().map(|f| f.name.as_str()))
                    .map(|near| format!("did you mean '{near}'?"));
                let inside = passes_list.then(|| format!("write it inside `each: {above}`"));
                return Err(Unknown { what, hint: inside.or(near) });
            };
            known = &field.children;
            found = Some(field);
        }
        let field = number(&self.fields, &below);
        Ok((Path { steps, field }, found))
    }

    /// The path from the record; `a/b[]` for a piece.
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        let (steps, end) = match slot {
            Slot::Path(path) => (&path.steps[..], ""),
            Slot::Piece(_) => (&[][..], "[]"),
        };
        let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
        let names: Vec<String> = at.names.iter().chain(steps).map(escaped).collect();
        names.join("/") + end
    }

    /// What the schema says about the field with this number.
    pub(super) fn facts(&self, number: Option<u32>) -> Option<&Facts> {
        nth(&self.fields, &mut number?).map(|field| &field.facts)
    }
}

/// The number of a field in the order of the schema, by its names.
pub(super) fn number(fields: &[Field], names: &[&str]) -> Option<u32> {
    let (first, rest) = names.split_first()?;
    let mut number = 0;
    for field in fields {
        if field.name == *first {
            if rest.is_empty() {
                return Some(number);
            }
            return Some(number + 1 + self::number(&field.children, rest)?);
        }
        number += size(field);
    }
    None
}

fn size(field: &Field) -> u32 {
    1 + field.children.iter().map(size).sum::<u32>()
}

fn nth<'f>(fields: &'f [Field], number: &mut u32) -> Option<&'f Field> {
    for field in fields {
        if *number == 0 {
            return Some(field);
        }
        *number -= 1;
        if let Some(found) = nth(&field.children, number) {
            return Some(found);
        }
    }
    None
}

impl Schema {
    /// The fields in the field with this number.
    pub(super) fn children(&self, mut number: u32) -> &[Field] {
        nth(&self.fields, &mut number).map_or(&[], |field| &field.children)
    }
}

impl Schema {
    /// The slot of a member in the items of a list field.
    pub(in crate::legacy) fn member(&self, list: &str, name: &str) -> Slot {
        let field = number(&self.fields, &[list, name]);
        Slot::Path(Path { steps: vec![name.to_owned()], field })
    }

    /// A list field of the record.
    pub(in crate::legacy) fn rows(&self, name: &str) -> List {
        let field = number(&self.fields, &[name]);
        List::Items(Path { steps: vec![name.to_owned()], field })
    }
}

impl Schema {
    /// The paths of all values.
    pub fn slots(&self) -> Vec<String> {
        fn walk(fields: &[Field], above: &str, out: &mut Vec<String>) {
            for field in fields {
                let name = field.name.replace('~', "~0").replace('/', "~1");
                let path = format!("{above}{name}");
                match field.children.is_empty() {
                    true => out.push(path),
                    false => walk(&field.children, &format!("{path}/"), out),
                }
            }
        }
        let mut out = Vec::new();
        walk(&self.fields, "", &mut out);
        out
    }
}
