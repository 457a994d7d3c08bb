use std::path::PathBuf;

use crate::npy::NpyError;

/// An error that explains why a feature is invalid, or its file cannot be read or
/// written.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// A dimension is zero.
    #[error("feature shape {0:?} has an empty dimension")]
    EmptyDimension([usize; 4]),
    /// More points than [`FeatureShape::MAX_POINTS`](crate::FeatureShape::MAX_POINTS).
    #[error("feature shape {shape:?} has more than {max} points")]
    TooLarge {
        /// The shape asked for.
        shape: [usize; 4],
        /// The most points a feature may have.
        max: usize,
    },
    /// The number of values does not fill the shape.
    #[error("{actual} values do not fill shape {shape:?} ({expected} points)")]
    ValueCount {
        /// The shape asked for.
        shape: [usize; 4],
        /// Points of that shape.
        expected: usize,
        /// Values given.
        actual: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {value} at flat index {index} is not finite")]
    NotFinite {
        /// Position in row-major order.
        index: usize,
        /// The value found.
        value: f32,
    },
    /// A model's registers do not fit the tokens.
    #[error("{registers} registers and a class token leave no patch of {tokens} tokens")]
    Registers {
        /// Registers said to be there.
        registers: usize,
        /// Tokens of a map.
        tokens: usize,
    },
    /// The array has another rank than four.
    #[error("{path}: rank {actual}, expected rank 4 [views, layers, tokens, dim]")]
    Rank {
        /// The file.
        path: PathBuf,
        /// Its rank.
        actual: usize,
    },
    /// The array is of another type than `f32`.
    #[error("{path}: element type {actual}, expected f32 ('<f4')")]
    ElementType {
        /// The file.
        path: PathBuf,
        /// Its NumPy type descriptor.
        actual: String,
    },
    /// The file is no `.npy` file, or a damaged one.
    #[error("{path}: not a readable .npy file: {source}")]
    Npy {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: NpyError,
    },
    /// The file could not be opened.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file whose content is no valid feature.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// The fault in its content.
        source: Box<Self>,
    },
}
