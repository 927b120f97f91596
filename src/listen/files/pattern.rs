//! Which file names are taken.

/// Whether a name fits a pattern with `*` and `?`, and is not one of a file still being written.
pub(super) fn takes(pattern: &str, name: &str) -> bool {
    let hidden = name.starts_with(['.', '~']) || name.ends_with('~');
    let lower = name.to_lowercase();
    let temporary = [".tmp", ".part"].iter().any(|end| lower.ends_with(end));
    !hidden && !temporary && fits(&pattern.to_lowercase(), &lower)
}

/// Whether a text fits a pattern, in time proportional to the product of their lengths at worst.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where the last star stood, and where in the text what it covers ends.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(c), _) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            (_, Some((at, covered))) => {
                star = Some((at, covered + 1));
                p = at + 1;
                t = covered + 1;
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names_in_any_case() {
        for (pattern, name, fits) in [
            ("*.csv", "gxy_高血压随访_gbk.CSV", true),
            ("*.csv", "gxy.csv.bak", false),
            ("*", "anything", true),
            ("gxy_*_gbk.csv", "gxy__gbk.csv", true),
            ("gxy_*_gbk.csv", "gxy_gbk.csv", false),
            ("a?c", "a随c", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
        ] {
            assert_eq!(takes(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn files_that_are_being_written_are_left_alone() {
        for name in [".gxy.csv", "~$gxy.csv", "gxy.csv~", "gxy.csv.tmp", "gxy.csv.PART"] {
            assert!(!takes("*", name), "{name}");
        }
    }

    #[test]
    fn many_stars_are_no_bomb() {
        let pattern = "*a".repeat(50);
        assert!(!takes(&pattern, &"a".repeat(49)));
        assert!(!takes(&format!("{pattern}b"), &"a".repeat(5_000)));
    }
}
