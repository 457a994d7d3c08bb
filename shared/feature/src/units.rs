//! Sizes and rates that must not be confused.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::FeatureShape;

/// A count of bytes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The bytes of a buffer.
    #[must_use]
    pub const fn of(buffer: &[u8]) -> Self {
        Self(buffer.len() as u64)
    }

    /// The rate that these bytes are for a feature of `shape`.
    #[must_use]
    pub fn per_point(self, shape: FeatureShape) -> Bpfp {
        Bpfp(self.0 as f64 * 8.0 / shape.points() as f64)
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        Self(counts.map(|count| count.0).sum())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// Bits per feature point: `8 · bytes / (N·C·H·W)`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bpfp(pub f64);

impl fmt::Display for Bpfp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} bpfp", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_per_point_is_one_eighth_of_the_points_in_bytes() {
        // ViT-g's cls feature: 394,752 points, 49,344 bytes at 1 BPFP.
        let shape = FeatureShape::new(1, 1, 257, 1536).unwrap();
        assert_eq!(Bytes(49_344).per_point(shape), Bpfp(1.0));
    }
}
