//! Data that is not part of the repository.

use std::path::{Path, PathBuf};

/// A folder or file of the shared test data (`TOMBOLO_TEST_DATA`, else `../shared/data`). Absent, it
/// fails the test where `CI` is set; elsewhere the test says that it was skipped.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("TOMBOLO_TEST_DATA").map_or(beside, PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    let place = path.display();
    assert!(std::env::var_os("CI").is_none(), "{place} is missing; set TOMBOLO_TEST_DATA");
    eprintln!("SKIPPED: {place} is missing; set TOMBOLO_TEST_DATA to the folder of test data");
    None
}

/// Files with this ending below a folder, sorted.
pub fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
