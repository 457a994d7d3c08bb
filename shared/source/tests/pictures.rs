//! Picture files against Pillow; provenance in `golden/README.md`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use splitsim_source::{Picture, SourceError};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/pictures")
        .join(name)
}

/// The largest difference to what Pillow's `convert("RGB")` made of the file, in grey levels.
fn worst_difference(name: &str) -> u8 {
    let ours = Picture::read(&path(name)).unwrap();
    let pillow = Picture::read(&path(name).with_extension("rgb.png")).unwrap();
    assert_eq!(ours.extent(), pillow.extent(), "{name}");
    let samples = ours.samples().iter().zip(pillow.samples());
    samples
        .map(|(ours, pillow)| ours.abs_diff(*pillow))
        .max()
        .unwrap()
}

#[test]
fn every_kind_of_png_gives_pillows_very_samples() {
    for name in [
        "gray.png",
        "gray-alpha.png",
        "rgba.png",
        "palette.png",
        "bilevel.png",
        "rgb16.png",
        "rgba16.png",
        "gray-alpha16.png",
    ] {
        assert_eq!(worst_difference(name), 0, "{name}");
    }
}

/// The orientation of `rotated.jpg` asks for a quarter turn, which would swap its sides.
#[test]
fn an_exif_orientation_is_not_applied() {
    let extent = Picture::read(&path("rotated.jpg")).unwrap().extent();
    assert_eq!((extent.width(), extent.height()), (20, 14));
}

#[test]
fn every_kind_of_jpeg_gives_pillows_very_samples() {
    let kinds = [
        "444",
        "422",
        "420",
        "440",
        "411",
        "coarse",
        "progressive",
        "progressive-444",
        "restart",
        "grey",
        "rgb",
        "cmyk",
        "narrow",
    ];
    let kinds = kinds.map(|kind| format!("jpeg/{kind}.jpg"));
    let older = ["cmyk.jpg", "ycck.jpg", "rotated.jpg", "subsampled.jpg"].map(str::to_owned);
    for name in kinds.into_iter().chain(older) {
        assert_eq!(worst_difference(&name), 0, "{name}");
    }
}

/// SHA-256 as `golden/pictures.py` makes it: extent, then samples row by row.
fn digest(picture: &Picture) -> String {
    let extent = picture.extent();
    let mut hasher = Sha256::new();
    hasher.update(format!("{}x{}\n", extent.width(), extent.height()));
    hasher.update(picture.samples());
    let bytes = hasher.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn pillow_and_opencv_read_the_same_samples() {
    let digests = std::fs::read_to_string(path("jpeg/digests.txt")).unwrap();
    let mut by_opencv = 0;
    for line in digests.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, pillow, opencv] = words[..] else {
            panic!("{line}");
        };
        let ours = digest(&Picture::read(&path("jpeg").join(name)).unwrap());
        assert_eq!(ours, pillow, "{name}");
        if opencv != "-" {
            by_opencv += 1;
            assert_eq!(ours, opencv, "{name}");
        }
    }
    assert_eq!(by_opencv, 12, "all but the one of four inks");
}

/// The bytes of a damaged file; the cases are those of `golden/pictures.py`.
fn damaged(whole: &[u8], case: &str, number: usize) -> Vec<u8> {
    let at = whole.len() * number / 100;
    let mut bytes = whole.to_vec();
    match case {
        "percent" => bytes.truncate(at),
        "without" => bytes.truncate(whole.len() - number),
        "followed" => bytes.extend(&b"12 bytes mor"[..number]),
        "flip" => bytes[at] ^= 0x10,
        "zeros" => bytes[at..].fill(0),
        other => panic!("{other}"),
    }
    bytes
}

