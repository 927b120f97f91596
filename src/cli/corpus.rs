//! Folders of records that are not ours: what `--corpus` names.

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::translate::{Library, Party};

/// The files below a folder (or the one file) that a mapping takes: path and bytes, by path.
pub fn taken_by(
    name: &str,
    library: &Library,
    party: &Party,
    corpus: &Path,
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut paths = Vec::new();
    below(corpus, &mut paths)?;
    paths.sort();
    let mut taken = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        if library.choose(&[name.to_owned()], party, &bytes).is_ok() {
            taken.push((path.display().to_string(), bytes));
        }
    }
    Ok(taken)
}

fn below(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        out.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        below(&entry.map_err(|error| unreadable(path, &error))?.path(), out)?;
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Usage, error.to_string()).at(path.display().to_string())
}
