//! Tables: rules over rows, references along foreign keys, spellings of columns, what may be written.

use std::rc::Rc;

use super::leaf::Draft;
use super::scope::Scope;
use super::{Compiling, Source};
use crate::legacy::sql::{self, Hop};
use crate::legacy::{List, Schema, Slot};
use crate::translate::plan::{By, Codec, Each, Flag, Input, Leaf, Via};
use crate::yaml::{Mark, Node};

/// Longest way along foreign keys that is looked for where `by` does not say one.
const MOST_HOPS: usize = 4;

impl Compiling<'_> {
    /// `from: TABLE [distinct COLUMN [latest COLUMN]]`: one resource per row. Rows of a part are
    /// found below those of their parent.
    pub(super) fn from(&mut self, node: &Node, scope: &Scope) -> Option<(Each, Scope)> {
        let text = node.text().unwrap_or("").trim();
        let Schema::Sql(schema) = self.schema.clone() else {
            let hint = "write `each: LIST`, and [] behind the alias";
            self.report.error_hint("M000", node.mark, "`from` belongs to SQL sources", hint);
            return None;
        };
        let steps: Vec<String> = match schema.table(text) {
            Some(table) => {
                schema.line(table).into_iter().map(|t| schema.name(t).to_owned()).collect()
            }
            None => vec![text.to_owned()],
        };
        let mut each = Each {
            steps: Vec::new(),
            shown: text.to_owned(),
            filter: None,
            by: By::Position,
            said_by: true,
        };
        let mut inner = scope.clone();
        for step in steps {
            match self.schema.list(&inner.place, &step) {
                Ok((list, place)) => {
                    each.steps.push(list);
                    inner.place = place;
                    inner.steps.push(step);
                }
                Err(unknown) => {
                    let name = text.split_whitespace().find(|w| unknown.what.contains(w));
                    self.report.unknown(name.unwrap_or(text), node.mark, unknown);
                    return None;
                }
            }
        }
        Some((each, inner))
    }

    /// The table of a scope.
    fn table_at(&self, scope: &Scope) -> Option<u16> {
        match &scope.place {
            crate::legacy::Place::Sql(place) => place.table(),
            _ => None,
        }
    }

    /// `-> alias by COLUMN.COLUMN`; without `by` the only way along foreign keys, unless the target is
    /// the same row or one around it (M030).
    #[allow(clippy::option_option, reason = "outer: reported, inner: no way is needed")]
    pub(super) fn via(
        &mut self,
        rule: usize,
        by: Option<&str>,
        alias: &str,
        mark: Mark,
        scope: &Rc<Scope>,
    ) -> Option<Option<Via>> {
        let Schema::Sql(schema) = self.schema.clone() else { return Some(None) };
        let target = self.heads[rule].scope.clone();
        let (Some(here), Some(there)) = (self.table_at(scope), self.table_at(&target)) else {
            return Some(None);
        };
        let same = self.identity(rule, there, &schema);
        let Some(by) = by else {
            if scope.steps.starts_with(&target.steps) {
                return Some(None);
            }
            let mut ways = ways(&schema, here, there);
            ways.sort_by_key(Vec::len);
            let shortest = ways.first().map_or(0, Vec::len);
            let near = ways.iter().filter(|way| way.len() == shortest).count();
            let Some(way) = ways.into_iter().next().filter(|_| near == 1) else {
                let (what, hint) = if near == 0 {
                    let what = format!(
                        "no foreign key of {} leads to {}",
                        schema.name(here),
                        schema.name(there)
                    );
                    (what, "write `-> TABLE` in the schema, or `-> alias by COLUMN`".to_owned())
                } else {
                    let what = format!(
                        "{near} ways lead from {} to {}",
                        schema.name(here),
                        schema.name(there)
                    );
                    (what, format!("say which: -> {alias} by COLUMN"))
                };
                self.report.error_hint("M030", self.report.within(mark, alias), what, hint);
                return None;
            };
            let mut hops = way;
            let last = hops.pop()?;
            let table = hops.last().map_or(here, |hop| hop.table);
            let slot = schema.slot_of(here, hops, table, last.column);
            return self.finish_via(&schema, slot, same?).map(Some);
        };
        let slot = match schema.slot(&place_of(scope)?, by) {
            Ok(slot) => slot,
            Err(unknown) => {
                self.report.unknown(by, mark, unknown);
                return None;
            }
        };
        let leads = schema.leads_to(slot.table, slot.column) == Some(there);
        let same = same?;
        let distinct = !schema.tables[usize::from(there)].key.contains(&same.column);
        let itself = slot.table == there && slot.column == same.column;
        if !leads && !distinct && !itself {
            let what =
                format!("{by} does not lead to {}, where '{alias}' comes from", schema.name(there));
            let hint = format!(
                "write `-> {}` behind the column in the schema if it does",
                schema.name(there)
            );
            self.report.error_hint("M030", self.report.within(mark, by), what, hint);
            return None;
        }
        self.finish_via(&schema, slot, same).map(Some)
    }

    fn finish_via(
        &mut self,
        schema: &sql::Schema,
        slot: sql::Slot,
        same: sql::Slot,
    ) -> Option<Via> {
        let shown = schema.canonical(&schema.root(), &slot);
        self.slots.add(&shown, false);
        Some(Via { slot, same, shown })
    }

    /// The column that names a row of the target: that of `distinct`, else its table's key.
    fn identity(&self, rule: usize, table: u16, schema: &sql::Schema) -> Option<sql::Slot> {
        let each = self.rules[rule].each.as_ref()?;
        if let Some(List::Sql(sql::List::Distinct { column, .. })) = each.steps.last() {
            return Some(schema.slot_of(table, Vec::new(), table, *column));
        }
        schema.key_slots(table).into_iter().next()
    }

    /// Dates without patterns are spelt as the type of their column says.
    pub(super) fn spell(&self, draft: &mut Draft) {
        let (Schema::Sql(schema), Input::Slots(all)) = (&self.schema, &draft.input) else { return };
        let Some(Slot::Sql(slot)) = all.first().and_then(|slots| slots.first()) else { return };
        let table = &schema.tables[usize::from(slot.table)];
        let times = &table.columns[usize::from(slot.column)].kind.times;
        for codec in &mut draft.codecs {
            if let Codec::Date(patterns) | Codec::DateTime(patterns) = codec
                && patterns.is_empty()
            {
                patterns.clone_from(times);
            }
        }
    }

    /// A column of another row is owned by the leaf in that row (M029).
    pub(super) fn check_relation(&mut self, draft: &Draft, mark: Mark) {
        if self.source != Source::Sql || draft.flag != Flag::Own {
            return;
        }
        let Input::Slots(all) = &draft.input else { return };
        let far = all.iter().flatten().find_map(|slot| match slot {
            Slot::Sql(slot) if !slot.hops.is_empty() => Some(slot),
            _ => None,
        });
        if let Some(slot) = far {
            let name = self.schema.canonical(&self.schema.root(), &Slot::Sql(slot.clone()));
            let what = format!("{name} stands in another row");
            let hint = "write `| copy` if it only follows, `| shared` if all rows below that one say it together";
            self.report.error_hint("M029", mark, what, hint);
        }
    }

    /// Whether put may not write a leaf: it is read from the newest of many rows, or nothing was
    /// granted on its table.
    pub(super) fn is_fixed(&self, leaf: &Leaf) -> bool {
        let Schema::Sql(schema) = &self.schema else { return false };
        let each = self.rules.get(self.current).and_then(|rule| rule.each.as_ref());
        let last = each.and_then(|each| each.steps.last());
        if matches!(last, Some(List::Sql(sql::List::Distinct { .. }))) {
            return true;
        }
        let Input::Slots(all) = &leaf.input else { return false };
        all.iter().flatten().any(|slot| match slot {
            Slot::Sql(slot) => !schema.tables[usize::from(slot.table)].rights.update,
            _ => false,
        })
    }
}

