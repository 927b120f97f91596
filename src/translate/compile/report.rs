//! Diagnostics: what is wrong with a mapping, where, and how to mend it.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::fhir::Severity;
use crate::legacy::Unknown;
use crate::translate::library::SourceFile;
use crate::yaml::{Fault, Mark};

/// A mistake in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `M001` …; see `docs/mapping-language.md`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// The file as shown to people.
    pub file: String,
    /// 1-based line; 0 if the file as a whole is meant.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
    /// The source line, for underlining.
    pub source: Option<String>,
    /// Length of what is underlined.
    pub length: u32,
}

/// The diagnostics as text for people: each with its source line, underlined, and its hint.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(render_one).collect::<Vec<_>>().join("\n\n")
}

fn render_one(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Fatal | Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Information => Level::INFO,
    };
    let source = diagnostic.source.as_deref().unwrap_or("");
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code)
        .elements(std::iter::empty::<annotate_snippets::Element<'_>>());
    if diagnostic.line > 0 && !source.is_empty() {
        let span = byte_span(source, diagnostic.column, diagnostic.length);
        group = group.element(
            Snippet::source(source)
                .line_start(diagnostic.line as usize)
                .path(diagnostic.file.as_str())
                .annotation(AnnotationKind::Primary.span(span)),
        );
    } else {
        group = group.element(annotate_snippets::Origin::path(diagnostic.file.as_str()));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    Renderer::plain().render(&[group]).to_string()
}

/// Characters of a line → bytes of it.
fn byte_span(source: &str, column: u32, length: u32) -> std::ops::Range<usize> {
    let at = |n: usize| source.char_indices().nth(n).map_or(source.len(), |(at, _)| at);
    let first = (column as usize).saturating_sub(1);
    at(first)..at(first + (length as usize).max(1))
}

/// The files that were read and what was found in them.
#[derive(Debug, Default)]
pub(super) struct Report {
    files: Vec<Loaded>,
    pub found: Vec<Diagnostic>,
}

#[derive(Debug)]
struct Loaded {
    path: String,
    source: SourceFile,
}

impl Report {
    /// Takes note of a file; gives its number.
    pub fn add_file(&mut self, path: &str, source: SourceFile) -> u16 {
        self.files.push(Loaded { path: path.to_owned(), source });
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// The number and text of a file that was read before.
    pub fn loaded(&self, path: &str) -> Option<(u16, std::sync::Arc<str>)> {
        let n = self.files.iter().position(|f| f.path == path)?;
        Some((u16::try_from(n).ok()?, self.files[n].source.text.clone()))
    }

    /// The library path of a file by number.
    pub fn path(&self, file: u16) -> &str {
        self.files.get(usize::from(file)).map_or("", |f| &f.path)
    }

    /// Files as shown to people, in the order they were read.
    pub fn shown(&self) -> Vec<String> {
        self.files.iter().map(|f| f.source.shown.clone()).collect()
    }

    /// blake3 of all files that were read, with their names.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in &self.files {
            hasher.update(file.path.as_bytes());
            hasher.update(&[0]);
            hasher.update(file.source.text.as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// An error.
    pub fn error(&mut self, code: &'static str, mark: Mark, message: impl Into<String>) {
        self.push(Severity::Error, code, mark, message.into(), None);
    }

    /// An error with a way to mend it.
    pub fn error_hint(
        &mut self,
        code: &'static str,
        mark: Mark,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, code, mark, message.into(), Some(hint.into()));
    }

    /// A warning.
    pub fn warning(
        &mut self,
        code: &'static str,
        mark: Mark,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Severity::Warning, code, mark, message.into(), hint);
    }

    /// Something to know.
    pub fn information(&mut self, code: &'static str, mark: Mark, message: impl Into<String>) {
        self.push(Severity::Information, code, mark, message.into(), None);
    }

    /// A name that the source does not have (M013).
    pub fn unknown(&mut self, name: &str, mark: Mark, unknown: Unknown) {
        let mark = self.within(mark, name);
        self.push(Severity::Error, "M013", mark, unknown.what, unknown.hint);
    }

    /// A file that YAML cannot read.
    pub fn fault(&mut self, fault: Fault) {
        let code = if fault.quoting { "M037" } else { "M000" };
        self.push(Severity::Error, code, fault.mark, fault.what, fault.hint);
    }

    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity >= Severity::Error)
    }

    /// The part of a node's text that is meant, if it stands on the node's line as it is.
    pub fn within(&self, mark: Mark, part: &str) -> Mark {
        let Some(line) = self.line(mark) else { return mark };
        let from = (mark.column as usize).saturating_sub(1);
        let skipped: usize = line.chars().take(from).map(char::len_utf8).sum();
        match line[skipped..].find(part) {
            Some(at) if !part.is_empty() => {
                let before = line[skipped..skipped + at].chars().count();
                let column = mark.column + u32::try_from(before).unwrap_or(0);
                let length = u32::try_from(part.chars().count()).unwrap_or(1);
                Mark { column, length, ..mark }
            }
            _ => mark,
        }
    }

    fn line(&self, mark: Mark) -> Option<&str> {
        let text = &self.files.get(usize::from(mark.file))?.source.text;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        text.lines().nth((mark.line as usize).checked_sub(1)?)
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        mark: Mark,
        message: String,
        hint: Option<String>,
    ) {
        let source = self.line(mark).map(str::to_owned);
        let file = self.files.get(usize::from(mark.file));
        let file = file.map_or_else(String::new, |f| f.source.shown.clone());
        let (line, column, length) = (mark.line, mark.column, mark.length);
        let found =
            Diagnostic { code, severity, message, hint, file, line, column, source, length };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }
}
