//! What put may write: M019 where the charset has no code for it, M036 where the column is too
//! narrow for it.

use super::Finding;
use crate::legacy::{Charset, Schema};
use crate::translate::compile::Compiling;
use crate::translate::compose::each_leaf;
use crate::translate::plan::{Codec, Leaf, Pos, Table};

impl Compiling<'_> {
    /// Reviews code tables and date patterns.
    pub(super) fn review_spelling(&self, found: &mut Vec<Finding>) {
        let charset = self.doc.text("charset").and_then(charset_of);
        for table in &self.tables {
            review_table(table, charset, found);
        }
        let width = |slot: &str| match &self.schema {
            Schema::Row(schema) => schema.columns.iter().find(|c| c.name == slot)?.max,
            Schema::Sql(schema) => {
                let (table, column) = slot.split_once('.')?;
                let table = &schema.tables[usize::from(schema.table(table)?)];
                table.columns[usize::from(table.column(column)?)].width
            }
            _ => None,
        };
        for rule in &self.rules {
            each_leaf(&rule.body, &mut String::new(), &mut |_, leaf| {
                let [slot] = &leaf.slots[..] else { return };
                let Some(max) = width(slot) else { return };
                let Some(text) = self.longest(leaf) else { return };
                let (long, unit) = self.length(&text);
                if long > max {
                    found.push(overflow(leaf.pos, slot, &text, long, max, unit));
                }
            });
        }
    }

    /// The longest text that the codecs of a leaf write, where that is known.
    fn longest(&self, leaf: &Leaf) -> Option<String> {
        match leaf.codecs.first()? {
            Codec::Code(table) => {
                let texts = self.tables[*table].put.values();
                texts.max_by_key(|text| (self.length(text), text.as_str())).cloned()
            }
            Codec::Date(patterns) | Codec::DateTime(patterns) => patterns.first().cloned(),
            Codec::Cnid | Codec::CnidOrText => Some("110101199003070001".to_owned()),
            Codec::Uscc => Some("12539901400000018A".to_owned()),
            Codec::OrgCode { hyphen } => {
                Some(if *hyphen { "40000001-8" } else { "400000018" }.to_owned())
            }
            _ => None,
        }
    }

    /// How long a text is, and in what.
    fn length(&self, text: &str) -> (usize, &'static str) {
        match &self.schema {
            Schema::Row(schema) => schema.length(text),
            _ => (text.chars().count(), "characters"),
        }
    }
}

fn review_table(table: &Table, charset: Option<Charset>, found: &mut Vec<Finding>) {
    let Some(charset) = charset else { return };
    let mut texts: Vec<&String> = table.put.values().collect();
    texts.sort();
    if let Some((text, c)) = texts.iter().find_map(|t| Some((t, charset.encode(t).err()?))) {
        let what = format!(
            "the table '{}' writes '{text}', and '{c}' has no code in {}",
            table.name,
            charset.name()
        );
        let hint = "make that row `-->`, or name a larger charset".to_owned();
        found.push(Finding { code: "M019", wrong: true, pos: table.pos, what, hint });
    }
}

fn overflow(pos: Pos, slot: &str, text: &str, long: usize, max: usize, unit: &str) -> Finding {
    let what = format!("{slot} takes {max} {unit}, '{text}' has {long}");
    let hint = "widen the column in the schema if it is wider, or write a shorter text".to_owned();
    Finding { code: "M036", wrong: true, pos, what, hint }
}

/// `GBK`, or the fallback of `xml-declaration else GBK`.
fn charset_of(text: &str) -> Option<Charset> {
    Charset::named(text.rsplit("else").next().unwrap_or(text).trim())
}
