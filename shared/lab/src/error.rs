use splitsim_table::TableError;

/// An error that explains why a set of scores cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The table lacks a column, or it is of another kind.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A cell that every row needs is missing or not valid.
    #[error("row {row}: {column} is {actual}, expected {expected}")]
    Cell {
        /// The row, from 0.
        row: usize,
        /// The column.
        column: &'static str,
        /// The content found.
        actual: String,
        /// The content expected.
        expected: &'static str,
    },
    /// The same compressed feature twice.
    #[error("{codec} {task} {feature} level {level} is there twice")]
    Duplicate {
        /// The codec.
        codec: String,
        /// The task.
        task: String,
        /// The feature.
        feature: String,
        /// The level.
        level: u32,
    },
    /// No scores by a metric.
    #[error("no scores by '{metric}', there are {known}")]
    NoMetric {
        /// The metric asked for.
        metric: String,
        /// The metrics there are.
        known: String,
    },
    /// A metric of unknown direction.
    #[error(
        "it is not known whether more or less of '{metric}' is better; name the column after a metric of \
         docs/metrics.md"
    )]
    NoDirection {
        /// The metric.
        metric: String,
    },
    /// No compressed features of a codec and task.
    #[error("no compressed features of {codec} on {task}")]
    NoRecords {
        /// The codec.
        codec: String,
        /// The task.
        task: String,
    },
    /// A score or distortion that a gate's record needs is undefined.
    #[error("{feature} level {level}: {what} is undefined")]
    Undefined {
        /// The feature.
        feature: String,
        /// The level.
        level: u32,
        /// The undefined quantity, such as the true distortion.
        what: String,
    },
    /// A share or count out of range.
    #[error("{what} {actual}, expected {expected}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// Its value.
        actual: String,
        /// The permitted values.
        expected: &'static str,
    },
}
