//! Inputs that once were worth keeping, through the same checks as the fuzz targets' (`tests/fuzz`).

#![expect(clippy::unwrap_used, reason = "a test ends where its setup fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use splitsim_tests::fuzzing::Check;

macro_rules! tests {
    ($($target:ident: $check:path,)*) => {
        /// The list of targets.
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        $(
            #[test]
            fn $target() {
                replay(stringify!($target), $check);
            }
        )*
    };
}

splitsim_tests::fuzz_targets!(tests);

/// Inputs that every target has, of which it accepts one and refuses another.
const LEAST: usize = 4;

/// Replays the inputs of a target. A fuzzer that starts from refused inputs alone does not come far.
fn replay(target: &str, check: Check) {
    let inputs = entries(&fuzz(&format!("regressions/{target}")));
    assert!(inputs.len() >= LEAST, "{} inputs of {target}", inputs.len());
    let accepted = inputs.iter().filter(|input| {
        // The name is what a panic in the check is preceded by.
        eprintln!("{}", input.display());
        check(&std::fs::read(input).unwrap())
    });
    let accepted = accepted.count();
    assert!((1..inputs.len()).contains(&accepted), "{accepted} accepted");
}

#[test]
fn every_target_has_a_program_and_inputs() {
    let listed: BTreeSet<_> = TARGETS.iter().map(ToString::to_string).collect();
    assert_eq!(listed.len(), TARGETS.len(), "a target stands twice");
    for place in ["regressions", "src/bin"] {
        let there: BTreeSet<_> = entries(&fuzz(place))
            .iter()
            .map(|path| stem(path))
            .collect();
        assert_eq!(there, listed, "{place}");
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(path)
}

/// The files of a folder, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
