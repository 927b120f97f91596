//! What R4 says about its elements: a compact table made from the official packages.
//!
//! `tombolo definitions make` (see `profiles/r4/README.md`) writes `profiles/r4/*.ndjson` from the
//! CC0 npm packages `hl7.fhir.r4.examples` and `hl7.fhir.r4.expansions`; the files are embedded.

pub mod make;

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// An immutable snapshot of everything the loaded definitions say.
#[derive(Debug, Default)]
pub struct Definitions {
    /// `"Patient"`, `"Patient.contact"`, `"HumanName"` → its children in order.
    pub types: HashMap<String, TypeDef>,
    /// Value set url → its codes, for required bindings that can be enumerated.
    pub codes: HashMap<String, Vec<Code>>,
    /// Search parameters of the resource types in the table.
    pub params: Vec<SearchParam>,
    /// The extensions that R4 itself defines, by url.
    pub extensions: HashMap<String, Extension>,
}

/// A resource, a datatype, or a backbone element (named by its path).
#[derive(Debug, Clone)]
pub struct TypeDef {
    /// Its name or path.
    pub name: String,
    /// Resource, complex type, primitive or backbone element.
    pub kind: TypeKind,
    /// The elements, in the order of the definition, inherited ones included.
    pub elements: Vec<Element>,
}

/// What a [`TypeDef`] describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// A resource type.
    Resource,
    /// A complex datatype.
    Complex,
    /// A primitive datatype.
    Primitive,
    /// A nested element of a resource or datatype.
    Backbone,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub struct Element {
    /// The name without `[x]`, e.g. `value` for `value[x]`.
    pub name: String,
    /// Whether the JSON name carries the type (`value[x]`).
    pub choice: bool,
    /// Type codes; a backbone element names its own path as the type.
    pub types: Vec<String>,
    /// Target resource types of a Reference or canonical; empty means any.
    pub targets: Vec<String>,
    /// Least number of repetitions.
    pub min: u32,
    /// Greatest number of repetitions; `None` is `*`.
    pub max: Option<u32>,
    /// Required binding: the value set's url.
    pub required: Option<String>,
    /// Whether it is a modifier element.
    pub modifier: bool,
    /// Whether it is part of the summary.
    pub summary: bool,
}

/// A code of an enumerable value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Its system.
    pub system: String,
    /// The code.
    pub code: String,
    /// How people call it.
    pub display: Option<String>,
}

/// A search parameter (<https://hl7.org/fhir/R4/searchparameter.html>).
#[derive(Debug, Clone)]
pub struct SearchParam {
    /// Its url.
    pub url: String,
    /// The name in a query.
    pub code: String,
    /// The resource types it belongs to.
    pub base: Vec<String>,
    /// token, reference, string, date, number, quantity, uri, composite, special.
    pub kind: String,
    /// The FHIRPath expression.
    pub expression: Option<String>,
    /// Target types of a reference parameter.
    pub targets: Vec<String>,
}

/// An extension definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Extension {
    /// Its url.
    pub url: String,
    /// The types of its value; none: it holds extensions.
    #[serde(rename = "t")]
    pub types: Vec<String>,
    /// Where it may stand: `Patient`, `Patient.contact`, `Address`, `Element`; `*`: anywhere.
    #[serde(rename = "c")]
    pub contexts: Vec<String>,
}

/// A line of `elements.ndjson`.
#[derive(Deserialize)]
struct TypeLine {
    name: String,
    kind: String,
    elements: Vec<ElementLine>,
}

/// An element of a [`TypeLine`]; see [`make`] for the keys.
#[derive(Deserialize)]
struct ElementLine {
    n: String,
    #[serde(default)]
    x: bool,
    t: Vec<String>,
    #[serde(default)]
    g: Vec<String>,
    #[serde(default)]
    m: u32,
    #[serde(default, rename = "M")]
    max: Option<String>,
    #[serde(default)]
    b: Option<String>,
    #[serde(default)]
    o: bool,
    #[serde(default)]
    s: bool,
}

/// A line of `codes.ndjson`.
#[derive(Deserialize)]
struct CodesLine {
    url: String,
    codes: Vec<(Option<String>, String, Option<String>)>,
}

/// A line of `search.ndjson`.
#[derive(Deserialize)]
struct SearchLine {
    url: String,
    code: String,
    base: Vec<String>,
    #[serde(rename = "type")]
    kind: String,
    expression: Option<String>,
    target: Option<Vec<String>>,
}

