//! Typed column tables, and their files.
//!
//! A [`Table`] is a list of named [`Column`]s of one length, each of text, integers, floats or booleans,
//! any cell of which may be missing. Results leave the workspace in this form and benchmark sets are
//! kept in it.
//!
//! ```
//! use splitsim_table::{Column, Table};
//!
//! let table = Table::new(vec![
//!     Column::text("codec", ["hevc", "hevc"]),
//!     Column::float("score", [Some(0.5), None]),
//! ])?;
//! assert_eq!(table.to_csv(), "codec,score\nhevc,0.5\nhevc,\n");
//! # Ok::<(), splitsim_table::TableError>(())
//! ```
//!
//! - [`Table`], [`Column`], [`Values`], [`Cell`]: the data;
//! - [`write_parquet`], [`read_parquet`]: Parquet, written uncompressed, read as other tools write it;
//! - [`write_csv`], [`Table::to_csv`]: RFC 4180, with nothing that a spreadsheet would evaluate.
//!
//! Files appear whole or not at all, see [`splitsim_durable::replace`].

mod cell;
mod column;
mod csv;
mod error;
pub mod fuzzing;
mod parquet;
mod table;

pub use cell::{Cell, Kind};
pub use column::{Column, Values};
pub use csv::write_csv;
pub use error::TableError;
pub use parquet::{from_parquet, read_parquet, to_parquet, write_parquet};
pub use table::Table;
