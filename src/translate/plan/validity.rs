//! When a code may be written.

use jiff::civil::Date;

/// The days between which a code is valid, both inclusive; `None`: open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// The first day.
    pub from: Option<Date>,
    /// The last day.
    pub to: Option<Date>,
}

impl Validity {
    /// Whether no day is excluded.
    pub fn always(self) -> bool {
        self == Validity::default()
    }

    /// Whether a day is inside.
    pub fn on(self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether some day is inside of both.
    pub fn meets(self, other: Validity) -> bool {
        let starts = |a: Validity, b: Validity| match (a.from, b.to) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        };
        starts(self, other) && starts(other, self)
    }

    /// Whether it lasts longer than another.
    pub fn outlasts(self, other: Validity) -> bool {
        match (self.to, other.to) {
            (Some(mine), Some(theirs)) => mine > theirs,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, to: &str) -> Validity {
        Validity { from: from.parse().ok(), to: to.parse().ok() }
    }

    #[test]
    fn the_first_and_the_last_day_are_inside() {
        let year = days("2024-01-01", "2024-12-31");
        for (day, inside) in [
            ("2023-12-31", false),
            ("2024-01-01", true),
            ("2024-12-31", true),
            ("2025-01-01", false),
        ] {
            assert_eq!(year.on(day.parse().unwrap()), inside, "{day}");
            assert!(Validity::default().on(day.parse().unwrap()));
        }
    }

    #[test]
    fn periods_meet_or_follow() {
        let (old, new) = (days("", "2025-08-31"), days("2025-09-01", ""));
        assert!(!old.meets(new) && !new.meets(old) && old.meets(old));
        assert!(old.meets(Validity::default()));
        assert!(new.outlasts(old) && !old.outlasts(new) && !new.outlasts(new));
    }
}
