//! Tables, columns and their types: facts about the source.

use std::sync::Arc;

use crate::legacy::json;

/// A table or view.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// The columns of the primary key.
    pub key: Vec<u16>,
    /// Other column lists that name a row.
    pub unique: Vec<Vec<u16>>,
    /// Column lists with an index.
    pub index: Vec<Vec<u16>>,
    /// Columns that tell that a row has changed, and how far back to look again (`10m`, `7d`).
    pub watermark: Vec<(u16, String)>,
    /// Its rows are part of another table's.
    pub part_of: Option<Part>,
    /// The columns, in their order.
    pub columns: Vec<Column>,
    /// Column and value that say that a row is void.
    pub void: Option<(u16, String)>,
    /// What put may do to its rows.
    pub rights: Rights,
}

/// `part of: PARENT by COLUMN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The table of the parent.
    pub table: u16,
    /// The column that holds the parent's key.
    pub by: u16,
}

/// What a row may suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// New rows.
    pub insert: bool,
    /// Changed columns.
    pub update: bool,
    /// Rows declared void; no row is ever deleted.
    pub void: bool,
}

/// A column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Arc<Type>,
    /// Its width in the database, in characters.
    pub width: Option<usize>,
    /// The longest value in use.
    pub max: Option<usize>,
    /// Never NULL.
    pub required: bool,
    /// Ids made of it are hashed.
    pub secret: bool,
    /// Texts that mean "nothing"; the first is written, without one SQL NULL.
    pub nulls: Vec<String>,
    /// The table whose key it holds.
    pub to: Option<u16>,
}

/// What the values of a column look like.
#[derive(Debug, Clone, Default)]
pub struct Type {
    /// Its name in the schema.
    pub name: String,
    /// Whether values are numbers.
    pub kind: TypeKind,
    /// Spellings of a date or time, the first is written.
    pub times: Vec<String>,
    /// What a value must match as a whole.
    pub pattern: Option<regex::Regex>,
    /// Only ASCII.
    pub ascii: bool,
    /// The only values.
    pub values: Vec<String>,
}

/// The JSON type of new values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypeKind {
    /// A string.
    #[default]
    Text,
    /// A whole number.
    Int,
    /// A number.
    Decimal,
}

impl Table {
    /// A column by name.
    pub fn column(&self, name: &str) -> Option<u16> {
        self.columns.iter().position(|c| c.name == name).map(|n| n as u16)
    }

    /// Whether these columns name a row.
    pub fn is_unique(&self, columns: &[u16]) -> bool {
        let named = |key: &Vec<u16>| !key.is_empty() && key.iter().all(|c| columns.contains(c));
        named(&self.key) || self.unique.iter().any(named)
    }

    /// The table as a JSON array of objects.
    pub(super) fn field(&self) -> json::Field {
        let column = |column: &Column| {
            let kind = match column.kind.kind {
                TypeKind::Text => json::FieldKind::Text,
                TypeKind::Int => json::FieldKind::Int,
                TypeKind::Decimal => json::FieldKind::Number,
            };
            let nulls = Some(column.nulls.clone());
            let facts = json::Facts { kind, max: column.width, nulls, ..json::Facts::default() };
            json::Field { name: column.name.clone(), facts, ..json::Field::default() }
        };
        json::Field {
            name: self.name.clone(),
            list: true,
            children: self.columns.iter().map(column).collect(),
            ..json::Field::default()
        }
    }
}

impl Type {
    /// Why a text is no value of this type, if it is none.
    pub fn refuses(&self, text: &str) -> Option<String> {
        if !self.values.is_empty() && !self.values.iter().any(|v| v == text) {
            return Some(format!("'{text}' is none of {}", self.values.join(", ")));
        }
        if self.ascii && !text.is_ascii() {
            return Some(format!("'{text}' holds other characters than ASCII"));
        }
        let matches = |pattern: &regex::Regex| {
            pattern.find(text).is_some_and(|found| found.len() == text.len())
        };
        if self.pattern.as_ref().is_some_and(|p| !matches(p)) {
            return Some(format!("'{text}' is not spelt as {} is", self.name));
        }
        None
    }
}
