use std::fmt;

use splitsim_feature::FeatureShape;

use crate::Metric;

/// The reason why two features have no score.
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
    /// The metric has no value for the pair: the formula divides by nothing.
    #[error("{metric} is undefined: {cause}")]
    Undefined {
        /// The metric asked for.
        metric: Metric,
        /// The cause.
        cause: Cause,
    },
}

/// The cause for which a metric is undefined for a pair of features. Maps are counted layer by layer within
/// view by view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A map whose tokens are all alike has no structure to align.
    #[error("all tokens of map {map} of the {operand} feature are alike")]
    Constant {
        /// The feature that has the map.
        operand: Operand,
        /// The map.
        map: usize,
    },
    /// A token of zeros has no direction.
    #[error("token {token} of map {map} of the {operand} feature is zero")]
    ZeroToken {
        /// The feature that has the token.
        operand: Operand,
        /// The map.
        map: usize,
        /// The token.
        token: usize,
    },
    /// Patch tokens that cancel out have no mean direction.
    #[error("the patch tokens of map {map} of the {operand} feature sum to zero")]
    ZeroPatchMean {
        /// The feature that has the map.
        operand: Operand,
        /// The map.
        map: usize,
    },
    /// A map without patch tokens.
    #[error("{tokens} tokens, {registers} of them registers, leave no patch token")]
    NoPatchTokens {
        /// Tokens of a map.
        tokens: usize,
        /// Registers among them.
        registers: usize,
    },
    /// A map with one token has no pair of tokens.
    #[error("a map of one token has no pairs of tokens")]
    SingleToken,
    /// The original feature is zero.
    #[error("the original feature is zero")]
    NoSignal,
    /// The features are equal: the ratio to the noise is infinite.
    #[error("the features are equal, there is no noise")]
    NoNoise,
}

/// One of the two features of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The feature before coding.
    Original,
    /// The feature after decoding.
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
