//! Spellings: which legacy texts a FHIR value may come from (the preimage of a leaf), where they can
//! be listed. A live search asks the source for these.

use super::codec::{self, Around, Val};
use super::eval::around;
use super::plan::{Codec, Leaf, Program, Table};
use crate::fhir::identifier;

/// The legacy texts of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spellings {
    /// Each is read as the value; the one that put writes first.
    pub texts: Vec<String>,
    /// Whether no other text is read as the value. Otherwise rarer spellings are read too: blanks
    /// inside a number, half of it in full width.
    pub whole: bool,
}

/// The texts of its slot that a leaf reads as `value`. `None`: they are a range (dates, numbers), or
/// several slots together make the value.
pub fn spellings(program: &Program, leaf: &Leaf, value: &str) -> Option<Spellings> {
    let around = around(program, None);
    let mut all = Spellings { texts: vec![value.to_owned()], whole: true };
    for codec in leaf.codecs.iter().rev() {
        let mut before = Spellings { texts: Vec::new(), whole: all.whole };
        for text in &all.texts {
            let found = of_codec(program, codec, text)?;
            before.whole &= found.whole;
            before.texts.extend(found.texts);
        }
        all = before;
    }
    all.texts.retain(|text| reads_as(leaf, &around, text, value));
    let mut seen = std::collections::HashSet::new();
    all.texts.retain(|text| seen.insert(text.clone()));
    Some(all)
}

fn of_codec(program: &Program, codec: &Codec, value: &str) -> Option<Spellings> {
    let some = |texts| Some(Spellings { texts, whole: false });
    match codec {
        Codec::Code(table) => Some(of_table(&program.tables[*table], value)),
        Codec::Bool(yes, no) => {
            let text = if value == "true" { yes } else { no };
            Some(Spellings { texts: vec![text.clone()], whole: true })
        }
        Codec::Cnid => some(identifier::id_card_spellings(value)),
        Codec::CnidOrText => {
            let mut texts = vec![value.to_owned()];
            if identifier::id_card(value).is_ok() {
                texts = identifier::id_card_spellings(value);
            }
            some(texts)
        }
        Codec::Uscc => some(identifier::uscc_spellings(value)),
        Codec::OrgCode { hyphen } => {
            let mut texts = identifier::organisation_spellings(value);
            if *hyphen && texts.len() > 1 {
                texts.swap(0, 1);
            }
            some(texts)
        }
        Codec::Name | Codec::Phone | Codec::Trim => some(vec![value.to_owned()]),
        Codec::Pad(width) => {
            let widths = (value.len()..=(*width).max(value.len())).rev();
            some(widths.map(|width| format!("{value:0>width$}")).collect())
        }
        Codec::Fill(_) => {
            let zeros = value.len() - value.trim_start_matches('0').len();
            let shortest = zeros.min(value.len().saturating_sub(1));
            some((0..=shortest).map(|cut| value[cut..].to_owned()).collect())
        }
        Codec::Hd(_)
        | Codec::Date(_)
        | Codec::DateTime(_)
        | Codec::Decimal
        | Codec::Int
        | Codec::Quantity(_)
        | Codec::Template(_)
        | Codec::Lines
        | Codec::Xhtml => None,
    }
}

/// The legacy codes of a FHIR code.
fn of_table(table: &Table, value: &str) -> Spellings {
    let first = table.put.get(value).cloned();
    let rows = table.rows.iter().filter(|row| row.fhir == value).map(|row| row.legacy.clone());
    let by_prefix = table.prefix.as_deref().and_then(|p| value.strip_prefix(p)).map(str::to_owned);
    let texts = first.into_iter().chain(rows).chain(by_prefix).collect();
    Spellings { texts, whole: table.get_other.as_deref() != Some(value) }
}

