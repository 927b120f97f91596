//! Hot reload: a changed mapping is compiled, checked, tested and law-tested, then swapped at once;
//! one that fails leaves the old one running and says why.
//!
//! Folders are looked at again and again rather than watched through the system: that also works on
//! network folders and bind mounts, and a mapping folder has few files.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::compile::{self, render};
use super::library::Library;
use super::plan::{Party, Program};
use super::{examples, laws};

/// Random edits that a changed mapping has to pass.
const CASES: usize = 1000;

/// What became of a changed mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// Its name.
    pub mapping: String,
    /// For how many parties it runs now; or why the old one still runs, one mistake per text.
    pub outcome: Result<usize, Vec<String>>,
}

/// A mapping in use: always its newest program that passed.
#[derive(Debug, Clone)]
pub struct Mapping {
    library: Arc<Library>,
    name: String,
    party: Party,
    first: Arc<Program>,
}

impl Mapping {
    /// Compiles it, so that a mistake is known now.
    pub fn open(
        library: &Arc<Library>,
        name: &str,
        party: &Party,
    ) -> Result<Mapping, Vec<compile::Diagnostic>> {
        let first = library.program(name, party)?;
        let (library, name, party) = (library.clone(), name.to_owned(), party.clone());
        Ok(Mapping { library, name, party, first })
    }

    /// The program to use for the next record.
    pub fn program(&self) -> Arc<Program> {
        self.library.program(&self.name, &self.party).unwrap_or_else(|_| self.first.clone())
    }
}

impl Library {
    /// A number that changes when a file of the folders does: by name, length or time. `None`: there
    /// are no folders, so nothing can change.
    pub fn stamp(&self) -> Option<u64> {
        if self.folders.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        self.folders.iter().for_each(|folder| stamp(folder, &mut hasher));
        Some(hasher.finish())
    }

    /// Takes in what has changed in the folders, of the mappings in use.
    pub fn reload(&self) -> Vec<Reload> {
        let mut in_use: BTreeMap<String, Vec<(Party, String)>> = BTreeMap::new();
        for ((name, party), program) in self.kept().iter() {
            let uses = in_use.entry(name.clone()).or_default();
            uses.push((party.clone(), program.hash.clone()));
        }
        let mut done = Vec::new();
        for (mapping, uses) in in_use {
            match self.changed(&mapping, &uses) {
                Ok(programs) if programs.is_empty() => {}
                Ok(programs) => {
                    let outcome = Ok(programs.len());
                    let mut kept = self.kept();
                    for program in programs {
                        kept.insert((mapping.clone(), program.party.clone()), Arc::new(program));
                    }
                    drop(kept);
                    done.push(Reload { mapping, outcome });
                }
                Err(why) => done.push(Reload { mapping, outcome: Err(why) }),
            }
        }
        done
    }

    /// The programs of a mapping whose files have changed, one per party, all of them proven; none
    /// if nothing changed.
    fn changed(&self, name: &str, uses: &[(Party, String)]) -> Result<Vec<Program>, Vec<String>> {
        let told = |found: Vec<compile::Diagnostic>| {
            found.iter().map(|d| render(std::slice::from_ref(d))).collect::<Vec<_>>()
        };
        // Its tests are written for a party without a credit code.
        let local = Party { name: "local".into(), title: "local".into(), uscc: None };
        let (program, _) = compile::compile(name, &local, self).map_err(told)?;
        if uses.iter().all(|(_, hash)| *hash == program.hash) {
            return Ok(Vec::new());
        }
        prove(&program, &self.tests(name))?;
        let for_party = |(party, _): &(Party, String)| {
            compile::compile(name, party, self).map(|(program, _)| program).map_err(told)
        };
        uses.iter().map(for_party).collect()
    }
}

/// Runs a mapping's tests and laws.
fn prove(program: &Program, files: &[(String, Vec<u8>)]) -> Result<(), Vec<String>> {
    let tested = examples::run(program, files);
    if !tested.failures.is_empty() {
        return Err(tested.failures);
    }
    let samples: Vec<(String, Vec<u8>)> =
        examples::inputs(files).map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let report = laws::laws(program, &samples, CASES, 1);
    if report.failed > 0 { Err(report.failures) } else { Ok(()) }
}

fn stamp(path: &Path, hasher: &mut DefaultHasher) {
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
        entry.file_name().hash(hasher);
        if meta.is_dir() {
            stamp(&entry.path(), hasher);
        } else {
            meta.len().hash(hasher);
            let since =
                meta.modified().ok().and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
            since.hash(hasher);
        }
    }
}

impl Library {
    fn kept(&self) -> MutexGuard<'_, HashMap<(String, Party), Arc<Program>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
