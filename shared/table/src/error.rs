use std::path::PathBuf;

use splitsim_durable::PathError;

use crate::Kind;

/// An error that explains why a table or its file is invalid, or cannot be read
/// or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A table needs columns.
    #[error("a table has no columns")]
    NoColumns,
    /// Two columns of one name, or one without.
    #[error("column name '{name}' is empty or used twice")]
    Name {
        /// The name.
        name: String,
    },
    /// Columns of different length.
    #[error("column '{column}' has {actual} rows, the first column {expected}")]
    Length {
        /// The column.
        column: String,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this column.
        actual: usize,
    },
    /// A column that the table does not have.
    #[error("no column '{column}', there are {known}")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The columns there are.
        known: String,
    },
    /// A column of another kind.
    #[error("column '{column}' holds {actual}, expected {expected}")]
    Kind {
        /// The column.
        column: String,
        /// The kind asked for.
        expected: Kind,
        /// Its kind.
        actual: Kind,
    },
    /// Tables to be joined whose columns are not the same.
    #[error("columns [{actual}] do not continue [{expected}]: join tables of the same columns")]
    OtherColumns {
        /// Columns of the table to be appended to.
        expected: String,
        /// Columns of the other.
        actual: String,
    },
    /// More than [`Table::MAX_CELLS`](crate::Table::MAX_CELLS) cells or
    /// [`Table::MAX_TEXT_BYTES`](crate::Table::MAX_TEXT_BYTES) of text.
    #[error("{what}: {actual}, at most {max} are read")]
    TooLarge {
        /// The quantity that is too large.
        what: &'static str,
        /// The number found.
        actual: u64,
        /// The greatest number allowed.
        max: u64,
    },
    /// Bytes that are no Parquet file of flat columns, or a damaged one.
    #[error("not a readable Parquet table: {reason}")]
    Parquet {
        /// The fault.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file whose content is no table.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// The fault in its content.
        source: Box<Self>,
    },
}

impl From<PathError> for TableError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}
