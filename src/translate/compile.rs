//! Compile: mapping files → [`super::plan::Program`], or every mistake in them, located.

/// A mistake in a mapping file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// `M001` …; see `docs/mapping-language.md`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: crate::fhir::Severity,
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
