//! Files that are damaged, hostile or none of ours: refused by name, never a panic.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use splitsim_checkpoint::synthetic::{Wrapping, pickled, pickled_tensor, pickled_view};
use splitsim_checkpoint::{Checkpoint, CheckpointError, PickleError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::fs::read(folder.join(name)).unwrap()
}

/// Opens a file of these bytes.
fn open(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("file.pth");
    std::fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path)
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

/// An archive of torch's kind with this pickle and these storages.
fn archive(pickle: &[u8], storages: &[&[u8]], compression: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(compression);
    let mut entry = |name: &str, bytes: &[u8]| {
        archive.start_file(name, options).unwrap();
        archive.write_all(bytes).unwrap();
    };
    entry("archive/data.pkl", pickle);
    for (key, bytes) in storages.iter().enumerate() {
        entry(&format!("archive/data/{key}"), bytes);
    }
    archive.finish().unwrap().into_inner()
}

fn stored(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    archive(pickle, storages, CompressionMethod::Stored)
}

fn one(tensor: Vec<u8>) -> Vec<u8> {
    pickled(&[("w", tensor)], Wrapping::Mmcv)
}

#[test]
fn state_dicts_of_mmcv_and_module_prefixes_are_unwrapped() {
    let tensors = [
        ("module.a", pickled_tensor(0, &[2, 1])),
        ("b", pickled_tensor(1, &[])),
    ];
    for wrapping in [Wrapping::Bare, Wrapping::Mmcv] {
        let bytes = stored(&pickled(&tensors, wrapping), &[&[0; 8], &[1; 4]]);
        let checkpoint = open(&bytes).unwrap();
        let names: Vec<_> = checkpoint.tensors().keys().collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(checkpoint.tensors()["a"].shape(), [2, 1]);
    }
}

/// A dictionary of these entries, as a part of a pickle.
fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut pickle = b"}(".to_vec();
    for (key, value) in entries {
        pickle.push(b'X');
        pickle.extend((key.len() as u32).to_le_bytes());
        pickle.extend(key.as_bytes());
        pickle.extend(value);
    }
    pickle.push(b'u');
    pickle
}

#[test]
fn tensors_beside_a_state_dict_do_not_hide_it() {
    let network = dict(&[
        ("a.weight", pickled_tensor(0, &[2, 1])),
        ("a.bias", pickled_tensor(1, &[])),
    ]);
    let ema = dict(&[("a.weight", pickled_tensor(0, &[2, 1]))]);
    let mut pickle = b"\x80\x02".to_vec();
    pickle.extend(dict(&[
        ("loss", pickled_tensor(1, &[])),
        ("ema_state_dict", ema),
        ("state_dict", network),
    ]));
    pickle.push(b'.');
    let checkpoint = open(&stored(&pickle, &[&[0; 8], &[1; 4]])).unwrap();
    let is_there = |name: &str| usize::from(checkpoint.tensors().contains_key(name));
    let wanted = |prefix: &str| {
        ["a.weight", "a.bias"]
            .map(|name| is_there(&format!("{prefix}{name}")))
            .iter()
            .sum::<usize>()
    };
    let prefix = |anchor| checkpoint.best_prefix(anchor, wanted).unwrap();
    assert_eq!(prefix("a.weight"), Some("state_dict."));
    assert!(checkpoint.tensors().contains_key("loss"));
    assert_eq!(prefix("b.weight"), None);
}

#[test]
fn a_pointer_of_git_lfs_is_told_as_such() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 346345912\n";
    let error = refusal(pointer);
    assert!(
        error.contains("Git LFS pointer") && error.contains("git lfs pull"),
        "{error}"
    );
}

#[test]
fn what_is_no_regular_file_is_refused() {
    for (path, kind) in [("/dev/zero", "a device"), ("/tmp", "a folder")] {
        let error = Checkpoint::open(Path::new(path)).unwrap_err().to_string();
        assert!(error.contains(kind), "{error}");
    }
}

