//! The mappings there are: those embedded in the binary, and folders that lie over them by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compile::Diagnostic;
use super::plan::{Party, Program};
use crate::error::Result;

/// Sources of mappings; programs are compiled per party on demand and kept.
pub struct Library {
    _private: (),
}

/// A file of a mapping folder.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Shown in messages: `hospital-adt/mapping.yaml`, or the path on disk.
    pub shown: String,
    /// Its content.
    pub text: Arc<str>,
    /// On disk, if it is not embedded.
    pub path: Option<PathBuf>,
}

#[allow(unused_variables)]
impl Library {
    /// The embedded mappings with these folders over them, later ones over earlier ones.
    pub fn open(folders: &[PathBuf]) -> Result<Library> {
        todo!("helper compile")
    }

    /// Names of all mappings, sorted.
    pub fn names(&self) -> Vec<String> {
        todo!("helper compile")
    }

    /// Compiles a mapping for a party, or gives the compiled one.
    pub fn program(&self, name: &str, party: &Party) -> Result<Arc<Program>, Vec<Diagnostic>> {
        todo!("helper compile")
    }

    /// A file beside a mapping or shared (`_codes/x.csv`), from the folders or embedded.
    pub fn file(&self, path: &Path) -> Option<SourceFile> {
        todo!("helper compile")
    }

    /// Test files of a mapping, sorted by name (`tests/01-a04.hl7`, …): name and bytes.
    pub fn tests(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        todo!("helper compile")
    }

    /// The one of these mappings that takes this transfer: by `accept`, header set, root element.
    /// None or two that fit are errors that list the candidates.
    pub fn choose(&self, names: &[String], party: &Party, bytes: &[u8]) -> Result<Arc<Program>> {
        todo!("helper compile")
    }
}
