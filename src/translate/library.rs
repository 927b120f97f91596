//! The mappings there are: those embedded in the binary, and folders that lie over them by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use include_dir::{Dir, include_dir};

use super::choose;
use super::compile::{self, Diagnostic, FileSource};
use super::plan::{Party, Program};
use crate::error::{Error, Kind, Result};

/// `mappings/` of the repository.
static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");

/// Sources of mappings; programs are compiled per party on demand and kept.
#[derive(Debug, Default)]
pub struct Library {
    /// Later ones lie over earlier ones.
    pub(super) folders: Vec<PathBuf>,
    pub(super) programs: Mutex<HashMap<(String, Party), Arc<Program>>>,
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

impl Library {
    /// The embedded mappings with these folders over them, later ones over earlier ones. Folders
    /// lie over each other file by file: `hospital-adt/mapping.yaml` replaces that one file.
    pub fn open(folders: &[PathBuf]) -> Result<Library> {
        for folder in folders {
            std::fs::read_dir(folder).map_err(|error| {
                Error::new(Kind::Usage, "the mappings folder cannot be read")
                    .at(folder.display().to_string())
                    .because(error)
            })?;
        }
        Ok(Library { folders: folders.to_vec(), programs: Mutex::default() })
    }

    /// Names of all mappings, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for folder in EMBEDDED.dirs() {
            names.extend(folder.path().file_name().map(|n| n.to_string_lossy().into_owned()));
        }
        for folder in &self.folders {
            names.extend(entries(folder).into_keys());
        }
        names.retain(|name| {
            !name.starts_with(['_', '.']) && self.exists(&Path::new(name).join("mapping.yaml"))
        });
        names.into_iter().collect()
    }

    /// Compiles a mapping for a party, or gives the compiled one.
    pub fn program(&self, name: &str, party: &Party) -> Result<Arc<Program>, Vec<Diagnostic>> {
        let key = (name.to_owned(), party.clone());
        let kept = self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(program) = kept {
            return Ok(program);
        }
        let (program, _) = compile::compile(name, party, self)?;
        let program = Arc::new(program);
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.insert(key, program.clone());
        Ok(program)
    }

    /// Everything there is to say about mappings: errors, warnings and information, in the order of
    /// the names. Compiled for a party without a credit code.
    pub fn check(&self, names: &[String]) -> Vec<Diagnostic> {
        let party = Party { name: "local".to_owned(), title: "local".to_owned(), uscc: None };
        let mut found: Vec<Diagnostic> = Vec::new();
        for name in names {
            let diagnostics = match compile::compile(name, &party, self) {
                Ok((_, diagnostics)) | Err(diagnostics) => diagnostics,
            };
            // A shared file is read by several mappings and says the same each time.
            for diagnostic in diagnostics {
                if !found.contains(&diagnostic) {
                    found.push(diagnostic);
                }
            }
        }
        found
    }

    /// A file beside a mapping or shared (`_codes/x.csv`), from the folders or embedded.
    pub fn file(&self, path: &Path) -> Option<SourceFile> {
        let bytes = self.bytes(path)?;
        let text = String::from_utf8(bytes.1.into_owned()).ok()?;
        let shown = match &bytes.0 {
            Some(on_disk) => on_disk.display().to_string(),
            None => path.to_string_lossy().into_owned(),
        };
        Some(SourceFile { shown, text: text.into(), path: bytes.0 })
    }

    /// Test files of a mapping, sorted by name (`tests/01-a04.hl7`, …): name and bytes.
    pub fn tests(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let below = Path::new(name).join("tests");
        let mut files = BTreeMap::new();
        for file in EMBEDDED.get_dir(&below).into_iter().flat_map(Dir::files) {
            if let Some(name) = file.path().file_name() {
                files.insert(name.to_string_lossy().into_owned(), file.contents().to_vec());
            }
        }
        for folder in &self.folders {
            for (name, path) in entries(&folder.join(&below)) {
                if let Ok(bytes) = std::fs::read(path) {
                    files.insert(name, bytes);
                }
            }
        }
        files.into_iter().collect()
    }

    /// The one of these mappings that takes this transfer: by `accept`, header set, root element.
    /// None or two that fit are errors that list the candidates.
    pub fn choose(&self, names: &[String], party: &Party, bytes: &[u8]) -> Result<Arc<Program>> {
        let mut programs = Vec::new();
        let mut broken = Vec::new();
        for name in names {
            match self.program(name, party) {
                Ok(program) => programs.push(program),
                Err(found) => broken.push(told(name, &found)),
            }
        }
        match choose::choose(&programs, bytes) {
            Err(error) if error.kind == Kind::NotFound && !broken.is_empty() => {
                Err(broken.swap_remove(0))
            }
            chosen => chosen,
        }
    }

    fn exists(&self, path: &Path) -> bool {
        is_inside(path)
            && (self.folders.iter().any(|folder| folder.join(path).is_file())
                || EMBEDDED.get_file(path).is_some())
    }

    /// The path on disk, if it is there, and the bytes.
    #[allow(clippy::type_complexity, reason = "used once")]
    fn bytes(&self, path: &Path) -> Option<(Option<PathBuf>, std::borrow::Cow<'static, [u8]>)> {
        if !is_inside(path) {
            return None;
        }
        for folder in self.folders.iter().rev() {
            let on_disk = folder.join(path);
            if let Ok(bytes) = std::fs::read(&on_disk) {
                return Some((Some(on_disk), bytes.into()));
            }
        }
        EMBEDDED.get_file(path).map(|file| (None, file.contents().into()))
    }
}

