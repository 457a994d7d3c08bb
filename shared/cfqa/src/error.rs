use std::fmt;

use splitsim_feature::FeatureShape;

use crate::Metric;

/// Why two features have no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CfqaError {
    /// The features differ in shape.
    #[error(
        "distorted feature is {distorted}, its original {original}: score features of one shape"
    )]
    ShapeMismatch {
        /// Shape of the original.
        original: FeatureShape,
        /// Shape of the distorted feature.
        distorted: FeatureShape,
    },
    /// A map whose tokens are all alike has no structure to align.
    #[error("{metric} is undefined: all tokens of map {map} of the {operand} feature are alike")]
    Undefined {
        /// The metric asked for.
        metric: Metric,
        /// Which of the two features.
        operand: Operand,
        /// The map, counted layer by layer within view by view.
        map: usize,
    },
}

/// One of the two features of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The feature before coding.
    Original,
    /// What decoding made of it.
    Distorted,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "original",
            Self::Distorted => "distorted",
        })
    }
}
