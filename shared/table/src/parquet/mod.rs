//! Parquet files of flat, optional columns.
//!
//! Text is a UTF-8 `BYTE_ARRAY`, an integer `INT64`, a float `DOUBLE`, a boolean `BOOLEAN`. Pages are
//! not compressed: tables of results are small, any tool reads them so, and no declared length can make
//! a reader expand a small file into a large one.

mod pages;
mod read;
mod write;

use std::path::Path;

use parquet::errors::ParquetError;

use crate::{Table, TableError, write_file};

pub use read::from_parquet;
pub use write::to_parquet;

/// Writes a table as a Parquet file. The same table gives the same bytes.
///
/// # Errors
/// When the table cannot be expressed, or the file not be written; it is then what it was.
pub fn write_parquet(path: &Path, table: &Table) -> Result<(), TableError> {
    write_file(path, &to_parquet(table)?)
}

/// Reads a table from a Parquet file.
///
/// # Errors
/// When the file cannot be read, is damaged, holds nested or other columns than [`write_parquet`]
/// makes, is compressed, or exceeds [`Table::MAX_CELLS`] or [`Table::MAX_TEXT_BYTES`].
pub fn read_parquet(path: &Path) -> Result<Table, TableError> {
    let bytes = std::fs::read(path).map_err(|source| TableError::Io {
        path: path.to_owned(),
        source,
    })?;
    from_parquet(bytes).map_err(|source| TableError::InFile {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn parquet_error(error: ParquetError) -> TableError {
    unreadable(error.to_string())
}

fn unreadable(reason: impl Into<String>) -> TableError {
    TableError::Parquet {
        reason: reason.into(),
    }
}