impl FileSource for Library {
    fn file(&self, path: &str) -> Option<SourceFile> {
        Library::file(self, Path::new(path))
    }
}

/// The first mistake of a mapping as an error.
pub fn told(name: &str, found: &[Diagnostic]) -> Error {
    let Some(first) = found.first() else {
        return Error::new(Kind::Usage, format!("the mapping '{name}' cannot be compiled"));
    };
    let what = format!("the mapping '{name}' cannot be compiled: {}", first.message);
    let error =
        Error::new(Kind::Usage, what).at(format!("{}:{}:{}", first.file, first.line, first.column));
    match &first.hint {
        Some(hint) => error.advise(hint.clone()),
        None => error,
    }
}

/// Only names below the library: no `..`, no root.
fn is_inside(path: &Path) -> bool {
    path.components().all(|c| matches!(c, Component::Normal(_)))
}

/// Names and paths of a folder's entries; none if it cannot be read.
fn entries(folder: &Path) -> BTreeMap<String, PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten().flatten();
    read.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> Party {
        Party { name: name.to_owned(), title: name.to_owned(), uscc: None }
    }

    #[test]
    fn the_mappings_of_the_product_are_inside_and_sound() {
        let library = Library::open(&[]).unwrap();
        let names = library.names();
        for name in ["cdc-card", "hospital-adt", "hospital-oru", "htn-followup"] {
            assert!(names.contains(&name.to_owned()), "{names:?}");
        }
        assert!(names.iter().all(|n| !n.starts_with('_')));
        let errors: Vec<_> = library
            .check(&names)
            .into_iter()
            .filter(|d| d.severity >= crate::fhir::Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{}", compile::render(&errors));
    }

    #[test]
    fn a_folder_lies_over_the_embedded_set_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("_codes/case_course.csv");
        std::fs::create_dir_all(table.parent().unwrap()).unwrap();
        std::fs::write(&table, "frontend_code,vendor_code,zh\n1,7,急性\n").unwrap();
        let own = folder.path().join("mine/mapping.yaml");
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "extends: ../hospital-adt\nmapping: mine\n").unwrap();
        std::fs::create_dir_all(folder.path().join("mine/tests")).unwrap();
        std::fs::write(folder.path().join("mine/tests/02.hl7"), "b").unwrap();
        std::fs::write(folder.path().join("mine/tests/01.hl7"), "a").unwrap();
        let library = Library::open(&[folder.path().to_path_buf()]).unwrap();
        assert!(library.names().contains(&"mine".to_owned()));
        let file = library.file(Path::new("_codes/case_course.csv")).unwrap();
        assert_eq!(file.path.as_deref(), Some(table.as_path()));
        assert_eq!(library.program("mine", &party("h")).unwrap().name, "mine");
        let names: Vec<_> = library.tests("mine").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["01.hl7", "02.hl7"]);
    }

    #[test]
    fn programs_are_kept_per_party() {
        let library = Library::open(&[]).unwrap();
        let one = library.program("hospital-adt", &party("a")).unwrap();
        let again = library.program("hospital-adt", &party("a")).unwrap();
        let other = library.program("hospital-adt", &party("b")).unwrap();
        assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
        assert_eq!(other.party.name, "b");
    }

    #[test]
    fn paths_stay_inside_and_folders_exist() {
        let library = Library::open(&[]).unwrap();
        for path in ["../Cargo.toml", "/etc/passwd", "hospital-adt/../../Cargo.toml"] {
            assert!(library.file(Path::new(path)).is_none(), "{path}");
        }
        let error = Library::open(&[PathBuf::from("no/such/folder")]).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        let found = library.program("nothing", &party("a")).unwrap_err();
        assert_eq!(found[0].message, "there is no file 'nothing/mapping.yaml'");
    }
}
