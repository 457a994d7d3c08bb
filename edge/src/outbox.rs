//! State that outlives the process: the journal of answered frames and the spool of waiting ones.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use splitsim_durable::{JournalError, PathError};
use splitsim_proto::Settlement;

use crate::journal::{self, Journal, Past};
use crate::spool::Spool;

/// The directory of one edge's run.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) journal: Journal,
    pub(crate) spool: Spool,
}

/// The frames of an earlier process, which need not be made again, and the settlements it left to send.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Frames that the cloud has answered.
    pub(crate) answered: BTreeSet<u64>,
    /// Frames that wait in the spool.
    pub(crate) spooled: BTreeSet<u64>,
    /// Answered frames whose settlement the cloud does not have.
    pub(crate) unsettled: Vec<Settlement>,
}

/// The reason why the directory of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// The operation that failed, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another edge works there.
    #[error("{path} is in use by another edge; wait for it, or give each edge its own directory")]
    Busy {
        /// The journal that it holds.
        path: PathBuf,
    },
    /// The directory belongs to a run of other configuration.
    #[error(
        "{path} is of another run: {}; use another directory, or the same configuration to continue it",
        .differences.join(", ")
    )]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// Each setting that differs, with both values.
        differences: Vec<String>,
    },
    /// A file holds what no edge wrote.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault, and its place.
        reason: String,
    },
}

impl From<PathError> for OutboxError {
    fn from(error: PathError) -> Self {
        let PathError {
            path,
            operation,
            source,
        } = error;
        Self::Io {
            operation,
            path,
            source,
        }
    }
}

impl From<JournalError> for OutboxError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::File(error) => error.into(),
            JournalError::Held { path } => Self::Busy { path },
            JournalError::Damaged {
                path,
                line,
                reason,
                remedy,
            } => Self::Damaged {
                path,
                reason: format!("line {line}: {reason}; {remedy}"),
            },
        }
    }
}

/// The remedy for a damaged directory.
pub(crate) const REMEDY: &str = "use another directory";

impl Outbox {
    /// Opens or makes the directory of a run with these settings, and looks at what is in it.
    pub(crate) fn open(directory: &Path, settings: &Value) -> Result<(Self, Backlog), OutboxError> {
        std::fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let (journal, past) = Journal::open(&directory.join(JOURNAL), settings)?;
        let spool = Spool::open(&directory.join(SPOOL))?;
        let spooled = waiting(&spool, &past)?;
        let Past {
            answered,
            unsettled,
        } = past;
        let backlog = Backlog {
            answered,
            spooled,
            unsettled: unsettled.into_values().collect(),
        };
        Ok((Self { journal, spool }, backlog))
    }
}

/// The frames of the spool that can be sent. One that was answered just before an end is removed, and
/// so is a damaged one, which will be made again.
fn waiting(spool: &Spool, past: &Past) -> Result<BTreeSet<u64>, OutboxError> {
    let mut waiting = BTreeSet::new();
    for frame in spool.frames()? {
        if past.answered.contains(&frame) {
            spool.remove(frame)?;
            continue;
        }
        match spool.take(frame) {
            Ok(_) => {
                waiting.insert(frame);
            }
            Err(error @ OutboxError::Damaged { .. }) => {
                tracing::warn!("{error}; frame {frame} will be made again");
                spool.remove(frame)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(waiting)
}

/// The settings of the run that a directory belongs to, by name; `None` where no edge has worked.
///
/// # Errors
/// When its journal cannot be read, or is damaged.
pub fn read_settings(directory: &Path) -> Result<Option<Value>, OutboxError> {
    journal::settings_of(&directory.join(JOURNAL))
}

pub(crate) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OutboxError + use<> {
    let path = path.to_owned();
    move |source| OutboxError::Io {
        operation,
        path,
        source,
    }
}

const JOURNAL: &str = "journal.jsonl";
/// The spool's directory within a run's.
pub(crate) const SPOOL: &str = "spool";
