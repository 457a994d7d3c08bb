//! Inputs that once were worth keeping, through the same checks as the fuzz target's (`fuzz/`).

use std::path::Path;

/// Replays `fuzz/regressions/published`, which must not be empty.
#[test]
fn published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions/published");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no regressions");
    for file in files {
        // The name is what a panic in the check is preceded by.
        eprintln!("{}", file.display());
        splitsim_lab::fuzzing::published(&std::fs::read(&file).unwrap());
    }
}
