//! Extensions: what is declared of them, in the registry `_extensions.csv` and in mappings.

use super::compile::csv;

/// Where our own extensions have their names.
pub const BASE: &str = "http://tombolo.example/fhir/StructureDefinition/";

/// The file of the registry, in the library of mappings.
pub const REGISTRY: &str = "_extensions.csv";

/// The type of an extension that has no value and holds extensions.
const HOLDS: &str = "extensions";

/// What is declared of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its url, whole.
    pub url: String,
    /// The types of its value; none: it holds extensions.
    pub types: Vec<String>,
    /// The elements it may stand on: `Patient`, `Patient.contact`, `Address`; `*`: any.
    pub contexts: Vec<String>,
    /// English title.
    pub title: String,
    /// Chinese title.
    pub title_zh: String,
}

impl Declared {
    /// `string or Coding on Patient or Address`; the url may be only what comes after [`BASE`].
    pub fn parse(url: &str, text: &str) -> Option<Declared> {
        let (types, contexts) = text.split_once(" on ")?;
        let list = |text: &str| -> Vec<String> {
            text.split(" or ").map(|word| word.trim().to_owned()).collect()
        };
        let (types, contexts) = (list(types), list(contexts));
        let fine = |word: &String| !word.is_empty() && !word.contains(char::is_whitespace);
        (types.iter().all(fine) && contexts.iter().all(fine)).then(|| Declared {
            url: whole(url),
            types: types.into_iter().filter(|ty| ty != HOLDS).collect(),
            contexts,
            title: String::new(),
            title_zh: String::new(),
        })
    }
}

/// The rows of the registry (`url,type,context,title,title_zh`; several types or contexts with `|`
/// between them), or the line that is none and why.
pub fn registry(text: &str) -> Result<Vec<Declared>, (u32, String)> {
    let mut all: Vec<Declared> = Vec::new();
    for (line, cells) in csv(text).skip(1) {
        let bad = |what: &str| Err((line, what.to_owned()));
        let [url, types, contexts, title, title_zh] = cells.as_slice() else {
            return bad("a row has five cells: url, type, context, title, title_zh");
        };
        let list = |cell: &str| -> Vec<String> {
            cell.split('|').map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect()
        };
        if types.trim().is_empty() {
            return bad("an extension has a type, or is `extensions`");
        }
        let declared = Declared {
            url: whole(url.trim()),
            types: list(types).into_iter().filter(|ty| ty != HOLDS).collect(),
            contexts: list(contexts),
            title: title.trim().to_owned(),
            title_zh: title_zh.trim().to_owned(),
        };
        if declared.contexts.is_empty() || declared.title.is_empty() {
            return bad("an extension has a context and a title");
        }
        if all.iter().any(|other| other.url == declared.url) {
            return bad("this url has a row already");
        }
        all.push(declared);
    }
    Ok(all)
}

fn whole(url: &str) -> String {
    if url.contains(':') { url.to_owned() } else { format!("{BASE}{url}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_words_declare_alike() {
        let text =
            "url,type,context,title,title_zh\nsize,string|Coding,Patient|Address,Size,大小\n";
        let of_row = registry(text).unwrap().remove(0);
        let of_words = Declared::parse("size", "string or Coding on Patient or Address").unwrap();
        assert_eq!((&of_row.url, &of_row.types), (&of_words.url, &of_words.types));
        assert_eq!(of_row.contexts, of_words.contexts);
        assert_eq!(of_row.url, "http://tombolo.example/fhir/StructureDefinition/size");
        let other = Declared::parse("urn:x:y", "extensions on *").unwrap();
        assert_eq!((other.url.as_str(), other.types.len()), ("urn:x:y", 0));
        assert_eq!(Declared::parse("size", "string"), None);
        assert_eq!(Declared::parse("size", "a string on Patient"), None);
    }

    /// The registry of the product: its types and elements are FHIR's.
    #[test]
    fn the_registry_is_sound() {
        let r4 = crate::fhir::definitions::Definitions::r4();
        let all = registry(include_str!("../../mappings/_extensions.csv")).unwrap();
        assert!(all.len() > 40, "{}", all.len());
        for declared in all {
            for name in declared.types.iter().chain(&declared.contexts) {
                assert!(r4.type_def(name).is_some(), "{}: {name}", declared.url);
            }
        }
    }

    #[test]
    fn wrong_rows_have_a_line() {
        let line = |row: &str| {
            registry(&format!("h\nsize,string,Patient,Size,大小\n{row}\n")).unwrap_err()
        };
        assert_eq!(
            line("size,string,Patient,Size,大小"),
            (3, "this url has a row already".to_owned())
        );
        assert_eq!(line("a,string,,A,"), (3, "an extension has a context and a title".to_owned()));
        assert_eq!(line("a,,Patient,A,").1, "an extension has a type, or is `extensions`");
        assert_eq!(line("a,string").0, 3);
    }
}
