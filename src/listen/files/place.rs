//! Names that no other file has, and files that appear whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A name in a folder that no file has: the wanted one, else with a number before its extension.
pub(super) fn free_name(folder: &Path, wanted: &Path) -> PathBuf {
    let stem = wanted.file_stem().unwrap_or_default();
    let mut path = folder.join(wanted);
    let mut n = 1u64;
    while path.symlink_metadata().is_ok() {
        n += 1;
        let mut name = stem.to_os_string();
        name.push(format!("-{n}"));
        if let Some(extension) = wanted.extension() {
            name.push(".");
            name.push(extension);
        }
        path.set_file_name(name);
    }
    path
}

/// Writes a file that is either not there or whole.
pub(super) fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, content)?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_a_number() {
        let folder = tempfile::tempdir().unwrap();
        for (wanted, given) in [
            ("随访.2024.csv", "随访.2024.csv"),
            ("随访.2024.csv", "随访.2024-2.csv"),
            ("随访.2024.csv", "随访.2024-3.csv"),
            ("x", "x"),
            ("x", "x-2"),
        ] {
            let path = free_name(folder.path(), Path::new(wanted));
            assert_eq!(path, folder.path().join(given));
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn what_is_published_replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.report.txt");
        publish(&path, b"one").unwrap();
        publish(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
