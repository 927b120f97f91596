//! Code tables: rows `M <-> male`, files, identities.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::Compiling;
use super::load::join;
use super::text::{did_you_mean, literal};
use crate::translate::plan::{Pos, Row, Table, Validity, Way};
use crate::yaml::{Key, Kind, Mark, Node};

/// Keys of a table that is a map.
pub(super) const TABLE_KEYS: &[&str] =
    &["system", "identity", "file", "legacy", "fhir", "valid_from", "valid_to"];

/// A row, where it was written, and when it is valid.
struct Written {
    row: Row,
    mark: Mark,
    valid: Validity,
}

impl Written {
    fn always(row: Row, mark: Mark) -> Written {
        Written { row, mark, valid: Validity::default() }
    }
}

impl Compiling<'_> {
    /// Builds a table from its layers: a later layer's legacy codes replace the inherited rows.
    pub(super) fn table(&mut self, key: &Key, layers: &[Node]) -> Table {
        let mut table =
            Table { name: key.text.clone(), pos: self.pos(key.mark), ..Table::default() };
        let mut rows: Vec<Written> = Vec::new();
        for (n, layer) in layers.iter().enumerate() {
            let new = match &layer.kind {
                Kind::Map(_) => self.map_rows(layer, &mut table),
                Kind::Seq(items) => items.iter().filter_map(|item| self.row(item)).collect(),
                Kind::Scalar(..) => {
                    let hint = "write rows `- A <-> b`, or { file: …, legacy: …, fhir: … }, or { identity: […] }";
                    self.report.error_hint("M000", layer.mark, "a code table has rows", hint);
                    Vec::new()
                }
            };
            if n > 0 {
                let said: HashSet<&str> = new.iter().map(|w| w.row.legacy.as_str()).collect();
                rows.retain(|w| !said.contains(w.row.legacy.as_str()));
            }
            rows.extend(new);
        }
        self.fill(&mut table, rows);
        table
    }

    /// One row of a list.
    fn row(&mut self, node: &Node) -> Option<Written> {
        let Some(text) = node.text() else {
            let hint = "a row that holds `:` or begins with `{`, `[` or `*` stands in quotes";
            self.report.error_hint("M037", node.mark, "a code row is one text", hint);
            return None;
        };
        for (arrow, way) in [("<->", Way::Both), ("-->", Way::Get), ("<--", Way::Put)] {
            if let Some((legacy, fhir)) = text.split_once(&format!(" {arrow} ")) {
                let legacy = literal(legacy).to_owned();
                let row = Row { legacy, fhir: literal(fhir).to_owned(), way };
                return Some(Written::always(row, node.mark));
            }
        }
        let hint = "write `legacy <-> fhir`, `legacy --> fhir` or `legacy <-- fhir`, with blanks around the arrow";
        self.report.error_hint("M000", node.mark, "this is no code row", hint);
        None
    }

    fn map_rows(&mut self, node: &Node, table: &mut Table) -> Vec<Written> {
        for (key, value) in node.entries().unwrap_or_default() {
            match key.text.as_str() {
                "system" => table.system = value.text().map(str::to_owned),
                name if TABLE_KEYS.contains(&name) => {}
                name => {
                    let hint = did_you_mean(name, TABLE_KEYS.iter().copied())
                        .unwrap_or_else(|| format!("the keys are: {}", TABLE_KEYS.join(", ")));
                    let what = format!("'{name}' is not a key of a code table");
                    self.report.error_hint("M000", key.mark, what, hint);
                }
            }
        }
        if let Some(identity) = node.get("identity") {
            let Some(items) = identity.items() else {
                self.report.error("M000", identity.mark, "`identity` is a list of codes");
                return Vec::new();
            };
            let same = |item: &Node| {
                let code = item.text()?.to_owned();
                let row = Row { legacy: code.clone(), fhir: code, way: Way::Both };
                Some(Written::always(row, item.mark))
            };
            return items.iter().filter_map(same).collect();
        }
        let text_of = |key: &str| node.get(key).and_then(Node::text);
        let (Some(file), Some(legacy), Some(fhir)) =
            (text_of("file"), text_of("legacy"), text_of("fhir"))
        else {
            let hint = "write { file: …, legacy: COLUMN, fhir: COLUMN } or { identity: […] }";
            self.report.error_hint("M000", node.mark, "the table has no rows", hint);
            return Vec::new();
        };
        let columns = Columns {
            legacy,
            fhir,
            valid_from: text_of("valid_from"),
            valid_to: text_of("valid_to"),
        };
        self.file_rows(file, node.mark, &columns)
    }

    /// Rows of a CSV file. Rows with an empty cell are skipped; a target that an earlier row has on
    /// the same day is read only.
    fn file_rows(&mut self, file: &str, mark: Mark, columns: &Columns) -> Vec<Written> {
        let path = join(self.report.path(mark.file), file);
        let at = self.report.within(mark, file);
        let Some((number, text)) = self.loader().read_text(&path, at) else { return Vec::new() };
        let mut lines = csv(&text);
        let Some((_, header)) = lines.next() else {
            self.report.error("M000", at, format!("{file} is empty"));
            return Vec::new();
        };
        let mut column = |name: &str| {
            let found = header.iter().position(|h| h == name);
            if found.is_none() {
                let hint = did_you_mean(name, header.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("its columns are: {}", header.join(", ")));
                let what = format!("{file} has no column '{name}'");
                self.report.error_hint("M013", self.report.within(mark, name), what, hint);
            }
            found
        };
        let (Some(legacy), Some(fhir)) = (column(columns.legacy), column(columns.fhir)) else {
            return Vec::new();
        };
        let valid_from = columns.valid_from.and_then(&mut column);
        let valid_to = columns.valid_to.and_then(&mut column);
        let mut rows: Vec<Written> = Vec::new();
        for (line, cells) in lines {
            let cell = |n: usize| cells.get(n).map_or("", |c| c.trim());
            if cell(legacy).is_empty() || cell(fhir).is_empty() {
                continue;
            }
            let mark = Mark { file: number, line, column: 1, length: 1 };
            let mut day = |n: Option<usize>| self.day(n.map_or("", cell), mark);
            let valid = Validity { from: day(valid_from), to: day(valid_to) };
            let (legacy, fhir) = (cell(legacy).to_owned(), cell(fhir).to_owned());
            let twin = |earlier: &Written| {
                earlier.row.way == Way::Both
                    && earlier.row.fhir == fhir
                    && earlier.valid.meets(valid)
            };
            let way = if rows.iter().any(twin) { Way::Get } else { Way::Both };
            rows.push(Written { row: Row { legacy, fhir, way }, mark, valid });
        }
        superseded(&mut rows);
        rows
    }

    /// A day of a code's validity; empty is open.
    fn day(&mut self, text: &str, mark: Mark) -> Option<Date> {
        if text.is_empty() {
            return None;
        }
        let day = text.parse().ok();
        if day.is_none() {
            let what = format!("'{text}' is no day");
            let hint = "validity is written as 2025-08-31, or left empty";
            self.report.error_hint("M000", self.report.within(mark, text), what, hint);
        }
        day
    }

    /// Fills both directions and looks for rows that contradict each other (M009).
    fn fill(&mut self, table: &mut Table, rows: Vec<Written>) {
        let mut get: HashMap<String, (String, Mark)> = HashMap::new();
        let mut put: HashMap<String, (String, Mark)> = HashMap::new();
        let mut lasting: HashMap<String, Validity> = HashMap::new();
        for Written { row, mark, valid } in rows {
            if row.legacy == "*" {
                self.star_row(table, &row, mark);
                table.rows.push(row);
                continue;
            }
            if row.way != Way::Put
                && let Some((other, before)) = get.get(&row.legacy)
            {
                if *other != row.fhir || row.way == Way::Both {
                    let what = format!("'{}' has two rows that read it", row.legacy);
                    let hint = format!("the other is in line {}: keep one", before.line);
                    self.report.error_hint("M009", mark, what, hint);
                }
                continue;
            }
            if row.way != Way::Get && !valid.always() {
                let dated = table.dated.entry(row.fhir.clone()).or_default();
                dated.push((valid, row.legacy.clone()));
                let lasts = lasting.get(&row.fhir).is_none_or(|other| valid.outlasts(*other));
                if lasts && (lasting.contains_key(&row.fhir) || !put.contains_key(&row.fhir)) {
                    put.insert(row.fhir.clone(), (row.legacy.clone(), mark));
                    lasting.insert(row.fhir.clone(), valid);
                }
            } else if row.way != Way::Get
                && let Some((_, before)) = put.get(&row.fhir)
            {
                let what = format!("'{}' has two rows that write it", row.fhir);
                let hint = format!(
                    "the other is in line {}: `<->` pairs one code with one; make this row `-->`",
                    before.line
                );
                self.report.error_hint("M009", mark, what, hint);
                continue;
            }
            if row.way != Way::Put {
                get.insert(row.legacy.clone(), (row.fhir.clone(), mark));
            }
            if row.way != Way::Get && valid.always() {
                put.insert(row.fhir.clone(), (row.legacy.clone(), mark));
            }
            table.rows.push(row);
        }
        table.get = get.into_iter().map(|(k, (v, _))| (k, v)).collect();
        table.put = put.into_iter().map(|(k, (v, _))| (k, v)).collect();
    }

    /// `* --> x` and `* <-> prefix*`.
    fn star_row(&mut self, table: &mut Table, row: &Row, mark: Mark) {
        match (row.way, row.fhir.strip_suffix('*')) {
            (Way::Both, Some(prefix)) => table.prefix = Some(prefix.to_owned()),
            (Way::Get, None) => table.get_other = Some(row.fhir.clone()),
            _ => {
                let hint = "write `* --> code` (any other code is read as this) or `* <-> prefix*` (both ways)";
                self.report.error_hint("M009", mark, "a `*` row that has no inverse", hint);
            }
        }
    }

    /// The place of a mark in the plan.
    pub(super) fn pos(&self, mark: Mark) -> Pos {
        Pos { file: mark.file, line: mark.line, column: mark.column }
    }
}

