use serde::{Deserialize, Serialize};

use crate::Digest;

/// The interval of values that a codec's quantiser covers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 2]", into = "[f32; 2]")]
pub struct ValueRange {
    min: f32,
    max: f32,
}

impl ValueRange {
    /// From `min` to `max`; `None` unless both are finite and `min < max`.
    #[must_use]
    pub fn new(min: f32, max: f32) -> Option<Self> {
        (min.is_finite() && max.is_finite() && min < max && (max - min).is_finite())
            .then_some(Self { min, max })
    }

    /// The lower end.
    #[must_use]
    pub const fn min(self) -> f32 {
        self.min
    }

    /// The upper end.
    #[must_use]
    pub const fn max(self) -> f32 {
        self.max
    }
}

impl TryFrom<[f32; 2]> for ValueRange {
    type Error = String;

    fn try_from([min, max]: [f32; 2]) -> Result<Self, Self::Error> {
        Self::new(min, max).ok_or_else(|| format!("[{min}, {max}] is no range: min < max, finite"))
    }
}

impl From<ValueRange> for [f32; 2] {
    fn from(range: ValueRange) -> Self {
        [range.min, range.max]
    }
}

/// One range per layer, as calibrated for one model and task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RangeTable(pub Vec<ValueRange>);

impl RangeTable {
    /// Returns `true` if no range is known: the model is not calibrated for the
    /// task.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A digest that both ends of a link can compare.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for range in &self.0 {
            hasher.update(&range.min.to_le_bytes());
            hasher.update(&range.max.to_le_bytes());
        }
        Digest::of_hasher(&hasher)
    }
}
