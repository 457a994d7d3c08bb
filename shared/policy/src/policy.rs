use crate::{Attempt, Rung};

/// Decides, attempt by attempt, how one feature is encoded and what is shipped.
///
/// The caller asks with no attempts first. At [`Decision::Encode`] it encodes at that rung, decodes
/// the very bytes, scores them with [`Self::metric`] if there is one, appends the [`Attempt`] and
/// asks again, until the answer is [`Decision::Ship`] or [`Decision::GiveUp`]. The answer depends on
/// the attempts alone, so one policy serves any number of features at a time.
pub trait Policy: Send + Sync {
    /// What to do after `attempts`, in the order in which they were made.
    fn decide(&self, attempts: &[Attempt]) -> Decision;

    /// The metric that attempts must be scored with; `None` when the policy needs no score.
    fn metric(&self) -> Option<&str>;

    /// The policy with all its settings, in the text form of [`PolicyConfig`](crate::PolicyConfig).
    fn label(&self) -> &str;
}

/// The next step for a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Ship nothing: no attempt can be shipped and none more will be made.
    GiveUp,
}

/// On what grounds an attempt is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nobody looked at its quality.
    Ungated,
    /// Its score satisfies the criterion.
    Passed,
    /// No score satisfied the criterion; this one is the best of those made.
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
