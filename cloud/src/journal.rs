use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use splitsim_proto::{RequestError, RequestErrorKind};
use splitsim_results::{ResultsError, Store};

/// The results file, shared by all workers until it is closed. Calls block.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    store: Mutex<Option<Store>>,
}

/// Why something is not in the results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("the results are closed, the cloud is shutting down")]
    Closed,
    #[error("{}", chain(.0))]
    Results(#[from] ResultsError),
}

impl Journal {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            path: store.path().to_owned(),
            store: Mutex::new(Some(store)),
        }
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
        Ok(work(store)?)
    }

    /// Folds the write-ahead log into the file. Later calls find it closed.
    pub(crate) fn close(&self) -> Result<(), ResultsError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.take().map_or(Ok(()), Store::close)
    }
}

impl JournalError {
    /// What the edge is told.
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
            Self::Results(
                ResultsError::Missing { .. }
                | ResultsError::Exists { .. }
                | ResultsError::NotResults { .. }
                | ResultsError::SchemaVersion { .. }
                | ResultsError::NoWriteAheadLog { .. }
                | ResultsError::Locked { .. }
                | ResultsError::Disk { .. }
                | ResultsError::Damaged { .. }
                | ResultsError::Create { .. }
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
