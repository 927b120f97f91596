//! `tombolo definitions make`: writes the compact R4 table from the official npm packages.
//! `tombolo definitions codes`: writes the code tables and the registry of extensions as resources.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::Global;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::make::make;
use crate::translate::artefacts;

/// A package holds no file larger than this, and no more than this in all.
const MOST_BYTES: u64 = 512 << 20;

/// Arguments of `tombolo definitions`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Write elements.ndjson, codes.ndjson, search.ndjson and extensions.ndjson from FHIR packages
    Make {
        /// A package (.tgz), e.g. hl7.fhir.r4.examples-4.0.1.tgz; repeatable
        #[arg(long = "package", value_name = "FILE", required = true)]
        packages: Vec<PathBuf>,
        /// Where to write
        #[arg(long, value_name = "DIR", default_value = "profiles/r4")]
        out: PathBuf,
    },
    /// Write CodeSystem, ValueSet and StructureDefinition resources from the tables of the mappings
    Codes {
        /// Where to write the folders codes and extensions
        #[arg(long, value_name = "DIR", default_value = "profiles/cn")]
        out: PathBuf,
    },
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    match args.verb {
        Verb::Make { packages, out } => r4(&packages, &out, global)?,
        Verb::Codes { out } => {
            let library = global.library()?;
            let codes = artefacts::codes::resources(&library)?;
            let extensions = artefacts::extensions::definitions(&library)?;
            for (name, resources) in [("codes", codes), ("extensions", extensions)] {
                let folder = out.join(name);
                for resource in &resources {
                    write(&folder, resource)?;
                }
                global.tell().say(format_args!("{} {}", folder.display(), resources.len()));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a resource to a folder, which is made; gives the file.
pub(super) fn write(folder: &Path, resource: &Value) -> Result<PathBuf> {
    let path = folder.join(artefacts::file_name(resource));
    std::fs::create_dir_all(folder).map_err(|e| io(folder, &e))?;
    std::fs::write(&path, artefacts::printed(resource)).map_err(|e| io(&path, &e))?;
    Ok(path)
}

fn r4(packages: &[PathBuf], out: &Path, global: &Global) -> Result<()> {
    let mut resources = Vec::new();
    for package in packages {
        read_package(package, &mut resources)?;
    }
    let files = make(&resources);
    std::fs::create_dir_all(out).map_err(|e| io(out, &e))?;
    for (name, text) in [
        ("elements.ndjson", files.elements),
        ("codes.ndjson", files.codes),
        ("search.ndjson", files.search),
        ("extensions.ndjson", files.extensions),
    ] {
        let path = out.join(name);
        std::fs::write(&path, &text).map_err(|e| io(&path, &e))?;
        global.tell().say(format_args!("{} {}", path.display(), text.lines().count()));
    }
    Ok(())
}

fn read_package(path: &Path, resources: &mut Vec<Value>) -> Result<()> {
    let file = std::fs::File::open(path).map_err(|e| io(path, &e))?;
    let unpacked = flate2::read::GzDecoder::new(file).take(MOST_BYTES);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries().map_err(|e| io(path, &e))? {
        let mut entry = entry.map_err(|e| io(path, &e))?;
        let name = entry.path().map_err(|e| io(path, &e))?.into_owned();
        if name.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).map_err(|e| io(path, &e))?;
        let resource: Value = serde_json::from_str(&text).map_err(|e| {
            let place = format!("{} in {}", name.display(), path.display());
            Error::new(Kind::Structure, e.to_string()).at(place)
        })?;
        if resource.get("resourceType").is_some() {
            resources.push(resource);
        }
    }
    Ok(())
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Usage, error.to_string()).at(path.display().to_string())
}
