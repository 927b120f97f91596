//! The dated table of notifiable diseases: ICD-10 prefix → disease, deadline, validity.
//!
//! Codes are matched by normalised prefix, never by equality: national editions extend ICD-10
//! (`A15.005`, `I10.x00x002`).

use crate::error::{Error, Kind, Result};

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disease {
    /// ICD-10 prefix.
    pub icd10: String,
    /// Four-digit code of the card.
    pub card_code: String,
    /// Its name.
    pub name: String,
    /// Hours from diagnosis to report.
    pub deadline_hours: i64,
    valid_from: String,
    valid_to: String,
}

/// The table.
#[derive(Debug, Clone, Default)]
pub struct Diseases {
    rows: Vec<Disease>,
}

impl Diseases {
    /// Reads the CSV table with the columns icd10, card_code, zh, deadline_h, valid_from, valid_to.
    pub fn read(text: &str) -> Result<Diseases> {
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
        let at = |name: &str| {
            header.iter().position(|h| *h == name).ok_or_else(|| {
                Error::new(Kind::Usage, format!("the disease table has no column '{name}'"))
            })
        };
        let columns = [
            at("icd10")?,
            at("card_code")?,
            at("zh")?,
            at("deadline_h")?,
            at("valid_from")?,
            at("valid_to")?,
        ];
        let mut rows = Vec::new();
        for (n, line) in lines.enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |c: usize| cells.get(columns[c]).copied().unwrap_or("").to_owned();
            let hours = cell(3).parse().map_err(|_| {
                let what = format!("deadline '{}' is not a number of hours", cell(3));
                Error::new(Kind::Usage, what).at(format!("line {}", n + 2))
            })?;
            rows.push(Disease {
                icd10: cell(0),
                card_code: cell(1),
                name: cell(2),
                deadline_hours: hours,
                valid_from: cell(4),
                valid_to: cell(5),
            });
        }
        Ok(Diseases { rows })
    }

    /// The disease of an ICD-10 code on a day (`2026-03-05…`; today where it is empty): the longest
    /// prefix that is valid then.
    pub fn find(&self, code: &str, day: &str) -> Option<&Disease> {
        let code = normalised(code);
        let today = jiff::Zoned::now().date().to_string();
        let day = day.get(..10).unwrap_or(&today);
        self.rows
            .iter()
            .filter(|d| code.starts_with(&normalised(&d.icd10)))
            .filter(|d| d.valid_from.is_empty() || d.valid_from.as_str() <= day)
            .filter(|d| d.valid_to.is_empty() || day <= d.valid_to.as_str())
            .max_by_key(|d| d.icd10.len())
    }
}

/// Without the dot and the marks of national editions.
fn normalised(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "icd10,card_code,zh,class,deadline_h,valid_from,valid_to\n\
        A00,0200,霍乱,甲,2,2025-09-01,\nA15,2600,肺结核,乙,24,2025-09-01,\n\
        A15.0,2606,病原学阳性,乙,24,2025-09-01,\nJ09,9900,禽流感,乙,24,,2025-08-31\n";

    #[test]
    fn the_longest_prefix_that_is_valid_wins() {
        let table = Diseases::read(TABLE).expect("reads");
        let code = |c, d| table.find(c, d).map(|d| d.card_code.clone());
        assert_eq!(code("A00.900", "2026-03-05").as_deref(), Some("0200"));
        assert_eq!(code("A15.005", "2026-03-05").as_deref(), Some("2606"));
        assert_eq!(code("A15.x00", "2026-03-05").as_deref(), Some("2600"));
        assert_eq!(code("J09.x01", "2025-08-31").as_deref(), Some("9900"));
        assert_eq!(code("J09.x01", "2025-09-01"), None);
        assert_eq!(code("I10.x00", "2026-03-05"), None);
    }
}
