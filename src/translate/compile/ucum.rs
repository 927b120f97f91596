//! Whether a text is a UCUM unit, by its syntax and the atoms in use (<https://ucum.org/ucum>).

const PREFIXES: &[&str] = &[
    "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "da", "d", "c", "m", "u", "n", "p", "f", "a", "z",
    "y", "Ki", "Mi", "Gi", "Ti",
];

const METRIC: &[&str] = &[
    "m",
    "s",
    "g",
    "rad",
    "K",
    "C",
    "cd",
    "mol",
    "sr",
    "Hz",
    "N",
    "Pa",
    "J",
    "W",
    "A",
    "V",
    "F",
    "Ohm",
    "S",
    "Wb",
    "Cel",
    "T",
    "H",
    "lm",
    "lx",
    "Bq",
    "Gy",
    "Sv",
    "l",
    "L",
    "ar",
    "t",
    "bar",
    "u",
    "eV",
    "cal",
    "eq",
    "osm",
    "kat",
    "U",
    "[iU]",
    "[IU]",
    "m[Hg]",
    "m[H2O]",
    "B",
    "Np",
    "bit",
    "By",
    "Bd",
    "st",
    "dyn",
    "erg",
    "P",
    "G",
    "Ci",
    "R",
    "RAD",
    "REM",
    "[e]",
    "g%",
    "mol",
    "[Lf]",
    "[LPU]",
    "[CCID_50]",
    "[BAU]",
];

const PLAIN: &[&str] = &[
    "10*",
    "10^",
    "[pi]",
    "%",
    "[ppth]",
    "[ppm]",
    "[ppb]",
    "[pptr]",
    "min",
    "h",
    "d",
    "a",
    "a_t",
    "a_j",
    "a_g",
    "mo",
    "mo_s",
    "mo_j",
    "mo_g",
    "wk",
    "deg",
    "'",
    "''",
    "gon",
    "[degF]",
    "[degR]",
    "[pH]",
    "[drp]",
    "[lb_av]",
    "[oz_av]",
    "[gr]",
    "[in_i]",
    "[ft_i]",
    "[yd_i]",
    "[mi_i]",
    "[in_us]",
    "[ft_us]",
    "[gal_us]",
    "[pt_us]",
    "[foz_us]",
    "[tbs_us]",
    "[tsp_us]",
    "[cup_us]",
    "[Cal]",
    "[Ch]",
    "[cfu]",
    "[CFU]",
    "[pfu]",
    "[PFU]",
    "[hp_X]",
    "[hpf]",
    "[HPF]",
    "[lpf]",
    "[LPF]",
    "[arb'U]",
    "[AU]",
    "[ELU]",
    "[EU]",
    "[Amb'a'1'U]",
    "[todd'U]",
    "[dye'U]",
    "[knk'U]",
    "[mclg'U]",
    "[smgy'U]",
    "[bdsk'U]",
    "[ka'U]",
    "[GPL'U]",
    "[MPL'U]",
    "[APL'U]",
    "[beth'U]",
    "[anti'Xa'U]",
    "[USP'U]",
    "[MET]",
    "[psi]",
    "[diop]",
    "[p'diop]",
    "[car_m]",
    "atm",
    "att",
    "[CCID_50]",
    "[TCID_50]",
    "[EID_50]",
    "[FFU]",
    "[D'ag'U]",
    "[S]",
    "[HP_X]",
    "[HP_C]",
    "[HP_M]",
];

/// `Ok`, or the part that is no unit.
pub(super) fn check(unit: &str) -> Result<(), &str> {
    let body = unit.strip_prefix('/').unwrap_or(unit);
    if body.is_empty() {
        return Err(unit);
    }
    components(body).into_iter().try_for_each(component)
}

/// The parts between `.` and `/` outside of brackets and braces.
fn components(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0i32);
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            '.' | '/' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn component(text: &str) -> Result<(), &str> {
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return if inner.is_empty() { Err(text) } else { check(inner) };
    }
    let unit = match text.find('{') {
        Some(open) if text.ends_with('}') && annotation(&text[open + 1..text.len() - 1]) => {
            &text[..open]
        }
        Some(_) => return Err(text),
        None => text,
    };
    if unit.is_empty() {
        return if text.is_empty() { Err(text) } else { Ok(()) };
    }
    if unit.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let bare = without_exponent(unit);
    if atom(unit) || atom(bare) { Ok(()) } else { Err(text) }
}

fn annotation(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '{' | '}'))
}

/// `m2`, `s-1`, `10*9` without the exponent.
fn without_exponent(unit: &str) -> &str {
    let bare = unit.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare.len() == unit.len() { unit } else { bare.trim_end_matches(['+', '-']) }
}

fn atom(text: &str) -> bool {
    PLAIN.contains(&text)
        || METRIC.contains(&text)
        || PREFIXES.iter().any(|p| text.strip_prefix(p).is_some_and(|rest| METRIC.contains(&rest)))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn units_of_the_field() {
        for unit in [
            "mm[Hg]",
            "mmol/L",
            "10*9/L",
            "10*12/L",
            "/min",
            "kg/m2",
            "{cigarettes}/d",
            "Cel",
            "%",
            "umol/L",
            "g/L",
            "U/L",
            "ng/mL",
            "m[IU]/L",
            "mL/min/{1.73_m2}",
            "/wk",
            "min",
            "d",
            "cm",
            "{liang}/d",
            "/[HPF]",
            "fL",
            "pg",
            "1",
            "kU/L",
            "mg/(24.h)",
            "s-1",
        ] {
            assert_eq!(check(unit), Ok(()), "{unit}");
        }
    }

    #[test]
    fn what_is_no_unit() {
        for (unit, part) in [
            ("mmHg", "mmHg"),
            ("次/分", "次"),
            ("mmol/升", "升"),
            ("", ""),
            ("kg//m", ""),
            ("{次}", "{次}"),
        ] {
            assert_eq!(check(unit), Err(part), "{unit}");
        }
    }
}
