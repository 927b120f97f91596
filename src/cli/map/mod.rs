//! `tombolo map`: checks, tests, proves, explains, compares and composes mappings; one file per
//! verb.

mod check;
mod compose;
mod concepts;
mod coverage;
mod diff;
mod explain;
mod import;
mod laws;
mod schema;
mod show;
mod test;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Global;
use super::tell::{Lang, Look, Tell};
use super::translate::{party, program};
use crate::error::{Error, Kind, Result};
use crate::legacy::{Charsets, File};
use crate::translate::{Library, Party, Program};

/// Arguments of `tombolo map`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Whose mappings they are
    #[arg(long, value_name = "NAME", default_value = "local", global = true)]
    party: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Check mapping files and print every mistake with its place and a hint
    Check(check::Args),
    /// Run the tests in the mappings' folders
    Test(test::Args),
    /// Prove the laws on the mappings' samples and on random edits
    Laws(laws::Args),
    /// Show for every FHIR value of a record the slot, codec and mapping line it comes from
    Explain(explain::Args),
    /// Show a mapping as a table: slots, FHIR paths, codecs, lines; and what its codes lose
    Show(show::Args),
    /// Show what of a format is mapped, ignored or carried, by the schema and by records
    Coverage(coverage::Args),
    /// Write a skeleton mapping of an HL7 v2 segment from the HL7 v2-to-FHIR tables
    #[command(name = "import-v2fhir")]
    ImportV2fhir(import::Args),
    /// Print a JSON Schema of mapping files, model files and schema.yaml, for editors
    Schema,
    /// Show what another version of a mapping changes, and which new version number is due
    Diff(diff::Args),
    /// Write the code tables of mappings as FHIR ConceptMaps, with every loss marked
    Concepts(concepts::Args),
    /// Show what of one mapping's FHIR another can write, and which required slots stay empty
    Compose(compose::Args),
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let (library, tell) = (global.library()?, global.tell());
    let party = party(&args.party, global)?;
    let at = At { library: &library, tell: &tell, party: &party };
    let failures = match args.verb {
        Verb::Check(args) => check::run(&args, &at)?,
        Verb::Test(args) => test::run(&args, &at)?,
        Verb::Laws(args) => laws::run(&args, &at)?,
        Verb::Explain(args) => explain::run(&args, &at)?,
        Verb::Show(args) => show::run(&args, &at)?,
        Verb::Coverage(args) => coverage::run(&args, &at)?,
        Verb::ImportV2fhir(args) => import::run(&args, &at)?,
        Verb::Schema => schema::run(&at),
        Verb::Diff(args) => diff::run(&args, &at)?,
        Verb::Concepts(args) => concepts::run(&args, &at)?,
        Verb::Compose(args) => compose::run(&args, &at)?,
    };
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the verbs work with; each gives the number of its failures.
struct At<'a> {
    library: &'a Library,
    tell: &'a Tell,
    party: &'a Party,
}

impl At<'_> {
    /// The named mappings, or all.
    fn chosen(&self, names: &[String]) -> Result<Vec<String>> {
        let all = self.library.names();
        if names.is_empty() {
            return Ok(all);
        }
        if let Some(unknown) = names.iter().find(|n| !all.contains(n)) {
            let what = format!("there is no mapping '{unknown}'");
            let advice = format!("there are: {}", all.join(", "));
            return Err(Error::new(Kind::Usage, what).advise(advice));
        }
        Ok(names.to_vec())
    }

    /// A mapping by name, compiled for the party.
    fn program(&self, name: &str) -> Result<std::sync::Arc<Program>> {
        program(self.library, name, self.party)
    }

    /// `ok NAME: 3 passed, 0 failed`.
    fn verdict(&self, name: &str, passed: usize, failed: usize) {
        let tell = self.tell;
        let word = if failed == 0 {
            tell.paint(Look::Green, tell.pick(("ok", "通过")))
        } else {
            tell.paint(Look::Red, tell.pick(("failed", "失败")))
        };
        let counts = match tell.lang {
            Lang::En => format!("{passed} passed, {failed} failed"),
            Lang::Zh => format!("通过 {passed}，失败 {failed}"),
        };
        tell.say(format_args!("{word} {name}: {counts}"));
    }
}

/// The records of a file, read by a mapping.
fn records(program: &Program, path: &Path) -> Result<File> {
    let bytes = super::database::interchange(path, program, read(path)?)?;
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    program.schema.read(&bytes, &charsets)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| Error::new(Kind::Usage, e.to_string()).at(path.display().to_string()))
}
