use serde::{Deserialize, Serialize};

use crate::{Attempt, Conditions, Rung};

/// Decides, attempt by attempt, how one feature is encoded and what is shipped.
///
/// For every frame, in the frames' order: the caller asks with no attempts first. At
/// [`Decision::Encode`] it encodes at that rung, decodes the very bytes, scores them with
/// [`Self::metric`] if there is one, appends the [`Attempt`] and asks again, until the answer ends the
/// frame. Then it tells the policy so with [`Self::observe`].
///
/// An answer depends on the policy's settings, on what it has observed, on the conditions and on the
/// attempts, and on nothing else: whoever repeats these repeats the decisions. One instance serves one
/// sequence of frames of one task.
pub trait Policy: Send {
    /// What to do after `attempts`, in the order in which they were made.
    fn decide(&self, conditions: &Conditions, attempts: &[Attempt]) -> Decision;

    /// How the frame ended: with `end`, which was the last answer and encodes nothing more.
    ///
    /// Policies that do not learn from one frame to the next leave this as it is.
    fn observe(&mut self, conditions: &Conditions, attempts: &[Attempt], end: Decision) {
        let _ = (conditions, attempts, end);
    }

    /// The metric that attempts must be scored with; `None` when the policy needs no score.
    fn metric(&self) -> Option<&str>;

    /// The policy with all its settings, in the text form of [`PolicyConfig`](crate::PolicyConfig).
    fn label(&self) -> &str;
}

/// The next step for a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Encode at this rung and ask again.
    Encode(Rung),
    /// Ship an attempt already made.
    Ship {
        /// Its index in the slice that the policy was asked with.
        attempt: usize,
        /// On what grounds.
        verdict: Verdict,
    },
    /// Ship nothing, on purpose: the scenario prefers no frame to a bad or late one.
    Drop,
    /// Ship nothing: no attempt can be shipped and none more will be made.
    GiveUp,
}

/// On what grounds an attempt is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nobody looked at its quality.
    Ungated,
    /// Its score satisfies the criterion.
    Passed,
    /// No score satisfied the criterion; this one is shipped all the same.
    BestEffort,
}

impl Verdict {
    /// `ungated`, `passed` or `best-effort`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ungated => "ungated",
            Self::Passed => "passed",
            Self::BestEffort => "best-effort",
        }
    }
}
