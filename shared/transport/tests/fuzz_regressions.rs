//! Inputs that once were worth keeping, through the same checks as the fuzz targets' (`fuzz/`).

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::Path;

use splitsim_transport::fuzzing;

/// Replays `fuzz/regressions/TARGET`, which must not be empty.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/regressions")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no regressions of {target}");
    for file in files {
        // The name is what a panic in the check is preceded by.
        eprintln!("{}", file.display());
        check(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn pem_files() {
    replay("pem", fuzzing::pem);
}