/// Takes out rows whose code has another meaning later: a code is read as what it means last.
fn superseded(rows: &mut Vec<Written>) {
    let later = |old: &Written, new: &Written| {
        old.row.legacy == new.row.legacy
            && !old.valid.meets(new.valid)
            && new.valid.outlasts(old.valid)
    };
    let gone: Vec<bool> = rows.iter().map(|old| rows.iter().any(|new| later(old, new))).collect();
    let mut gone = gone.into_iter();
    rows.retain(|_| !gone.next().unwrap_or(false));
}

struct Columns<'t> {
    legacy: &'t str,
    fhir: &'t str,
    valid_from: Option<&'t str>,
    valid_to: Option<&'t str>,
}

/// The records of a small CSV text with their line numbers; quotes as in RFC 4180.
pub(in crate::translate) fn csv(text: &str) -> impl Iterator<Item = (u32, Vec<String>)> + '_ {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 0;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            line += 1;
            let first = line;
            let (cells, used) = csv_record(rest);
            line +=
                u32::try_from(rest[..used].matches('\n').count()).unwrap_or(0).saturating_sub(1);
            rest = &rest[used..];
            if cells.iter().any(|c| !c.is_empty()) {
                return Some((first, cells));
            }
        }
        None
    })
}

fn csv_record(text: &str) -> (Vec<String>, usize) {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => cells.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => return (cells, at + 1),
            c => cell.push(c),
        }
    }
    (cells, text.len())
}

#[cfg(test)]
mod tests {
    use super::csv;

    #[test]
    fn csv_with_quotes_and_lines() {
        let text = "a,b\r\n\"x,\"\"y\"\"\",2\n\n\"two\nlines\",3\nlast";
        let rows: Vec<_> = csv(text).collect();
        let want = [
            (1, vec!["a", "b"]),
            (2, vec!["x,\"y\"", "2"]),
            (4, vec!["two\nlines", "3"]),
            (6, vec!["last"]),
        ];
        let want = want.map(|(n, cells)| (n, cells.into_iter().map(str::to_owned).collect()));
        assert_eq!(rows, want.to_vec());
    }
}
