use std::path::PathBuf;

/// Why something is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something is wrong in a file.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What.
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
        /// Its time, as it stands there.
        time: String,
        /// The earlier time.
        before: String,
    },
    /// The trace lasts no time, so that it cannot repeat.
    #[error("the trace lasts no time; its last time must be after its first")]
    NoLength,
    /// Nothing is ever served.
    #[error("the trace has no rate above zero; a link that serves nothing ever is no link")]
    AllZero,
    /// A line that cannot be read.
    #[error("line {line}: '{text}' is no {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What should.
        expected: &'static str,
    },
    /// A rate that is too high to be in the unit of the format.
    #[error(
        "line {line}: {value} {unit} is faster than any link; is it in another unit? This format has \
         {unit}"
    )]
    Unit {
        /// The line, from 1.
        line: usize,
        /// The number.
        value: f64,
        /// The format's unit.
        unit: &'static str,
    },
    /// The header names another unit than the format's.
    #[error("line 1: the header has '{found}', expected seconds,Mbit/s; convert the columns")]
    Header {
        /// The header.
        found: String,
    },
    /// The text is of no known format.
    #[error(
        "line 1: '{found}' begins no known format; known are Mahimahi (one whole number a line), \
         seconds,Mbit/s, and the CSV files of UCC, Lumos5G and Ghent"
    )]
    Format {
        /// The first line.
        found: String,
    },
}
