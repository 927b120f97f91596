//! What R4 says about its elements: a compact table made from the official packages.
//!
//! `tombolo definitions make` (see `profiles/r4/README.md`) writes `profiles/r4/*.json` from the
//! CC0 npm packages `hl7.fhir.r4.examples` and `hl7.fhir.r4.expansions`; the files are embedded.

use std::collections::HashMap;

/// An immutable snapshot of everything the loaded definitions say.
#[derive(Debug, Default)]
pub struct Definitions {
    /// `"Patient"`, `"Patient.contact"`, `"HumanName"` → its children in order.
    pub types: HashMap<String, TypeDef>,
    /// Value set url → its codes, for required bindings that can be enumerated.
    pub codes: HashMap<String, Vec<Code>>,
    /// Search parameters of the resource types in the table.
    pub params: Vec<SearchParam>,
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

impl Definitions {
    /// The embedded R4 table.
    pub fn r4() -> &'static Definitions {
        todo!("helper fhir")
    }

    /// A resource type, datatype or backbone element by name or path.
    pub fn type_def(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name)
    }

    /// The element a JSON key stands for, with the type it has: `valueQuantity` in `Observation`
    /// gives (`value`, `Quantity`); `_birthDate` and `resourceType` are not elements.
    pub fn json_child<'a>(&'a self, parent: &str, key: &str) -> Option<(&'a Element, &'a str)> {
        let _ = (parent, key);
        todo!("helper fhir")
    }
}
