//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use crate::{Feature, FeatureShape, npy};

/// Any bytes are an array of exactly their length, or an error. An array of finite values and four dimensions is
/// written as a file of the same array.
///
/// # Panics
/// When that is not so.
pub fn npy(input: &[u8]) -> bool {
    let Ok(array) = npy::read_from(&mut &input[..], input.len() as u64) else {
        return false;
    };
    assert!(array.len() * size_of::<f32>() < input.len());
    let &[views, layers, tokens, dim] = array.shape() else {
        return true;
    };
    let values = array.iter().copied().collect();
    let shape = FeatureShape::new(views, layers, tokens, dim);
    if let Ok(feature) = shape.and_then(|shape| Feature::new(shape, values)) {
        let mut written = Vec::new();
        npy::write(&mut written, &feature).expect("memory takes every byte");
        let again = npy::read_from(&mut &written[..], written.len() as u64);
        assert_eq!(again.expect("what is written is read"), array);
    }
    true
}
