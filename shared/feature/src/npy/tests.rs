use std::fs::File;

use ndarray::Array4;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn feature() -> Feature {
    let shape = FeatureShape::new(1, 2, 3, 2).unwrap();
    Feature::new(shape, (0u8..12).map(f32::from).collect()).unwrap()
}

/// A file of these bytes and the folder that keeps it.
fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.npy");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// The cases that `tests/golden/npy.py` wrote, with NumPy's results.
fn golden() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/npy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes_of(case: &Value) -> Vec<u8> {
    let hex = case["file"].as_str().unwrap();
    let pairs = (0..hex.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn files_are_read_as_numpy_reads_them() {
    let cases = golden();
    assert!(cases.len() > 70);
    for case in cases {
        let bytes = bytes_of(&case);
        let read = read_from(&mut &bytes[..], bytes.len() as u64);
        let Some(shape) = case.get("shape") else {
            assert!(read.is_err(), "{} is read", case["name"]);
            continue;
        };
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        assert_eq!(&serde_json::json!(read.shape()), shape, "{}", case["name"]);
        let values: Vec<f32> = read.iter().copied().collect();
        assert_eq!(
            serde_json::json!(values),
            case["values"],
            "{}",
            case["name"]
        );
    }
}

#[test]
fn refusals_say_what_was_expected() {
    let check = |name: &str, expected: &str| {
        let cases = golden();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let (_dir, path) = file(&bytes_of(case));
        let message = read_array(&path).unwrap_err().to_string();
        assert!(message.contains(expected), "{name}: {message}");
        assert!(message.contains("f.npy"), "{name}: {message}");
    };
    check("400 GB in double quotes", "has too many elements");
    check(
        "too few values",
        "truncated: its header declares 176 bytes, it has 172",
    );
    check(
        "something behind the array",
        "too long: its header declares 176 bytes",
    );
    check("a list for the shape", "expected 'shape' as a tuple");
    check("zero for a truth value", "'fortran_order' True or False");
    check("a key too many", "'descr', 'fortran_order' and 'shape'");
    check(
        "another element type",
        "element type <f8, expected f32 ('<f4')",
    );
    check("a structured type", "element type a structured type");
    check("version 4", "format version 4.0, expected 1.0, 2.0 or 3.0");
    check("a header of 10001 bytes", "a header of 10001 bytes");
    check("another magic", "does not begin as a .npy file");
    check("no bracket at the end", "of its header: expected");
}

#[test]
fn a_sparse_file_as_large_as_its_header_declares_is_not_read() {
    let shape = [1, 1, 400_000, 1_000];
    let (_dir, path) = file(&header::written(shape));
    let bytes = 128 + 4 * shape.iter().product::<usize>() as u64;
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(bytes).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("larger than the"), "{message}");
}

#[test]
fn a_written_feature_reads_back() {
    let (_dir, path) = file(b"");
    write(File::create(&path).unwrap(), &feature()).unwrap();
    assert_eq!(read(&path).unwrap(), feature());
    // By another reader.
    let array: Array4<f32> = ndarray_npy::read_npy(&path).unwrap();
    assert_eq!(array, feature().view());
}

#[test]
fn a_written_feature_has_the_bytes_of_numpy() {
    // np.save(f, np.arange(12, dtype="<f4").reshape(1, 2, 3, 2)); f.getvalue()[:128]
    let header =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3, 2), }";
    let (_dir, path) = file(b"");
    write(File::create(&path).unwrap(), &feature()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (start, values) = bytes.split_at(128);
    let (literal, padding) = start.split_at(header.len());
    assert_eq!(literal, header);
    assert!(
        padding
            .strip_suffix(b"\n")
            .unwrap()
            .iter()
            .all(|&byte| byte == b' ')
    );
    assert_eq!(values[..8], [0, 0, 0, 0, 0, 0, 0x80, 0x3f]);
}

#[test]
fn another_rank_or_type_is_named() {
    let (_dir, path) = file(b"");
    ndarray_npy::write_npy(&path, &ndarray::array![[1.0f32, 2.0]]).unwrap();
    assert!(matches!(
        read(&path),
        Err(FeatureError::Rank { actual: 2, .. })
    ));
    ndarray_npy::write_npy(&path, &Array4::<f64>::zeros((1, 1, 2, 2))).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(
        message.contains("<f8") && message.contains("expected f32"),
        "{message}"
    );
}

#[test]
fn nan_is_refused_with_the_file_named() {
    let (_dir, path) = file(b"");
    ndarray_npy::write_npy(&path, &Array4::from_elem((1, 1, 1, 2), f32::NAN)).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(
        message.contains("f.npy") && message.contains("not finite"),
        "{message}"
    );
}

#[test]
fn a_truncated_file_is_refused_before_it_is_read() {
    let (_dir, path) = file(b"");
    write(File::create(&path).unwrap(), &feature()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("truncated"), "{message}");
}

proptest! {
    #[test]
    fn headers_of_any_bytes_are_read_or_refused(literal: Vec<u8>, version in 1u8..5) {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        let length = literal.len() as u32;
        let width = if version == 1 { 2 } else { 4 };
        bytes.extend(&length.to_le_bytes()[..width]);
        bytes.extend(literal);
        crate::fuzzing::npy(&bytes);
    }
}
