//! `tombolo map show`: a compiled mapping as a table.

use std::collections::BTreeMap;

use clap::ValueEnum;

use super::super::tell::{Lang, Look};
use super::At;
use crate::error::Result;
use crate::translate::Program;
use crate::translate::show::{Row, Source, losses, rows, to_json};

/// Arguments of `tombolo map show`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The mapping
    name: String,
    /// Which side comes first
    #[arg(long, value_name = "SIDE", default_value = "target")]
    by: Side,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// A side of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    /// The legacy record: one line per slot and FHIR path
    Source,
    /// FHIR: one line per path
    Target,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let program = at.program(&args.name)?;
    if args.json {
        at.tell.say(to_json(&program));
        return Ok(0);
    }
    let title = format!("{} {}  {}", program.name, program.version, program.title);
    at.tell.say(at.tell.paint(Look::Bold, title.trim_end()));
    let lines = match args.by {
        Side::Source => by_source(&program, at),
        Side::Target => by_target(&program, at),
    };
    say_table(&lines, at);
    say_codes(&program, at);
    Ok(0)
}

/// What is first, second and third, and the place.
type Line = [String; 4];

fn by_target(program: &Program, at: &At) -> Vec<Line> {
    let line = |row: &Row| {
        let place = program.place(row.pos);
        let (from, notes) = match &row.from {
            Source::Constant(text) => (format!("= {text}"), String::new()),
            Source::Reference(alias) => (format!("-> {alias}"), String::new()),
            Source::Slots(slots) => (slots.names.join(" "), slots.notes()),
        };
        [row.path.clone(), from, notes, place]
    };
    let mut lines: Vec<Line> = rows(program).iter().map(line).collect();
    lines.extend(
        put_lines(program, at)
            .into_iter()
            .map(|[slot, what, notes, place]| [what, slot, notes, place]),
    );
    lines
}

fn by_source(program: &Program, at: &At) -> Vec<Line> {
    let mut by_slot: BTreeMap<(Vec<Part>, String), Vec<Line>> = BTreeMap::new();
    let mut add = |slot: &str, line: Line| {
        by_slot.entry((sortable(slot), slot.to_owned())).or_default().push(line);
    };
    for row in rows(program) {
        let Source::Slots(slots) = &row.from else { continue };
        for slot in &slots.names {
            let place = program.place(row.pos);
            add(slot, [slot.clone(), row.path.clone(), slots.notes(), place]);
        }
    }
    for line in put_lines(program, at) {
        add(&line[0].clone(), line);
    }
    by_slot.into_values().flatten().collect()
}

fn put_lines(program: &Program, at: &At) -> Vec<Line> {
    let word = at.tell.pick(("(put)", "（写出）"));
    let line = |put: &crate::translate::plan::PutSlot| {
        [put.shown.clone(), word.to_owned(), String::new(), program.place(put.pos)]
    };
    program.put.iter().map(line).collect()
}

/// A piece of a slot's name: numbers are compared as numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u32),
    Text(String),
}

/// `PID-10.2` after `PID-9`.
fn sortable(slot: &str) -> Vec<Part> {
    let parts = slot.split(['-', '.', '/', '[', ']']).filter(|part| !part.is_empty());
    parts
        .map(|part| part.parse().map_or_else(|_| Part::Text(part.to_owned()), Part::Number))
        .collect()
}

fn say_table(lines: &[Line], at: &At) {
    let width = |n: usize, most: usize| {
        lines.iter().map(|line| line[n].chars().count()).max().unwrap_or(0).min(most)
    };
    let (first, second, third) = (width(0, 60), width(1, 60), width(2, 30));
    for [a, b, c, place] in lines {
        let place = at.tell.paint(Look::Dim, place);
        at.tell.say(format_args!("{a:first$}  {b:second$}  {c:third$}  {place}"));
    }
}

/// The code tables, with the rows that do not lead back.
fn say_codes(program: &Program, at: &At) {
    let tell = at.tell;
    for table in &program.tables {
        let losses = losses(table);
        let (rows, lost) = (table.rows.len(), losses.len());
        let counts = match tell.lang {
            Lang::En => format!("{rows} rows, {lost} do not lead back"),
            Lang::Zh => format!("{rows} 行，其中 {lost} 行不可还原"),
        };
        let name = tell.paint(Look::Bold, format_args!("code({})", table.name));
        tell.say(format_args!("{name}  {counts}  {}", program.place(table.pos)));
        for loss in losses {
            let back = match (&loss.back, tell.lang) {
                (Some(code), Lang::En) => format!("comes back as {code}"),
                (Some(code), Lang::Zh) => format!("还原为 {code}"),
                (None, Lang::En) => "does not come back".to_owned(),
                (None, Lang::Zh) => "无法还原".to_owned(),
            };
            let row = tell.paint(Look::Yellow, loss.row);
            tell.say(format_args!("  {row}  {back}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sortable;

    #[test]
    fn slots_are_sorted_by_number() {
        let mut slots = ["PID-10.2", "PID-9", "PID-10", "NK1-2"];
        slots.sort_by_key(|slot| sortable(slot));
        assert_eq!(slots, ["NK1-2", "PID-9", "PID-10", "PID-10.2"]);
    }
}
