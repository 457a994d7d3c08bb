//! Picture files against Pillow; provenance in `golden/README.md`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::{Path, PathBuf};

use splitsim_source::{Picture, SourceError};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/pictures")
        .join(name)
}

/// The largest difference to what Pillow's `convert("RGB")` made of the file, in grey levels.
fn worst_difference(name: &str) -> u8 {
    let ours = Picture::read(&path(name)).unwrap();
    let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
    let pillow = Picture::read(&path(&format!("{stem}.rgb.png"))).unwrap();
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

/// libjpeg and the decoder here round differently, and differ most where chroma is interpolated.
#[test]
fn jpegs_are_within_a_few_levels_of_pillow() {
    for (name, levels) in [
        ("cmyk.jpg", 0),
        ("ycck.jpg", 1),
        ("rotated.jpg", 2),
        ("subsampled.jpg", 5),
    ] {
        let worst = worst_difference(name);
        assert!(worst <= levels, "{name}: {worst}");
    }
}

#[test]
fn what_pillow_would_spoil_or_choose_from_is_refused_by_name() {
    for (name, reason) in [
        ("gray16.png", "16-bit grey"),
        ("animated.png", "an animated PNG"),
        ("animated.gif", "Gif, still or animated"),
        ("still.gif", "Gif, still or animated"),
        ("animated.webp", "WebP, still or animated"),
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
