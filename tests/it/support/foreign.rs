//! Clients by other hands.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Python with the package `hl7`: the one of `TOMBOLO_TEST_PYTHON`, else `python3`. Where it is
/// missing the test is skipped, loudly; in CI it fails.
pub fn python_with_hl7() -> Option<String> {
    let python = std::env::var("TOMBOLO_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut import = Command::new(&python);
    import.args(["-c", "import hl7.client"]).stdout(Stdio::null()).stderr(Stdio::null());
    if import.status().is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let what = "python3 with the package `hl7` is missing: python3 -m pip install hl7";
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("SKIPPED, nothing was tested: {what}");
    None
}

/// A script beside this file.
pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(name)
}
