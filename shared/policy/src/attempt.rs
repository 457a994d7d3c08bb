use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::units::Bytes;

use crate::{PredictedScore, Rung};

/// One encoding of a feature, as the edge saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The rung encoded at.
    pub rung: Rung,
    /// The result: a failure, or the cost of the coding with or without a score.
    pub outcome: Outcome,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The codec failed: there is nothing to ship.
    Failed {
        /// Time until it did.
        took: Duration,
    },
    /// Encoded and decoded, but without a score: the policy asked for none, or the metric is
    /// undefined for this reconstruction.
    Unscored(Coded),
    /// Encoded, decoded and scored.
    Scored {
        /// The size of the container and the coding times.
        coded: Coded,
        /// The predicted quality of the decoded bytes.
        score: PredictedScore,
        /// Time taken to score.
        score_time: Duration,
    },
}

/// The cost of encoding and decoding a feature on the edge: bytes and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coded {
    /// Size of the container that would be shipped.
    pub container: Bytes,
    /// Time taken to encode.
    pub encode_time: Duration,
    /// Time taken to decode the very bytes.
    pub decode_time: Duration,
}

impl Attempt {
    /// The score, if the attempt got one.
    #[must_use]
    pub const fn score(&self) -> Option<PredictedScore> {
        match self.outcome {
            Outcome::Scored { score, .. } => Some(score),
            Outcome::Failed { .. } | Outcome::Unscored(_) => None,
        }
    }

    /// The size of the container and the coding times, unless the codec failed.
    #[must_use]
    pub const fn coded(&self) -> Option<Coded> {
        match self.outcome {
            Outcome::Scored { coded, .. } | Outcome::Unscored(coded) => Some(coded),
            Outcome::Failed { .. } => None,
        }
    }

    /// All the time that it took: encoding, decoding, scoring.
    #[must_use]
    pub fn took(&self) -> Duration {
        let coding = |coded: Coded| coded.encode_time.saturating_add(coded.decode_time);
        match self.outcome {
            Outcome::Failed { took } => took,
            Outcome::Unscored(coded) => coding(coded),
            Outcome::Scored {
                coded, score_time, ..
            } => coding(coded).saturating_add(score_time),
        }
    }
}
