use crate::latents::LatentExtent;

/// An error that explains why latents could not be coded, or a model of them
/// not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatentError {
    /// Cumulative counts that are no distribution.
    #[error("table of {what}: {reason}")]
    Table {
        /// The owner of the table.
        what: String,
        /// The fault.
        reason: String,
    },
    /// A network that integers cannot carry exactly.
    #[error("hyper-synthesis layer {layer}: {reason}")]
    Layer {
        /// The layer, counted from 0.
        layer: usize,
        /// The fault.
        reason: String,
    },
    /// Parts of a model that do not fit each other.
    #[error("{what}: {actual}, expected {expected}")]
    Mismatch {
        /// The name of the counted parts.
        what: &'static str,
        /// The count of the other part.
        expected: usize,
        /// The count found.
        actual: usize,
    },
    /// A tensor of a stored model is missing or of another type or shape.
    #[error("tensor '{name}': {reason}")]
    Tensor {
        /// Its key.
        name: String,
        /// The fault.
        reason: String,
    },
    /// Latents of another extent than the picture has.
    #[error("latents of extent {actual}, expected {expected}")]
    Extent {
        /// The extent asked for.
        expected: LatentExtent,
        /// The extent found.
        actual: LatentExtent,
    },
    /// A symbol that the escape code cannot express.
    #[error(
        "symbol {symbol} is beyond ±{limit}, the features are far outside of the codec's range"
    )]
    SymbolTooLarge {
        /// The symbol.
        symbol: i32,
        /// The largest magnitude.
        limit: i32,
    },
    /// Bytes that no encoder writes.
    #[error("payload: {0}")]
    Payload(&'static str),
}
