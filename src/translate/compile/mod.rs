//! Compile: mapping files → [`super::plan::Program`], or every mistake in them, located.
//!
//! * [`load`], [`merge`]: files → one document (`extends`, `use`, party words)
//! * [`schema`]: `source:` and `schema.yaml` → the legacy side
//! * [`codes`], [`fields`], [`paths`]: tables, the model's fields and what binds them, named paths
//! * [`rule`], [`block`], [`body`], [`element`], [`choice`], [`marks`]: entries and fragments →
//!   rules, objects, items and branches
//! * [`leaf`], [`operand`], [`codec`], [`ucum`], [`guard`], [`scope`], [`key`], [`expr`], [`path`],
//!   [`text`]: the small grammars
//! * [`value`], [`check`]: what the definitions and the other rules say about them
//! * [`review`]: the whole, once it is there
//! * [`out`], [`ignore`]: `put`, `require`, `check`, `create`, `ignore`, `accept`, the policies
//! * [`json_schema`]: what of all this an editor can know
//! * [`report`]: diagnostics and how they are shown
//!
//! A step gives `None` where it found a mistake and has reported it; so one run finds them all.

mod block;
mod body;
mod check;
mod choice;
mod codec;
mod codes;
mod element;
mod expr;
mod fields;
mod guard;
mod ignore;
mod json_schema;
mod key;
mod leaf;
mod load;
mod marks;
mod merge;
mod operand;
mod out;
mod path;
mod paths;
mod report;
mod review;
mod rule;
mod schema;
mod scope;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod text;
mod ucum;
mod value;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::legacy::Schema;
use crate::translate::library::SourceFile;
use crate::translate::plan::{Case, Choice, Flag, Party, Program, Rule, Slots, Table};
use crate::yaml::Mark;

use block::Contents;
use fields::Fields;
use load::{Doc, Loader};
use paths::NamedPath;
use report::Report;
use schema::Legacy;
use scope::{Cond, Scope};

pub(super) use codes::csv;
pub use json_schema::json_schema;
pub use report::{Diagnostic, render};

/// Where mapping files come from; paths are relative to the library: `hospital-adt/mapping.yaml`.
pub trait FileSource {
    /// A file, if there is one.
    fn file(&self, path: &str) -> Option<SourceFile>;
}

/// Compiles `NAME/mapping.yaml` for a party. Gives the program with warnings, or all mistakes.
pub fn compile(
    name: &str,
    party: &Party,
    files: &dyn FileSource,
) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut report = Report::default();
    let made = program(name, party, files, &mut report);
    let mut found = std::mem::take(&mut report.found);
    found.sort_by_key(|d| std::cmp::Reverse(d.severity));
    match made {
        Some(program) if !report_has_errors(&found) => Ok((program, found)),
        _ => Err(found),
    }
}

fn report_has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|d| d.severity >= crate::fhir::Severity::Error)
}

fn program(
    name: &str,
    party: &Party,
    files: &dyn FileSource,
    report: &mut Report,
) -> Option<Program> {
    let mut loader = Loader { report, files, party };
    let doc = loader.load(name)?;
    let legacy = loader.legacy(&doc)?;
    let mut compiling = Compiling::new(report, files, party, doc, legacy);
    compiling.read_paths();
    compiling.read_tables();
    compiling.read_fields();
    compiling.declare();
    compiling.bodies();
    compiling.all_keys();
    Some(compiling.finish_program())
}

/// The kind of the legacy side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Hl7,
    Row,
    Xml,
    Json,
    Sql,
}

/// A rule's own scope, and what is kept of it until its turn.
#[derive(Debug)]
struct Head {
    scope: Scope,
    contents: Contents,
    mark: Mark,
    /// The rules whose key this one's names.
    key_of: BTreeSet<usize>,
}

/// A leaf's word about slots.
#[derive(Debug, Clone)]
struct Claim {
    held: Vec<Held>,
    flag: Flag,
    conds: Vec<Cond>,
    mark: Mark,
    path: String,
    rule: usize,
}

/// A slot that a leaf reads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    /// Canonical name.
    slot: String,
    /// With all its components and repetitions.
    whole: bool,
    /// Only this part of a scan.
    part: Option<String>,
}

impl Held {
    fn new(slot: String) -> Self {
        Held { slot, whole: false, part: None }
    }

