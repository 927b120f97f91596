//! M023: extensions are declared, hold the type that is declared, and stand where they may.

use super::{Finding, Seen, constant};
use crate::fhir::definitions::Definitions;
use crate::translate::compile::Compiling;
use crate::translate::compile::text::did_you_mean;
use crate::translate::extensions::{BASE, Declared, REGISTRY, registry};
use crate::translate::plan::{Object, Pos, Value};
use crate::yaml::Mark;

impl Compiling<'_> {
    /// `extensions: { URL: TYPE on ELEMENT }` and the registry.
    pub(super) fn declared_extensions(&mut self) -> Vec<Declared> {
        let mut all = Vec::new();
        for (key, node) in self.doc.get("extensions").and_then(|n| n.entries()).unwrap_or_default()
        {
            let declared = Declared::parse(&key.text, node.text().unwrap_or(""));
            if declared.is_none() {
                let hint = "write URL: string on Patient; several: string or Coding on Patient or Address; `extensions on …` for one that holds extensions";
                let what = "this says no type and no element";
                self.report.error_hint("M000", node.mark, what, hint);
            }
            all.extend(declared);
        }
        if let Some(file) = self.files.file(REGISTRY) {
            match registry(&file.text) {
                Ok(rows) => all.extend(rows),
                Err((line, what)) => {
                    let file = self.report.add_file(REGISTRY, file);
                    let mark = Mark { file, line, column: 1, length: 0 };
                    self.report.error("M000", mark, what);
                }
            }
        }
        all
    }
}

pub(super) fn review(seen: &Seen, declared: &[Declared], found: &mut Vec<Finding>) {
    let fields = seen.object.fields.iter();
    for field in fields.filter(|f| matches!(&*f.name, "extension" | "modifierExtension")) {
        let Value::List(items) = &field.value else { continue };
        for item in items {
            if let Value::Object(extension) = &item.value
                && let Some(url) = constant(extension, &["url"])
                && url.contains(':')
            {
                look(seen, url, extension, item.pos, declared, found);
            }
        }
    }
}

fn look(
    seen: &Seen,
    url: &str,
    extension: &Object,
    pos: Pos,
    declared: &[Declared],
    found: &mut Vec<Finding>,
) {
    let core = Definitions::r4().extensions.get(url);
    let core = core.map(|core| (&core.types, &core.contexts));
    let ours = declared.iter().find(|d| d.url == url).map(|d| (&d.types, &d.contexts));
    let mut finding = |wrong, pos, what: String, hint: String| {
        found.push(Finding { code: "M023", wrong, pos, what, hint });
    };
    let Some((types, contexts)) = ours.or(core) else {
        let urls = declared.iter().map(|d| d.url.as_str());
        let hint = did_you_mean(url, urls).unwrap_or_else(|| how(url, extension, seen));
        finding(false, pos, format!("the extension {url} is declared nowhere"), hint);
        return;
    };
    for field in &extension.fields {
        let Some((element, ty)) = Definitions::r4().json_child("Extension", &field.name) else {
            continue;
        };
        if element.name != "value" || types.iter().any(|declared| declared == ty) {
            continue;
        }
        let what = format!("{} of {url} is a {ty}", field.name);
        let hint = if types.is_empty() {
            "it is declared to hold extensions, and no value".to_owned()
        } else {
            format!("it is declared to be: {}", types.join(", "))
        };
        finding(true, field.pos, what, hint);
    }
    if !contexts.iter().any(|context| fits(context, seen)) {
        let what = format!("the extension {url} does not belong to {}", seen.path);
        finding(false, pos, what, format!("it is declared for: {}", contexts.join(", ")));
    }
}

/// The line that would declare an extension as it is used.
fn how(url: &str, extension: &Object, seen: &Seen) -> String {
    let value = extension.fields.iter().find_map(|field| {
        let (element, ty) = Definitions::r4().json_child("Extension", &field.name)?;
        (element.name == "value").then_some(ty)
    });
    let (name, ty) = (url.strip_prefix(BASE).unwrap_or(url), value.unwrap_or("extensions"));
    let named = if name.contains(':') { format!("'{name}'") } else { name.to_owned() };
    format!("add it to {REGISTRY}, or write extensions: {{ {named}: {ty} on {} }}", seen.ty)
}

/// Whether an element is what a context names.
fn fits(context: &str, seen: &Seen) -> bool {
    let resource = !seen.path.contains('.');
    match context {
        "*" => true,
        "Element" => !resource,
        "BackboneElement" => seen.ty.contains('.'),
        "Resource" | "DomainResource" => resource,
        context => context == seen.ty || context == seen.path,
    }
}
