//! Parquet files of flat, optional columns.
//!
//! Written are text as UTF-8 `BYTE_ARRAY`, integers as `INT64`, floats as `DOUBLE` and booleans as `BOOLEAN`,
//! not compressed: tables of results are small, and any tool reads them so.
//!
//! Read are the files of other tools too: snappy, zstd and gzip, dictionaries, integers and floats of 32
//! bits, and columns of nulls. The sizes that pages declare are checked before anything is expanded.

mod chunk;
mod header;
mod pages;
mod read;
mod stored;
mod write;

use std::path::Path;

use parquet::errors::ParquetError;

use crate::{Table, TableError};

pub use read::from_parquet;
pub use write::to_parquet;

/// The largest file that is read: what a table may hold, twice, for columns that do not compress.
const MAX_FILE_BYTES: u64 = 2 * (8 * Table::MAX_CELLS + Table::MAX_TEXT_BYTES);

/// Writes a table as a Parquet file. The same table gives the same bytes.
///
/// # Errors
/// When the table cannot be expressed, or the file not be written; it is then what it was.
pub fn write_parquet(path: &Path, table: &Table) -> Result<(), TableError> {
    Ok(splitsim_durable::replace(path, to_parquet(table)?)?)
}

/// Reads a table from a Parquet file.
///
/// # Errors
/// When the file cannot be read, or as [`from_parquet`].
pub fn read_parquet(path: &Path) -> Result<Table, TableError> {
    let bytes = splitsim_text::read(path, MAX_FILE_BYTES)?;
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