    /// Whether the two have some text in common.
    fn meets(&self, other: &Held) -> bool {
        let apart = self.part.is_some() && other.part.is_some() && self.part != other.part;
        let inside = |outer: &Held, inner: &Held| {
            let below = inner.slot.strip_prefix(outer.slot.as_str());
            outer.whole && below.is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        !apart && (self.slot == other.slot || inside(self, other) || inside(other, self))
    }
}

impl Claim {
    /// Whether it owns some of a slot.
    fn owns(&self, slot: &str) -> bool {
        let slot = Held::new(slot.to_owned());
        self.flag != Flag::Copy && self.held.iter().any(|held| held.meets(&slot))
    }

    /// Whether it writes this slot.
    fn fills(&self, slot: &str) -> bool {
        self.flag != Flag::Copy && self.held.iter().any(|held| held.slot == slot)
    }
}

/// A compilation on its way.
struct Compiling<'a> {
    report: &'a mut Report,
    files: &'a dyn FileSource,
    party: &'a Party,
    doc: Doc,
    source: Source,
    schema: Schema,
    header: Vec<String>,
    /// Slots that carry secrets whatever they hold: columns the schema says so of.
    secret: BTreeSet<String>,
    /// Slots that are read as national ids, perhaps in one branch only.
    ids: BTreeSet<String>,
    fields: Fields,
    paths: Vec<NamedPath>,
    tables: Vec<Table>,
    /// Tables whose rows without a way back were reported.
    one_way: HashSet<String>,
    rules: Vec<Rule>,
    heads: Vec<Head>,
    aliases: HashMap<String, usize>,
    /// Aliases of rules over a list that is bound to nothing.
    gone: HashSet<String>,
    choices: Vec<Choice>,
    /// Fields bound by `one_of`.
    cases: Vec<Vec<Case>>,
    /// Where those are bound, and what they read.
    bound_cases: HashMap<Mark, (usize, Vec<Held>)>,
    /// Of each choice, what holds in each of its branches.
    branch_conds: Vec<Vec<Vec<Cond>>>,
    claims: Vec<Claim>,
    /// What leaves, conditions and keys read.
    slots: Slots,
    /// The rule whose body is compiled.
    current: usize,
}

impl<'a> Compiling<'a> {
    fn new(
        report: &'a mut Report,
        files: &'a dyn FileSource,
        party: &'a Party,
        doc: Doc,
        legacy: Legacy,
    ) -> Self {
        Compiling {
            report,
            files,
            party,
            doc,
            source: legacy.source,
            schema: legacy.schema,
            header: legacy.header,
            secret: legacy.secret.into_iter().collect(),
            ids: BTreeSet::new(),
            fields: Fields::new(),
            paths: Vec::new(),
            tables: Vec::new(),
            one_way: HashSet::new(),
            rules: Vec::new(),
            heads: Vec::new(),
            aliases: HashMap::new(),
            gone: HashSet::new(),
            choices: Vec::new(),
            cases: Vec::new(),
            bound_cases: HashMap::new(),
            branch_conds: Vec::new(),
            claims: Vec::new(),
            slots: Slots::default(),
            current: 0,
        }
    }

    fn loader(&mut self) -> Loader<'_> {
        Loader { report: self.report, files: self.files, party: self.party }
    }

    fn is_hl7(&self) -> bool {
        self.source == Source::Hl7
    }

    /// Whether a slot may hold others: components, elements.
    fn has_parts(&self) -> bool {
        matches!(self.source, Source::Hl7 | Source::Xml)
    }

    fn read_tables(&mut self) {
        for (key, layers) in std::mem::take(&mut self.doc.codes) {
            let table = self.table(&key, &layers);
            self.tables.push(table);
        }
    }

    fn finish_program(mut self) -> Program {
        let accept = self.read_accept();
        let zone = self.read_zone();
        // What is only written, required or checked is not read.
        let mut slots = std::mem::take(&mut self.slots);
        let (put, triggers) = self.read_put();
        let roots = self.read_roots();
        let require = self.read_require(&put);
        let checks = self.read_checks();
        let create = self.read_create();
        slots.ignore = self.read_ignore();
        let charset = self.read_charset();
        let (nulls, rest) = self.read_policies();
        self.check_owners();
        self.settle_rules();
        self.review();
        let text = |key: &str| self.doc.text(key).unwrap_or("").to_owned();
        Program {
            name: text("mapping"),
            version: text("version"),
            title: text("title"),
            files: self.report.shown(),
            hash: self.report.hash(),
            party: self.party.clone(),
            schema: self.schema,
            accept,
            charset,
            zone,
            nulls,
            rest,
            tables: self.tables,
            rules: self.rules,
            choices: self.choices,
            cases: self.cases,
            put,
            triggers,
            require,
            checks,
            roots,
            create,
            slots,
            secret: self.secret.union(&self.ids).cloned().collect(),
        }
    }
}
