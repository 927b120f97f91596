//! What is said to people: in English or Chinese, in colour only on a terminal.
//!
//! Texts stand in the source as pairs `("English", "中文")`, so that neither is forgotten.

use std::env;
use std::fmt;
use std::io::{IsTerminal, Write};

use clap::ValueEnum;

use crate::error::Error;

/// The language of what is said to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// A text in both languages: `("English", "中文")`.
pub type Pair = (&'static str, &'static str);

impl Lang {
    /// The locale's language: Chinese if the first set one of `LC_ALL`, `LC_MESSAGES`, `LANG`
    /// begins with `zh`, else English.
    pub fn of_locale() -> Lang {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        Lang::of(&locale.unwrap_or_default())
    }

    /// The language of a locale name such as `zh_CN.UTF-8`.
    fn of(locale: &str) -> Lang {
        if locale.to_ascii_lowercase().starts_with("zh") { Lang::Zh } else { Lang::En }
    }

    /// The text of a pair in this language.
    pub fn pick(self, pair: Pair) -> &'static str {
        match self {
            Lang::En => pair.0,
            Lang::Zh => pair.1,
        }
    }
}

/// How a piece of text looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Headings, names.
    Bold,
    /// Less important.
    Dim,
    /// Good news.
    Green,
    /// Warnings.
    Yellow,
    /// Errors.
    Red,
    /// URLs and commands to try.
    Cyan,
}

/// A voice: the language and whether the output can show colours.
#[derive(Debug, Clone, Copy)]
pub struct Tell {
    /// The language.
    pub lang: Lang,
    /// Whether stdout shows colours.
    out: bool,
    /// Whether stderr shows colours.
    err: bool,
}

impl Tell {
    /// A voice for this process: colours where the output is a terminal, unless `NO_COLOR` is set
    /// or the terminal is `dumb`.
    pub fn new(lang: Lang) -> Tell {
        let plain = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || env::var_os("TERM").is_some_and(|v| v == "dumb");
        Tell {
            lang,
            out: !plain && std::io::stdout().is_terminal(),
            err: !plain && std::io::stderr().is_terminal(),
        }
    }

    /// The text of a pair in this voice's language.
    pub fn pick(&self, pair: Pair) -> &'static str {
        self.lang.pick(pair)
    }

    /// A piece of text for stdout, coloured if stdout shows colours.
    pub fn paint(&self, look: Look, text: impl fmt::Display) -> String {
        paint(self.out, look, text)
    }

    /// A line on stdout. A reader that has gone away (`| head`) is not an error.
    pub fn say(&self, text: impl fmt::Display) {
        let _gone = writeln!(std::io::stdout(), "{text}");
    }

    /// A line on stderr, for people only.
    pub fn note(&self, text: impl fmt::Display) {
        let _gone = writeln!(std::io::stderr(), "{text}");
    }

    /// Text on stderr without an end of line, e.g. a progress that is written over.
    pub fn part(&self, text: impl fmt::Display) {
        let mut stderr = std::io::stderr();
        let _gone = write!(stderr, "{text}").and_then(|()| stderr.flush());
    }

    /// `warning: …` on stderr.
    pub fn warning(&self, text: impl fmt::Display) {
        let word = paint(self.err, Look::Yellow, self.pick(("warning:", "警告：")));
        self.note(format_args!("{word} {text}"));
    }

    /// An error on stderr, with its advice on a line of its own.
    pub fn error(&self, error: &Error) {
        let word = paint(self.err, Look::Red, self.pick(("error:", "错误：")));
        let help = paint(self.err, Look::Cyan, self.pick(("help:", "建议：")));
        self.note(format_args!("{word} {}", error.what_and_where()));
        if let Some(advice) = &error.advice {
            self.note(format_args!("{help} {advice}"));
        }
    }
}

fn paint(coloured: bool, look: Look, text: impl fmt::Display) -> String {
    let code = match look {
        Look::Bold => "1",
        Look::Dim => "2",
        Look::Red => "31",
        Look::Green => "32",
        Look::Yellow => "33",
        Look::Cyan => "36",
    };
    if coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_gives_its_language() {
        for (locale, lang) in [
            ("zh_CN.UTF-8", Lang::Zh),
            ("zh", Lang::Zh),
            ("C.UTF-8", Lang::En),
            ("", Lang::En),
            ("en_US.UTF-8", Lang::En),
        ] {
            assert_eq!(Lang::of(locale), lang, "{locale}");
        }
    }

    #[test]
    fn colours_only_where_they_show() {
        assert_eq!(paint(false, Look::Red, "x"), "x");
        assert_eq!(paint(true, Look::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