#[test]
fn what_is_cut_off_or_damaged_is_refused_as_pillow_refuses_it() {
    let place = tempfile::tempdir().unwrap();
    let verdicts = std::fs::read_to_string(path("jpeg/verdicts.txt")).unwrap();
    for line in verdicts.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, case, number, verdict] = words[..] else {
            panic!("{line}");
        };
        let whole = std::fs::read(path("jpeg").join(name)).unwrap();
        let file = place.path().join(name);
        std::fs::write(&file, damaged(&whole, case, number.parse().unwrap())).unwrap();
        let ours = Picture::read(&file);
        assert_eq!(ours.is_ok(), verdict == "read", "{line}: {ours:?}");
        if let Err(error) = ours {
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert!(verdicts.lines().count() > 150, "verdicts are missing");
}

/// Pillow shows such files black from the damage on; a checksum says that they are damaged.
#[test]
fn a_png_that_fails_its_checksums_or_has_no_end_is_refused() {
    let whole = std::fs::read(path("jpeg/whole.png")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.png");
    let mut checksum = whole.clone();
    // The sum of the samples' chunk lies before the last chunk, which has twelve bytes.
    let at = whole.len() - 13;
    checksum[at] ^= 1;
    for bytes in [
        damaged(&whole, "zeros", 70),
        damaged(&whole, "without", 12),
        checksum,
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(
            Picture::read(&file),
            Err(SourceError::Image { .. })
        ));
    }
}

#[test]
fn a_cut_jpeg_is_told_as_such() {
    let whole = std::fs::read(path("jpeg/420.jpg")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.jpg");
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let message = Picture::read(&file).unwrap_err().to_string();
    assert!(
        message.ends_with("the file is cut off: it ends before its picture does"),
        "{message}"
    );
}

/// The format is the content's, not the name's.
#[test]
fn a_picture_under_another_name_is_read_by_its_content() {
    let place = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("jpeg/420.jpg", "a.png"),
        ("jpeg/whole.png", "b.JPG"),
        ("jpeg/grey.jpg", "c"),
    ] {
        let file = place.path().join(to);
        std::fs::copy(path(from), &file).unwrap();
        assert_eq!(
            Picture::read(&file).unwrap(),
            Picture::read(&path(from)).unwrap()
        );
    }
}

#[test]
fn declared_sizes_are_bounded_before_anything_is_allocated() {
    let place = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8], expected: &str| {
        let file = place.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let message = Picture::read(&file).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    for name in ["420.jpg", "progressive.jpg"] {
        let mut jpeg = std::fs::read(path("jpeg").join(name)).unwrap();
        // Height and width stand behind the frame's marker, its length and the sample precision.
        let frame = jpeg
            .windows(2)
            .position(|two| matches!(two, [0xff, 0xc0 | 0xc2]))
            .unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xf0, 0, 0xf0, 0]);
        refused(
            name,
            &jpeg,
            "61440x61440 pixels, expected sides from 1 to 16384",
        );
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
        refused(
            name,
            &jpeg,
            "16384x16384 pixels, at most 178956970 are read",
        );
    }
    for side in [u32::MAX >> 1, 16_384] {
        let mut png = Vec::new();
        let header = png::Encoder::new(&mut png, side, side)
            .write_header()
            .unwrap();
        drop(header);
        refused("huge.png", &png, "not a readable image");
    }
}

#[test]
fn only_regular_files_are_opened() {
    for (device, kind) in [("/dev/zero", "a device"), ("/", "a folder")] {
        let message = Picture::read(Path::new(device)).unwrap_err().to_string();
        assert!(
            message.contains(&format!("{kind}, expected a regular file")),
            "{message}"
        );
    }
}

#[test]
fn what_pillow_would_spoil_or_choose_from_is_refused_by_name() {
    for (name, reason) in [
        ("gray16.png", "16-bit grey"),
        ("animated.png", "an animated PNG"),
        ("animated.gif", "GIF, which is not read"),
        ("still.gif", "GIF, which is not read"),
        (
            "animated.webp",
            "WebP, which is not read; convert it to PNG or JPEG",
        ),
    ] {
        let error = Picture::read(&path(name)).unwrap_err();
        assert!(matches!(error, SourceError::Image { .. }));
        let message = error.to_string();
        assert!(
            message.contains(name) && message.contains(reason),
            "{message}"
        );
    }
}
