//! Inputs that once were worth keeping, through the same checks as the fuzz targets' (`fuzz/`).

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use splitsim_latent::{LatentModel, fuzzing};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/regressions")
        .join(target)
}

/// Replays `fuzz/regressions/TARGET`, in which there must be at least `count` files.
fn replay(target: &str, count: usize, check: fn(&[u8])) {
    let mut files: Vec<_> = std::fs::read_dir(folder(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= count, "{} files of {target}", files.len());
    for file in files {
        // The name is what a panic in the check is preceded by.
        eprintln!("{}", file.display());
        check(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn payloads() {
    replay("payload", 10, fuzzing::payload);
}

#[test]
fn models() {
    replay("model", 6, fuzzing::model);
}

/// The fuzzer starts from these: what it reaches depends on their being models.
#[test]
fn seeds_of_models_are_models() {
    let model = |name: &str| {
        let bytes = std::fs::read(folder("model").join(name)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        LatentModel::from_tensors(&file).unwrap()
    };
    assert_eq!(model("miniature"), LatentModel::miniature().unwrap());
    assert_eq!(model("one-channel").latent_channels(), 1);
}
