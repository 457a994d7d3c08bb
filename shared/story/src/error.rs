use std::path::PathBuf;

use splitsim_replay::ReplayError;
use splitsim_results::ResultsError;

/// The reason why a folder of results cannot be reported on.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The folder has no resolved scenario, and no results either.
    #[error(
        "{path}: no results of a run here; name the folder that splitsim run or cloud serve wrote"
    )]
    NoRun {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The folder has recorded ladders, but no results made from them.
    #[error(
        "{path}: no policies have been compared over these recordings; splitsim run goes on with an \
         interrupted scenario, splitsim policies compare takes the recordings of any"
    )]
    NoComparison {
        /// The file that is missing.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", .0.path().display())]
    Read(#[source] splitsim_text::FileError),
    /// A file is not what a run writes.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A recording cannot be read.
    #[error("recording {path}")]
    Recording {
        /// The file.
        path: PathBuf,
        /// The reason why it cannot be read.
        source: ReplayError,
    },
    /// Policies cannot be replayed over the recordings.
    #[error("the policies cannot be replayed")]
    Replay(#[from] ReplayError),
    /// A limit for a task that the comparison does not have.
    #[error("a limit for {task}, of which there is no comparison here")]
    NoSuchTask {
        /// The task.
        task: splitsim_feature::Task,
    },
    /// The results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
}