#[test]
fn a_transposed_tensor_is_read_in_row_major_order() {
    let storage: Vec<u8> = (0..6u32).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("transposed.pth");
    let pickle = one(pickled_view(0, 6, &[2, 3], &[1, 2]));
    std::fs::write(&path, stored(&pickle, &[&storage])).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    let mut bytes = Vec::new();
    checkpoint.copy("w", &mut bytes).unwrap();
    let values: Vec<f32> = bytes
        .chunks(4)
        .map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    assert_eq!(values, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
}

#[test]
fn tensors_that_do_not_lie_in_the_file_are_refused() {
    let check = |tensor: Vec<u8>, storages: &[&[u8]], expected: &str| {
        let error = refusal(&stored(&one(tensor), storages));
        assert!(error.contains(expected), "{error}");
    };
    let four = [0u8; 16];
    check(
        pickled_tensor(3, &[4]),
        &[&four],
        "tensor 'w': the archive has no uncompressed file archive/data/3",
    );
    check(
        pickled_tensor(0, &[5]),
        &[&four],
        "has 16 bytes, 5 elements of F32 were expected",
    );
    check(
        pickled_view(0, 4, &[5], &[1]),
        &[&four],
        "5 elements from 0 exceed its storage's 4",
    );
    check(
        pickled_view(0, 4, &[2, 2], &[0, 1]),
        &[&four],
        "save it with .contiguous()",
    );
    let huge = pickled_view(0, usize::MAX >> 1, &[usize::MAX >> 1], &[1]);
    check(huge, &[&four], "elements of F32 were expected");
}

#[test]
fn archives_that_are_not_torchs_are_refused() {
    let pickle = one(pickled_tensor(0, &[1]));
    let compressed = archive(&pickle, &[&[0; 4]], CompressionMethod::Deflated);
    assert!(refusal(&compressed).contains("no uncompressed file"));
    let mut two = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a/data.pkl", "b/data.pkl"] {
        two.start_file(name, SimpleFileOptions::default()).unwrap();
    }
    assert!(refusal(&two.finish().unwrap().into_inner()).contains("more than one data.pkl"));
    let mut none = ZipWriter::new(Cursor::new(Vec::new()));
    none.start_file("README", SimpleFileOptions::default())
        .unwrap();
    assert!(refusal(&none.finish().unwrap().into_inner()).contains("no data.pkl"));
    let cut = golden("mlp.pth");
    assert!(refusal(&cut[..cut.len() / 2]).contains("not an archive of torch.save"));
    let empty = stored(b"\x80\x02}X\x05\x00\x00\x00epochK\x03s.", &[]);
    assert!(refusal(&empty).contains("no tensors") && refusal(&empty).ends_with("found epoch"));
}

#[test]
fn an_attack_is_refused_by_the_name_of_what_it_would_call() {
    let attack = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.";
    let error = open(&stored(attack, &[])).unwrap_err();
    let CheckpointError::Pickle { source, .. } = error else {
        panic!("{error}")
    };
    assert!(matches!(source, PickleError::Global { module, name, at: 2 }
        if module == "posix" && name == "system"));
}

#[test]
fn the_older_format_is_refused_with_the_remedy() {
    let error = refusal(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.");
    assert!(
        error.contains("before 1.6") && error.contains("torch.save(torch.load("),
        "{error}"
    );
    assert!(refusal(b"#!/bin/sh\n").contains("neither a .pth archive nor a .safetensors"));
    assert!(refusal(b"").contains("neither"));
}

#[test]
fn corrupt_safetensors_headers_are_refused() {
    let whole = golden("swiglu.hf.safetensors");
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        refusal(&bytes)
    };
    let length = u64::from_le_bytes(whole[..8].try_into().unwrap());
    let huge = altered(&|bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()));
    assert!(
        huge.contains("a header of 18446744073709551615 bytes in a file of"),
        "{huge}"
    );
    let short = altered(&|bytes| bytes[..8].copy_from_slice(&(length - 9).to_le_bytes()));
    assert!(
        short.contains("not a readable safetensors file: its header: "),
        "{short}"
    );
    let cut = altered(&|bytes| bytes.truncate(bytes.len() - 100));
    assert!(cut.contains("bytes, its header says"), "{cut}");
    let quote = altered(&|bytes| bytes[9] = b'\'');
    assert!(quote.contains("its header: "), "{quote}");
}

/// The pickle in torch's golden archive.
fn golden_pickle() -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(golden("mlp.pth"))).unwrap();
    let mut pickle = Vec::new();
    let mut entry = archive.by_name("mlp/data.pkl").unwrap();
    entry.read_to_end(&mut pickle).unwrap();
    pickle
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_pickle_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open(&stored(&bytes, &[&[0; 64]]));
    }

    #[test]
    fn a_damaged_pickle_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut pickle = golden_pickle();
        for (index, byte) in changes {
            let at = index.index(pickle.len());
            pickle[at] = byte;
        }
        let storages: Vec<&[u8]> = vec![&[0; 192]; 63];
        let _ = open(&stored(&pickle, &storages));
        pickle.truncate(cut.index(pickle.len()));
        prop_assert!(open(&stored(&pickle, &storages)).is_err(), "an unfinished pickle");
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        changes in prop::collection::vec((0usize..2000, any::<u8>(), any::<bool>()), 1..8),
        swiglu in any::<bool>(),
    ) {
        let mut bytes = if swiglu {
            golden("swiglu.hf.safetensors")
        } else {
            stored(&one(pickled_tensor(0, &[4])), &[&[0; 16]])
        };
        for (at, byte, from_end) in changes {
            let at = at % bytes.len();
            let at = if from_end { bytes.len() - 1 - at } else { at };
            bytes[at] = byte;
        }
        let _ = open(&bytes);
    }
}
