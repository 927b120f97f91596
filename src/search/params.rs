//! The search parameters that work: those of the definitions whose expression compiles.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use super::path::{self, Chain};
use super::terms;
use crate::fhir::definitions::{Definitions, SearchParam};

/// How a parameter's values are indexed and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Codes of code systems.
    Token,
    /// Identifiers and contact points: tokens of which nearly every one differs.
    Ident,
    /// Strings, folded.
    Text,
    /// Dates and periods.
    Date,
    /// Numbers and quantities.
    Number,
    /// References.
    Reference,
    /// Addresses.
    Uri,
    /// `_id`: no index rows.
    Id,
    /// `_lastUpdated`: no index rows.
    Updated,
}

/// A search parameter of one resource type.
pub struct Param {
    /// Its place in the table.
    pub number: usize,
    /// Resource type.
    pub kind: String,
    /// The name in a query.
    pub code: String,
    /// The type that R4 gives it: token, reference, string, date, number, quantity, uri.
    pub of: String,
    /// The url of its definition.
    pub url: String,
    /// Target types of a reference; empty means any.
    pub targets: Vec<String>,
    /// How it is indexed.
    pub family: Family,
    /// Its expression with the revision of our own way to extract terms: what makes old rows stale.
    pub expression: String,
    /// The parameter whose rows it reads: itself, but `subject` for `patient`.
    pub rows: usize,
    /// Where its values are.
    pub(super) chains: Vec<Chain>,
}

/// Raised when terms are extracted differently than before.
const REVISION: u32 = 1;

/// All parameters that work.
#[derive(Debug, Default)]
pub struct Params {
    all: Vec<Param>,
    kinds: HashMap<String, Vec<usize>>,
}

impl Params {
    /// Those of the embedded R4 definitions.
    pub fn r4() -> &'static Params {
        static R4: OnceLock<Params> = OnceLock::new();
        R4.get_or_init(|| Params::new(Definitions::r4()).0)
    }

    /// Compiles those of some definitions; also says which do not work, and why.
    pub fn new(definitions: &Definitions) -> (Params, Vec<String>) {
        let mut params = Params::default();
        let mut left_out = Vec::new();
        let mut kinds: Vec<&String> = definitions
            .types
            .values()
            .filter(|t| t.kind == crate::fhir::definitions::TypeKind::Resource)
            .map(|t| &t.name)
            .filter(|name| !matches!(&name[..], "Resource" | "DomainResource"))
            .collect();
        kinds.sort();
        for kind in kinds {
            params.add(kind, "_id", "token", "Resource-id", Family::Id);
            params.add(kind, "_lastUpdated", "date", "Resource-lastUpdated", Family::Updated);
            for param in definitions.params.iter().filter(|p| belongs(p, kind)) {
                if params.find(kind, &param.code).is_some() {
                    continue;
                }
                if let Err(why) = params.compile(definitions, kind, param) {
                    left_out.push(format!("{kind}.{}: {why}", param.code));
                }
            }
            params.share_rows(kind);
        }
        (params, left_out)
    }

    /// The resource types that can be searched, in order.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<_> = self.kinds.keys().map(String::as_str).collect();
        kinds.sort_unstable();
        kinds
    }

    /// The parameters of a type; none for an unknown one.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Param> {
        self.kinds.get(kind).into_iter().flatten().map(|n| &self.all[*n])
    }

    /// A parameter of a type.
    pub fn find(&self, kind: &str, code: &str) -> Option<&Param> {
        self.of(kind).find(|param| param.code == code)
    }

    /// The parameter whose rows this one reads.
    pub fn rows_of(&self, param: &Param) -> &Param {
        &self.all[param.rows]
    }

    fn add(&mut self, kind: &str, code: &str, of: &str, url: &str, family: Family) -> &mut Param {
        let number = self.all.len();
        self.kinds.entry(kind.to_owned()).or_default().push(number);
        self.all.push(Param {
            number,
            kind: kind.to_owned(),
            code: code.to_owned(),
            of: of.to_owned(),
            url: format!("http://hl7.org/fhir/SearchParameter/{url}"),
            targets: Vec::new(),
            family,
            expression: String::new(),
            rows: number,
            chains: Vec::new(),
        });
        &mut self.all[number]
    }

    fn compile(
        &mut self,
        definitions: &Definitions,
        kind: &str,
        from: &SearchParam,
    ) -> Result<(), String> {
        let expression = from.expression.as_deref().ok_or("it has no expression")?;
        let mut chains = path::compile(definitions, kind, expression)?;
        chains.retain(|chain| terms::can(&from.kind, &chain.leaf));
        let family = match &from.kind[..] {
            _ if chains.is_empty() => return Err(format!("no {} to index", from.kind)),
            "token" if chains.iter().any(|c| terms::is_ident(&c.leaf)) => Family::Ident,
            "token" => Family::Token,
            "string" => Family::Text,
            "date" => Family::Date,
            "number" | "quantity" => Family::Number,
            "reference" => Family::Reference,
            "uri" => Family::Uri,
            other => return Err(format!("{other} parameters are not supported")),
        };
        let param = self.add(kind, &from.code, &from.kind, "", family);
        param.url.clone_from(&from.url);
        param.targets.clone_from(&from.targets);
        param.expression = format!("{REVISION}:{expression}");
        param.chains = chains;
        Ok(())
    }

    /// Lets `patient` read the rows of `subject`: the same chains, less a test of the type.
    fn share_rows(&mut self, kind: &str) {
        let numbers = self.kinds.get(kind).cloned().unwrap_or_default();
        for &alias in &numbers {
            let Some((bare, target)) = without_type(&self.all[alias].chains) else { continue };
            let base = numbers.iter().find(|n| self.all[**n].chains == bare);
            if let Some(base) = base {
                self.all[alias].rows = *base;
                self.all[alias].targets = vec![target];
                self.all[alias].chains = Vec::new();
            }
        }
    }
}

impl Param {
    /// Whether it has rows of its own.
    pub fn is_indexed(&self) -> bool {
        !self.chains.is_empty()
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Param) -> bool {
        self.number == other.number
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.code)
    }
}

/// Chains that all end in the same test of a reference's type: without it, and the type.
fn without_type(chains: &[Chain]) -> Option<(Vec<Chain>, String)> {
    let mut target: Option<String> = None;
    let mut bare = Vec::with_capacity(chains.len());
    for chain in chains {
        let (path::Step::Refers(kind), steps) = chain.steps.split_last()? else { return None };
        if target.get_or_insert_with(|| kind.clone()) != kind {
            return None;
        }
        bare.push(Chain { steps: steps.to_vec(), ..chain.clone() });
    }
    Some((bare, target?))
}

/// Whether a definition is one of a type and of general use.
fn belongs(param: &SearchParam, kind: &str) -> bool {
    let base = |base: &String| base == kind || matches!(&base[..], "Resource" | "DomainResource");
    // `phonetic` asks for words that sound alike, which the index does not know.
    let own = !matches!(&param.code[..], "_id" | "_lastUpdated" | "phonetic");
    own && param.base.iter().any(base)
}
