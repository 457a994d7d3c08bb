use splitsim_feature::Task;
use splitsim_policy::{PolicyError, Rung};
use splitsim_table::TableError;

/// The reason why something is not a recording, or policies cannot be replayed over it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read or written, or is no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A table that is no recording.
    #[error("row {row}: {reason}; this is no recording of ladders, or a damaged one")]
    Row {
        /// The row, from 0.
        row: usize,
        /// The fault.
        reason: String,
    },
    /// A recording without a frame.
    #[error("the recording has no frames")]
    Empty,
    /// A task of which there is no recording.
    #[error("no recording of {task}")]
    NotRecorded {
        /// The task.
        task: Task,
    },
    /// A recording of something else than asked for.
    #[error("the recording is of another {what} ('{actual}', expected '{expected}'): record again")]
    Other {
        /// The difference.
        what: &'static str,
        /// The recording's own value of it.
        actual: String,
        /// The value asked for.
        expected: String,
    },
    /// A metric that was not recorded.
    #[error(
        "policy '{policy}' decides by {metric}, but the recording has {recorded}: record with it"
    )]
    Metric {
        /// The policy.
        policy: String,
        /// Its metric.
        metric: String,
        /// The metrics there are.
        recorded: String,
    },
    /// The policy does not suit the recorded ladder.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A policy that asks for a rung that does not exist, or does not come to an end.
    #[error(
        "policy '{policy}' asks for rung {rung} after {attempts} attempts; this is a fault in it"
    )]
    Unreasonable {
        /// The policy.
        policy: String,
        /// The rung.
        rung: Rung,
        /// Attempts made.
        attempts: usize,
    },
    /// A policy that ships an attempt that it did not make.
    #[error("policy '{policy}' ships attempt {attempt} of {attempts}; this is a fault in it")]
    NoSuchAttempt {
        /// The policy.
        policy: String,
        /// The attempt.
        attempt: usize,
        /// Attempts made.
        attempts: usize,
    },
    /// The true distortion is not known, so nothing can be judged by it.
    #[error("frame {frame} has no true distortion: record pictures with ground truth")]
    NoTruth {
        /// The frame.
        frame: u64,
    },
}
