//! Inputs of a fuzzer as files in a folder of their own, for readers that open paths.
//!
//! The folder is in memory where the system has a file system there. An input for several files has a line of four
//! dashes between them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use splitsim_model::Package;
use tempfile::TempDir;

/// The bytes between two files of one input.
const BETWEEN: &[u8] = b"\n----\n";
/// The folder of Linux's in-memory file system.
const MEMORY: &str = "/dev/shm";

/// `journal.jsonl` in an edge's folder.
pub fn journal(input: &[u8]) -> bool {
    splitsim_edge::fuzzing::journal(folder(input, &["journal.jsonl"]).path())
}

/// `decisions.jsonl` in an edge's folder.
pub fn decisions(input: &[u8]) -> bool {
    splitsim_edge::fuzzing::decisions(folder(input, &["decisions.jsonl"]).path())
}

/// `results.sqlite`.
pub fn results(input: &[u8]) -> bool {
    let folder = folder(input, &["results.sqlite"]);
    splitsim_results::fuzzing::results(&folder.path().join("results.sqlite"))
}

/// A checkpoint in one file.
pub fn checkpoint(input: &[u8]) -> bool {
    let folder = folder(input, &["weights.pth"]);
    splitsim_checkpoint::fuzzing::checkpoint(&folder.path().join("weights.pth"))
}

/// A checkpoint's index and two files beside it.
pub fn sharded(input: &[u8]) -> bool {
    let folder = folder(input, &["index.json", "a.safetensors", "b.safetensors"]);
    splitsim_checkpoint::fuzzing::checkpoint(&folder.path().join("index.json"))
}

/// The weights of a model package.
pub fn weights(input: &[u8]) -> bool {
    let folder = folder(input, &["backbone.safetensors"]);
    splitsim_vision::fuzzing::weights(&folder.path().join("backbone.safetensors"))
}

/// A list over the pictures of `tests/fuzz/data-set`. The first byte selects the data set.
pub fn list(input: &[u8]) -> bool {
    let Some((&kind, list)) = input.split_first() else {
        return false;
    };
    let folder = folder(list, &["list.txt"]);
    let pictures = here("fuzz/data-set");
    splitsim_source::fuzzing::list(&folder.path().join("list.txt"), kind, &pictures)
}

/// A folder of references, asked for two sources.
pub fn references(input: &[u8]) -> bool {
    let names = ["a.label.txt", "a.json", "000012.json", "a.mask.png"];
    splitsim_cloud::fuzzing::references(folder(input, &names).path())
}

/// A scenario file and two that it may include, for the default model.
pub fn scenario(input: &[u8]) -> bool {
    static PACKAGE: LazyLock<Package> =
        LazyLock::new(|| Package::open(&here("../models/tiny-scenes")).unwrap());
    let folder = folder(input, &["a.toml", "b.toml", "c.toml"]);
    splitsim_scenarios::fuzzing::scenario(&folder.path().join("a.toml"), &PACKAGE)
}

/// A path in this crate's folder.
fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder with the parts of an input, as many as there are.
fn folder(input: &[u8], names: &[&str]) -> TempDir {
    let memory = Path::new(MEMORY);
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    let mut rest = Some(input);
    for (number, name) in names.iter().enumerate() {
        let Some(bytes) = rest else { break };
        let is_last = number + 1 == names.len();
        let cut = bytes
            .windows(BETWEEN.len())
            .position(|line| line == BETWEEN);
        let cut = cut.filter(|_| !is_last);
        let (part, behind) = match cut {
            Some(at) => (&bytes[..at + 1], Some(&bytes[at + BETWEEN.len()..])),
            None => (bytes, None),
        };
        std::fs::write(folder.path().join(name), part).unwrap();
        rest = behind;
    }
    folder
}
