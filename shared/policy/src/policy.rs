use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Conditions, Rung};

/// Decides, attempt by attempt, how one feature is encoded and what is shipped.
///
/// The caller serves frames in order. For each frame it first asks with no attempts. At
/// [`Decision::Encode`] it encodes at that rung, decodes the same bytes, scores them with
/// the metric of the policy's criterion if there is one, appends the [`Attempt`] and asks again, until the answer ends
/// the frame. It then reports the end with [`Self::observe`].
///
/// An answer depends only on the policy's settings, its observations, the conditions and the
/// attempts, so that repeating these repeats the decisions. One instance serves one sequence of
/// frames of one task.
pub trait Policy: Send {
    /// Returns the next decision after `attempts`, which are in the order in which they were made.
    fn decide(&self, conditions: &Conditions, attempts: &[Attempt]) -> Decision;

    /// Tells the policy that the frame ended with the decision `end`, its last answer.
    ///
    /// Policies that do not learn from one frame to the next keep this default, which does nothing.
    fn observe(&mut self, conditions: &Conditions, attempts: &[Attempt], end: Decision) {
        let _ = (conditions, attempts, end);
    }
}

/// The next step for a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Encode at this rung and ask again.
    Encode(Rung),
    /// Ship an attempt already made.
    Ship {
        /// Index of the attempt in the slice that the policy was given.
        attempt: usize,
        /// The grounds for shipping it.
        verdict: Verdict,
    },
    /// Ship nothing, on purpose: the scenario prefers no frame to a bad or late one.
    Drop,
    /// Ship nothing: no attempt can be shipped and none more will be made.
    GiveUp,
}

/// The grounds on which an attempt is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The policy looks at no score.
    Ungated,
    /// The attempt's score satisfies the criterion.
    Passed,
    /// No score satisfied the criterion; this one is shipped all the same.
    BestEffort,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Ungated, Self::Passed, Self::BestEffort];

    /// The verdict as it is stored and printed: `ungated`, `passed` or `best-effort`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ungated => "ungated",
            Self::Passed => "passed",
            Self::BestEffort => "best-effort",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown verdict '{0}', expected ungated, passed or best-effort")]
pub struct UnknownVerdict(String);

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|verdict| verdict.name() == name);
        named.ok_or_else(|| UnknownVerdict(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_have_one_name_in_text_and_json() {
        for verdict in Verdict::ALL {
            assert_eq!(verdict.to_string().parse(), Ok(verdict));
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
        assert_eq!(
            "fine".parse::<Verdict>().unwrap_err().to_string(),
            "unknown verdict 'fine', expected ungated, passed or best-effort"
        );
    }
}
