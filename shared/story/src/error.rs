use std::path::PathBuf;

use splitsim_results::ResultsError;

/// Why a folder of results cannot be reported on.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The folder has no resolved scenario.
    #[error("{path}: no results of a run here; name the folder that splitsim run wrote")]
    NoRun {
        /// The file that is missing.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what a run writes.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
}
