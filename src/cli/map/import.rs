//! `tombolo map import-v2fhir`: a skeleton mapping of a segment from the HL7 v2-to-FHIR tables.

use std::path::{Path, PathBuf};

use super::At;
use crate::error::{Error, Kind, Result};
use crate::translate::v2fhir::{Tables, Wanted, skeleton};

/// Arguments of `tombolo map import-v2fhir`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The segment: PID
    segment: String,
    /// The folder `mappings` of https://github.com/HL7/v2-to-fhir, or one that has it
    #[arg(long, value_name = "DIR")]
    tables: PathBuf,
    /// The message it stands in: `ADT_A01`; without it the first that has the segment
    #[arg(long, value_name = "MESSAGE")]
    message: Option<String>,
    /// The resource to make, where the tables map the segment to several
    #[arg(long, value_name = "TYPE")]
    resource: Option<String>,
    /// Name of the mapping, which is that of its folder; without it the segment's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let mut files = Vec::new();
    collect(&args.tables, &mut files)?;
    files.sort();
    let tables = Tables::read(&files);
    if tables.is_empty() {
        let what = "there are no v2-to-FHIR tables in this folder";
        let advice = "get https://github.com/HL7/v2-to-fhir and name its folder `mappings`";
        let place = args.tables.display().to_string();
        return Err(Error::new(Kind::Usage, what).at(place).advise(advice));
    }
    let segment = args.segment.to_uppercase();
    let name = args.name.clone().unwrap_or_else(|| segment.to_lowercase());
    let wanted = Wanted {
        segment: &segment,
        message: args.message.as_deref(),
        resource: args.resource.as_deref(),
        name: &name,
    };
    let text = skeleton(&tables, &wanted)?;
    at.tell.say(text.trim_end());
    Ok(0)
}

/// The CSV files below a folder: name and text.
fn collect(folder: &Path, out: &mut Vec<(String, String)>) -> Result<()> {
    let unreadable =
        |e: std::io::Error| Error::new(Kind::Usage, e.to_string()).at(folder.display().to_string());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(&path, out)?;
        } else if path.extension().is_some_and(|e| e == "csv")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            out.push((name.unwrap_or_default(), text.trim_start_matches('\u{feff}').to_owned()));
        }
    }
    Ok(())
}
