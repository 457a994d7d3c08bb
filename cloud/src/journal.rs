use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use splitsim_proto::{RequestError, RequestErrorKind};
use splitsim_results::{ResultsError, Store};

/// The results file, shared by all workers until it is closed. Calls block.
///
/// After every operation the file must still be in its place: SQLite reports success even to a process that writes to
/// a removed file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    store: Mutex<Option<Store>>,
    /// Frames that were in the file when it was opened.
    before: u64,
    /// `true` once the operator has been warned that the file is not in its place.
    told: AtomicBool,
}

/// The reason why a record is not in the results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("the results are closed, the cloud is shutting down")]
    Closed,
    #[error("{}", chain(.0))]
    Results(#[from] ResultsError),
}

impl Journal {
    pub(crate) fn new(store: Store) -> Result<Self, ResultsError> {
        Ok(Self {
            path: store.path().to_owned(),
            before: store.frame_count()?,
            store: Mutex::new(Some(store)),
            told: AtomicBool::new(false),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets `work` have the file for itself.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, ResultsError>,
    ) -> Result<T, JournalError> {
        // Every write is one transaction: a panic in between leaves none half done.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = store.as_mut().ok_or(JournalError::Closed)?;
        store.check_in_place()?;
        let done = work(store)?;
        store.check_in_place()?;
        Ok(done)
    }

    /// Tells the operator when the file is no longer in its place, and when it is again.
    pub(crate) fn watch(&self) {
        match self.with(|_| Ok(())) {
            Err(JournalError::Results(error)) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "frames are refused until the results are back");
                }
            }
            Ok(()) => {
                if self.told.swap(false, Ordering::Relaxed) {
                    tracing::warn!(path = %self.path.display(), "the results are back");
                }
            }
            Err(JournalError::Closed) => {}
        }
    }

    /// Folds the write-ahead log into the file. Later calls find it closed. Returns how many of the frames
    /// that were there before, and of those `recorded` since, are not there any more.
    pub(crate) fn close(&self, recorded: u64) -> Result<u64, ResultsError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(store) = store.take() else {
            return Ok(0);
        };
        let in_place = store.check_in_place();
        store.close()?;
        in_place?;
        // What a reader will find, rather than what this process believes to have written.
        let found = Store::open(&self.path)?.frame_count()?;
        Ok((self.before + recorded).saturating_sub(found))
    }
}

impl JournalError {
    /// Converts the error into the one that the edge receives.
    pub(crate) fn to_request_error(&self) -> RequestError {
        let kind = match self {
            Self::Closed => RequestErrorKind::ShuttingDown,
            Self::Results(
                ResultsError::Value { .. }
                | ResultsError::Attempts { .. }
                | ResultsError::UnknownRun { .. }
                | ResultsError::UnknownFrame(_)
                | ResultsError::RunConflict { .. },
            ) => RequestErrorKind::HeaderRefused,
            Self::Results(ResultsError::FrameConflict(_)) => RequestErrorKind::Conflict,
            Self::Results(
                ResultsError::Missing { .. }
                | ResultsError::Exists { .. }
                | ResultsError::NoFile { .. }
                | ResultsError::NotResults { .. }
                | ResultsError::SchemaVersion { .. }
                | ResultsError::NoWriteAheadLog { .. }
                | ResultsError::Locked { .. }
                | ResultsError::Disk { .. }
                | ResultsError::Damaged { .. }
                | ResultsError::Create { .. }
                | ResultsError::Gone { .. }
                | ResultsError::ReadOnly { .. }
                | ResultsError::Sqlite { .. },
            ) => RequestErrorKind::StoreFailed,
        };
        RequestError::new(kind, self.to_string())
    }
}

/// An error with its causes, which the message itself leaves out.
fn chain(error: &ResultsError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