fn reads_as(leaf: &Leaf, around: &Around, text: &str, value: &str) -> bool {
    let read = codec::decode_all(&leaf.codecs, around, Val::Text(text.into()));
    read.is_ok_and(|read| read.text().as_deref() == Some(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::Library;
    use crate::translate::compose::each_leaf;
    use crate::translate::plan::{Input, Json, Pos, Row, Way, tests::empty};

    fn leaf(codecs: Vec<Codec>) -> Leaf {
        Leaf {
            input: Input::Nothing,
            codecs,
            json: Json::Text,
            flag: crate::translate::plan::Flag::Own,
            lossy: None,
            or_else: None,
            pos: Pos::default(),
            slots: Vec::new(),
            in_key: false,
            fixed: false,
        }
    }

    fn texts(program: &Program, codecs: Vec<Codec>, value: &str) -> (Vec<String>, bool) {
        let found = spellings(program, &leaf(codecs), value).expect("finite");
        (found.texts, found.whole)
    }

    #[test]
    fn an_id_card_is_written_in_six_ways() {
        let (found, whole) = texts(&empty(), vec![Codec::Cnid], "53990119520229006X");
        let wide = [
            "５３９９０１１９５２０２２９００６Ｘ",
            "５３９９０１１９５２０２２９００６ｘ",
            "５３９９０１５２０２２９００６",
        ];
        let plain = ["53990119520229006X", "53990119520229006x", "539901520229006"];
        assert_eq!(
            (found, whole),
            ([plain, wide].concat().iter().map(|t| (*t).to_owned()).collect(), false)
        );
        let (found, _) = texts(&empty(), vec![Codec::Cnid], "539901201906010028");
        assert_eq!(found.len(), 2, "born too late for 15 digits: {found:?}");
        assert_eq!(texts(&empty(), vec![Codec::Cnid], "5399********0014").0, [""; 0]);
    }

    #[test]
    fn codes_are_listed_with_what_stands_before_them() {
        let mut program = empty();
        let row = |legacy: &str, fhir: &str, way| Row {
            legacy: legacy.to_owned(),
            fhir: fhir.to_owned(),
            way,
        };
        let rows = vec![
            row("1", "male", Way::Both),
            row("3", "male", Way::Get),
            row("2", "female", Way::Both),
            row("9", "other", Way::Put),
        ];
        let mut table = Table { rows, get_other: Some("female".to_owned()), ..Table::default() };
        for (legacy, fhir) in [("1", "male"), ("3", "male"), ("2", "female")] {
            table.get.insert(legacy.to_owned(), fhir.to_owned());
        }
        table.put = [("male", "1"), ("female", "2"), ("other", "9")]
            .map(|(f, l)| (f.to_owned(), l.to_owned()))
            .into();
        program.tables.push(table);
        let of = |value: &str| texts(&program, vec![Codec::Pad(2), Codec::Code(0)], value);
        assert_eq!(of("male").0, ["01", "1", "03", "3"]);
        assert_eq!(
            texts(&program, vec![Codec::Code(0)], "male"),
            (vec!["1".to_owned(), "3".to_owned()], true)
        );
        assert!(!texts(&program, vec![Codec::Code(0)], "female").1, "any other code is female too");
        assert_eq!(of("other").0, [""; 0], "9 is written, and read as female");
    }

    #[test]
    fn hyphens_come_first_where_they_are_written() {
        let (found, _) = texts(&empty(), vec![Codec::OrgCode { hyphen: true }], "400000018");
        assert_eq!(found[..2], ["40000001-8", "400000018"]);
    }

    #[test]
    fn ranges_have_no_list() {
        assert_eq!(spellings(&empty(), &leaf(vec![Codec::Decimal]), "1.0"), None);
        assert_eq!(spellings(&empty(), &leaf(vec![Codec::Date(Vec::new())]), "1965-03-15"), None);
    }

    /// Every code of every shipped table is found again, and put's own spelling is the first.
    #[test]
    fn what_put_writes_is_the_first() {
        let library = Library::open(&[]).unwrap();
        let party =
            crate::translate::Party { name: "local".to_owned(), title: String::new(), uscc: None };
        let mut looked_at = 0;
        for name in library.names() {
            let program = library.program(&name, &party).unwrap();
            for rule in &program.rules {
                each_leaf(&rule.body, &mut String::new(), &mut |path, leaf| {
                    let Some(Codec::Code(table)) = leaf.codecs.last() else { return };
                    for (fhir, legacy) in &program.tables[*table].put {
                        let Some(found) = spellings(&program, leaf, fhir) else { return };
                        if program.tables[*table].get.get(legacy) == Some(fhir)
                            && leaf.codecs.len() == 1
                        {
                            assert_eq!(found.texts.first(), Some(legacy), "{name} {path} {fhir}");
                            looked_at += 1;
                        }
                    }
                });
            }
        }
        assert!(looked_at > 100, "{looked_at}");
    }

    proptest! {
        #[test]
        fn any_value_may_be_asked_for(value in "\\PC{0,20}") {
            for codec in [Codec::Cnid, Codec::CnidOrText, Codec::Uscc, Codec::OrgCode { hyphen: true }, Codec::Pad(3)] {
                let _ = spellings(&empty(), &leaf(vec![codec]), &value);
            }
        }
    }
}
