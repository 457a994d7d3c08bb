//! The checks of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then.

use crate::npy;

/// Any bytes are an array of exactly their length, or an error.
pub fn npy(input: &[u8]) {
    if let Ok(array) = npy::read_from(&mut &input[..], input.len() as u64) {
        assert!(array.len() * size_of::<f32>() < input.len());
    }
}