impl Definitions {
    /// The embedded R4 table.
    pub fn r4() -> &'static Definitions {
        static R4: OnceLock<Definitions> = OnceLock::new();
        R4.get_or_init(|| {
            let mut r4 = Definitions::read(
                include_str!("../../../profiles/r4/elements.ndjson"),
                include_str!("../../../profiles/r4/codes.ndjson"),
                include_str!("../../../profiles/r4/search.ndjson"),
            );
            let extensions = include_str!("../../../profiles/r4/extensions.ndjson");
            let by_url = |extension: Extension| (extension.url.clone(), extension);
            r4.extensions = lines(extensions).map(by_url).collect();
            r4
        })
    }

    /// Reads the three files of a table. A line that is none is left out: the files are ours, and a
    /// test compares their counts.
    pub fn read(elements: &str, codes: &str, search: &str) -> Definitions {
        let mut definitions = Definitions::default();
        for line in lines::<TypeLine>(elements) {
            let kind = match line.kind.as_str() {
                "resource" => TypeKind::Resource,
                "primitive" => TypeKind::Primitive,
                "backbone" => TypeKind::Backbone,
                _ => TypeKind::Complex,
            };
            let elements = line.elements.into_iter().map(element).collect();
            let name = line.name;
            definitions.types.insert(name.clone(), TypeDef { name, kind, elements });
        }
        for line in lines::<CodesLine>(codes) {
            let code = |(system, code, display): (Option<String>, String, Option<String>)| Code {
                system: system.unwrap_or_default(),
                code,
                display,
            };
            definitions.codes.insert(line.url, line.codes.into_iter().map(code).collect());
        }
        let param = |line: SearchLine| SearchParam {
            url: line.url,
            code: line.code,
            base: line.base,
            kind: line.kind,
            expression: line.expression,
            targets: line.target.unwrap_or_default(),
        };
        definitions.params = lines(search).map(param).collect();
        definitions
    }

    /// A resource type, datatype or backbone element by name or path.
    pub fn type_def(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name)
    }

    /// Whether this is a resource type that can be stored.
    pub fn is_resource(&self, name: &str) -> bool {
        !matches!(name, "Resource" | "DomainResource")
            && self.types.get(name).is_some_and(|t| t.kind == TypeKind::Resource)
    }

    /// The element a JSON key stands for, with the type it has: `valueQuantity` in `Observation`
    /// gives (`value`, `Quantity`); `_birthDate` and `resourceType` are not elements.
    pub fn json_child<'a>(&'a self, parent: &str, key: &str) -> Option<(&'a Element, &'a str)> {
        let parent = self.types.get(parent)?;
        let (at, kind) = parent.child(key)?;
        Some((&parent.elements[at], kind))
    }
}

impl TypeDef {
    /// The place in [`TypeDef::elements`] of the element that a JSON key stands for, with the type
    /// it has: see [`Definitions::json_child`].
    pub fn child(&self, key: &str) -> Option<(usize, &str)> {
        if let Some(at) = self.elements.iter().position(|e| !e.choice && e.name == key) {
            return Some((at, self.elements[at].types.first()?));
        }
        self.elements.iter().enumerate().filter(|(_, e)| e.choice).find_map(|(at, element)| {
            let suffix = key.strip_prefix(element.name.as_str())?;
            let kind = element.types.iter().find(|t| is_suffix(suffix, t))?;
            Some((at, kind.as_str()))
        })
    }
}

/// `DateTime` is the suffix of `dateTime`.
fn is_suffix(suffix: &str, kind: &str) -> bool {
    let mut letters = kind.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    suffix.chars().next() == first && suffix.get(1..) == Some(letters.as_str())
}

fn element(line: ElementLine) -> Element {
    Element {
        name: line.n,
        choice: line.x,
        types: line.t,
        targets: line.g,
        min: line.m,
        max: match line.max.as_deref() {
            None => Some(1),
            Some("*") => None,
            Some(n) => n.parse().ok(),
        },
        required: line.b,
        modifier: line.o,
        summary: line.s,
    }
}

fn lines<'t, T: Deserialize<'t>>(text: &'t str) -> impl Iterator<Item = T> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let r4 = Definitions::r4();
        let lines = |text: &str| text.lines().count();
        assert_eq!(r4.types.len(), lines(include_str!("../../../profiles/r4/elements.ndjson")));
        assert_eq!(r4.codes.len(), lines(include_str!("../../../profiles/r4/codes.ndjson")));
        assert_eq!(r4.params.len(), lines(include_str!("../../../profiles/r4/search.ndjson")));
        assert_eq!(
            r4.extensions.len(),
            lines(include_str!("../../../profiles/r4/extensions.ndjson"))
        );
        let religion = &r4.extensions["http://hl7.org/fhir/StructureDefinition/patient-religion"];
        assert_eq!(
            (&*religion.types, &*religion.contexts),
            (&["CodeableConcept".to_owned()][..], &["Patient".to_owned()][..])
        );
        assert!(r4.is_resource("Patient") && !r4.is_resource("HumanName"));
    }

    #[test]
    fn json_keys_find_their_elements() {
        let r4 = Definitions::r4();
        let kind = |parent, key| r4.json_child(parent, key).map(|(e, t)| (e.name.as_str(), t));
        assert_eq!(kind("Observation", "valueQuantity"), Some(("value", "Quantity")));
        assert_eq!(kind("Patient", "deceasedDateTime"), Some(("deceased", "dateTime")));
        assert_eq!(kind("Patient", "contact"), Some(("contact", "Patient.contact")));
        assert_eq!(
            kind("Observation.component", "referenceRange"),
            Some(("referenceRange", "Observation.referenceRange"))
        );
        assert_eq!(kind("Bundle.entry", "resource"), Some(("resource", "Resource")));
        assert_eq!(kind("Patient", "id"), Some(("id", "id")));
        assert_eq!(kind("HumanName", "id"), Some(("id", "string")));
        assert_eq!(kind("Patient", "_birthDate"), None);
        assert_eq!(kind("Patient", "valueString"), None);
    }
}
