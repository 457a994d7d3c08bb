//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::fmt::Debug;
use std::path::Path;

use serde::Serialize;

use crate::{Thresholds, package};

/// Any bytes are refused or become a manifest without contradiction, which is read again from what it is written
/// as.
///
/// # Panics
/// When that is not so.
pub fn manifest(input: &[u8]) -> bool {
    let read = |text: &str| package::parse(Path::new("model.toml"), text).ok();
    let manifest = std::str::from_utf8(input).ok().and_then(read);
    if let Some(manifest) = &manifest {
        assert_eq!(manifest.inconsistency(), None);
        reads_back(manifest, read);
    }
    manifest.is_some()
}

/// Any bytes are refused or become thresholds, which are read again from what they are written as.
///
/// # Panics
/// When that is not so.
pub fn thresholds(input: &[u8]) -> bool {
    let read = |text: &str| Thresholds::parse(text).ok();
    let thresholds = std::str::from_utf8(input).ok().and_then(read);
    if let Some(thresholds) = &thresholds {
        reads_back(thresholds, read);
    }
    thresholds.is_some()
}

fn reads_back<T: Serialize + PartialEq + Debug>(value: &T, read: impl Fn(&str) -> Option<T>) {
    let text = toml::to_string_pretty(value).expect("what was read as TOML is written as TOML");
    assert_eq!(read(&text).as_ref(), Some(value), "{text}");
}
