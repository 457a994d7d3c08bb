use std::path::PathBuf;

use splitsim_text::{FileError, TextError};

use super::plausible::{Doubt, Doubts};
use super::units::{RateUnit, TimeUnit};

/// The reason why a file or a list is not a valid trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(#[source] FileError),
    /// The bytes are no text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A fault in a file.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: Box<Self>,
    },
    /// There is no row.
    #[error("the trace has no row")]
    Empty,
    /// A row's time is not after that of the row before.
    #[error("row {row}: its time does not come after that of the row before")]
    NotAscending {
        /// The row, from 1.
        row: usize,
    },
    /// A line's time is before that of an earlier line.
    #[error("line {line}: time {time} comes before {before}; times must not decrease")]
    Decreasing {
        /// The line, from 1.
        line: usize,
        /// Its time, as written in the file.
        time: String,
        /// The earlier time.
        before: String,
    },
    /// The trace lasts no time, so that it cannot repeat.
    #[error("the trace lasts no time; its last time must be after its first")]
    NoLength,
    /// A generated trace that would be too short for its kind.
    #[error("a trace of kind {kind} takes at least {shortest} seconds")]
    TooShort {
        /// The kind.
        kind: &'static str,
        /// Seconds.
        shortest: u64,
    },
    /// Every rate is zero.
    #[error("the trace has no rate above zero; a link that serves nothing ever is no link")]
    AllZero,
    /// A line that cannot be read.
    #[error("line {line}: '{text}' is no {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// The text found.
        text: String,
        /// The expected kind of text.
        expected: &'static str,
    },
    /// A rate that is too high to be in the unit of the format.
    #[error(
        "line {line}: {value} {unit} is faster than any link; is it in another unit? Probably in {likely}, \
         which `splitsim link convert --rates {likely}` reads"
    )]
    Unit {
        /// The line, from 1.
        line: usize,
        /// The number.
        value: f64,
        /// The format's unit.
        unit: RateUnit,
        /// The unit that the number is probably in.
        likely: RateUnit,
    },
    /// Numbers that no link has in the units of the format.
    #[error("{doubts}")]
    Units {
        /// The columns.
        doubts: Doubts,
    },
    /// More opportunities than a file of a trace has.
    #[error("the rates serve too many packets to list each as an opportunity")]
    TooManyOpportunities,
    /// A trace of more than a year.
    #[error("the trace lasts {days} days; at most a year is read")]
    TooLong {
        /// Its length.
        days: u64,
    },
    /// A stated unit of a column that the format lacks, or whose unit it fixes.
    #[error("this format leaves no unit of {column} open")]
    OwnUnits {
        /// The column.
        column: &'static str,
    },
    /// The header names another unit than the format's.
    #[error(
        "line {line}: the header has '{found}', expected seconds,Mbit/s; convert the columns with \
         `splitsim link convert --times UNIT --rates UNIT`"
    )]
    Header {
        /// The line, from 1.
        line: usize,
        /// The header.
        found: String,
    },
    /// The text is of no known format.
    #[error(
        "line {line}: '{found}' begins no known format; known are Mahimahi (one whole number a line), \
         seconds,Mbit/s, and the CSV files of UCC, Lumos5G and Ghent"
    )]
    Format {
        /// The first line that is not blank, from 1.
        line: usize,
        /// Its text.
        found: String,
    },
}

impl TraceError {
    pub(super) fn doubtful_times(found: String, likely: TimeUnit) -> Self {
        let doubts = Doubts::of(Doubt::time(found, likely));
        Self::Units { doubts }
    }
}