impl Compiling<'_> {
    /// Whether a key of `put:` is a table: its rights were read with the schema.
    pub(super) fn is_table(&self, name: &str) -> bool {
        matches!(&self.schema, Schema::Sql(schema) if schema.table(name).is_some())
    }

    /// The rule that drives the rows of `TABLE.COLUMN`: the first whose key reads the row itself.
    pub(super) fn rule_of_column(&self, name: &str) -> Option<usize> {
        let Schema::Sql(schema) = &self.schema else { return None };
        let table = schema.table(name.split_once('.')?.0)?;
        (0..self.rules.len()).find(|rule| {
            let last = self.rules[*rule].each.as_ref().and_then(|each| each.steps.last());
            let here = matches!(last, Some(List::Sql(sql::List::Rows(t))) if *t == table);
            here && self.rules[*rule].drives_its_row()
        })
    }

    /// What is written of `TABLE.COLUMN` in a row of the table; M033 without a right.
    pub(super) fn column_of_put<'n>(
        &mut self,
        name: &'n str,
        mark: Mark,
        rule: Option<usize>,
    ) -> Option<&'n str> {
        let Schema::Sql(schema) = &self.schema else { return Some(name) };
        let Some((table, column)) = name.split_once('.') else {
            let hint = "write TABLE.COLUMN: EXPRESSION, or TABLE: insert update void";
            let what = format!("'{name}' is no column");
            self.report.error_hint("M013", mark, what, hint);
            return None;
        };
        let Some(number) = schema.table(table) else {
            let unknown = schema.list(&schema.root(), table).err();
            self.report.unknown(table, mark, unknown?);
            return None;
        };
        let rights = schema.tables[usize::from(number)].rights;
        if !rights.insert && !rights.update {
            let what = format!("nothing is granted on {table}, so {name} is never written");
            let hint = format!("write {table}: update");
            self.report.error_hint("M033", mark, what, hint);
            return None;
        }
        if rule.is_none() {
            let what = format!("no resource is made from the rows of {table}");
            let hint = format!("write a resource with `from: {table}`");
            self.report.error_hint("M033", mark, what, hint);
            return None;
        }
        Some(column)
    }
}

fn place_of(scope: &Scope) -> Option<sql::Place> {
    match &scope.place {
        crate::legacy::Place::Sql(place) => Some(place.clone()),
        _ => None,
    }
}

/// The ways along foreign keys from a table to another.
fn ways(schema: &sql::Schema, from: u16, to: u16) -> Vec<Vec<Hop>> {
    let mut found = Vec::new();
    let mut open = vec![(from, Vec::new())];
    while let Some((table, way)) = open.pop() {
        for column in 0..schema.tables[usize::from(table)].columns.len() as u16 {
            let Some(next) = schema.leads_to(table, column) else { continue };
            let mut longer: Vec<Hop> = way.clone();
            longer.push(Hop { column, table: next });
            if next == to {
                found.push(longer);
            } else if longer.len() < MOST_HOPS {
                open.push((next, longer));
            }
        }
    }
    found
}
