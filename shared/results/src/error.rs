use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::FrameKey;

/// The reason why results cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file to open is not there.
    #[error("{path}: no results file here")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The path is not a regular file.
    #[error(
        "{path}: a symbolic link, which is not followed, or no regular file; name the folder of the \
         results file itself"
    )]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The file to create is there already.
    #[error("{path}: the results file exists; open it to go on, or choose another directory")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database, or another program's.
    #[error("{path}: not a results file of splitsim")]
    NotResults {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version of this crate.
    #[error(
        "{path}: results of schema {found}, but this program reads schema {expected}; \
         use the splitsim version that wrote them, or a newer one"
    )]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The file's schema version.
        found: i32,
        /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
        expected: i32,
    },
    /// The file system does not support SQLite's write-ahead log.
    #[error("{path}: journal mode stays '{mode}', expected 'wal'; keep results on a local disk")]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
        /// The mode that SQLite fell back to.
        mode: String,
    },
    /// Another process holds the file for longer than this one waits.
    #[error("cannot {operation}: {path} is locked by another process; stop it, then retry")]
    Locked {
        /// The file.
        path: PathBuf,
        /// The operation, as a verb phrase.
        operation: &'static str,
    },
    /// The disk is full or failing. Nothing of the operation was kept, and the store stays usable.
    #[error(
        "cannot {operation}: no space left for {path}, or its disk fails; \
         free space, then retry: nothing of this was written"
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file has damaged pages, or values that this crate never writes.
    #[error("cannot {operation}: {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file could not be created.
    #[error("cannot create {path}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no longer where it was opened, so that recent writes cannot be found under its path.
    #[error(
        "{path} was {fate} while it was in use; put the original back, or end this program and start it \
         again with another directory"
    )]
    Gone {
        /// The file, or its write-ahead log.
        path: PathBuf,
        /// The file's fate in a word or two, such as `removed`.
        fate: &'static str,
    },
    /// The file cannot be written.
    #[error("{path} is write-protected; make it writable, or choose another directory")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Any other refusal of SQLite.
    #[error("cannot {operation}: {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The run is registered with another value.
    #[error(
        "run '{run_id}' of edge '{edge_id}' is registered with {field} {stored}, not {given}; \
         choose another run id"
    )]
    RunConflict {
        /// The run.
        run_id: String,
        /// The edge.
        edge_id: String,
        /// The difference.
        field: &'static str,
        /// Its registered value.
        stored: String,
        /// The value given now.
        given: String,
    },
    /// A frame of a run that was never registered.
    #[error("run '{run_id}' of edge '{edge_id}' is not registered; register it before its frames")]
    UnknownRun {
        /// The run.
        run_id: String,
        /// The edge.
        edge_id: String,
    },
    /// Another frame is recorded under the number.
    #[error(transparent)]
    FrameConflict(Box<FrameConflict>),
    /// A settlement of a frame that was never recorded.
    #[error("{0} is not recorded; record it before its settlement")]
    UnknownFrame(FrameKey),
    /// The shipped attempt is not among the attempts, or two attempts have one number.
    #[error("{key}: shipped attempt {shipped} must be one of its distinct attempts {attempts:?}")]
    Attempts {
        /// The frame.
        key: FrameKey,
        /// The attempt that was shipped.
        shipped: u32,
        /// The attempts given.
        attempts: Vec<u32>,
    },
    /// A number that its column does not take.
    #[error("{field} is {value}, expected {expected}")]
    Value {
        /// The record's field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The values that the column takes.
        expected: &'static str,
    },
}

/// Two different frames under one number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{key} is recorded with {field} '{stored}', the one that came has '{given}': two edges share this \
     run id and edge id, or the edge's pictures changed; give one of them another edge id or run id"
)]
pub struct FrameConflict {
    /// The frame.
    pub key: FrameKey,
    /// The difference.
    pub field: &'static str,
    /// Its recorded value.
    pub stored: String,
    /// The value given now.
    pub given: String,
}

impl ResultsError {
    /// Turns SQLite's failure of `operation` on `path` into an error that says what to do.
    pub(crate) fn of_sqlite(path: &Path, operation: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match &source {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Damaged {
                path,
                operation,
                source,
            },
            _ => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::NotResults { path },
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    Self::Locked { path, operation }
                }
                Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Disk {
                    path,
                    operation,
                    source,
                },
                Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                    path,
                    operation,
                    source,
                },
                _ => Self::Sqlite {
                    path,
                    operation,
                    source,
                },
            },
        }
    }
}
