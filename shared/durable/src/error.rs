use std::io;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}: {source}", path = .path.display())]
pub struct PathError {
    /// The file or folder.
    pub path: PathBuf,
    /// The verb: `write`, `open`.
    pub operation: &'static str,
    /// The system's reason.
    pub source: io::Error,
}

impl PathError {
    /// Names operation and path of an I/O error, for `map_err`.
    pub fn of(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self {
            path,
            operation,
            source,
        }
    }
}

/// For functions that return plain I/O errors; the kind is kept.
impl From<PathError> for io::Error {
    fn from(error: PathError) -> Self {
        Self::new(error.source.kind(), error)
    }
}
