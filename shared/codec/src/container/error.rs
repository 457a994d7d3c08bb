use splitsim_feature::{FeatureError, FeatureShape};

use super::Container;

/// The reason why bytes are not a container, or a feature cannot be put into one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContainerError {
    /// The bytes end early.
    #[error("container truncated: {actual} bytes of {expected}")]
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Bytes follow the container.
    #[error("container too long: {actual} bytes instead of {expected}")]
    TrailingBytes {
        /// Bytes declared.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Something else than a container.
    #[error("no container: it starts with {0:02x?}, not with 'SPLF'")]
    Magic([u8; 4]),
    /// Another version's container.
    #[error("container version {0}, this program reads version {known}", known = Container::VERSION)]
    Version(u8),
    /// Damaged on the way.
    #[error("container damaged: CRC-32C {actual:08x}, expected {expected:08x}")]
    Crc {
        /// The CRC in the container.
        expected: u32,
        /// The CRC of its bytes.
        actual: u32,
    },
    /// A codec that this program does not know.
    #[error("container of unknown codec {0}")]
    Codec(u8),
    /// A task that this program does not know.
    #[error("container of unknown task {0}")]
    Task(u8),
    /// No valid sample depth.
    #[error("container with {0} bit samples, expected 1 to 16")]
    Depth(u8),
    /// A range mode that this program does not know.
    #[error("container with unknown range mode {0}")]
    RangeMode(u8),
    /// Inline values that are no range.
    #[error("container's layer {layer}: [{min}, {max}] is no value range")]
    Range {
        /// The layer.
        layer: usize,
        /// Its lower end.
        min: f32,
        /// Its upper end.
        max: f32,
    },
    /// Not one inline range per layer.
    #[error("{actual} value ranges for {expected} layers")]
    RangeCount {
        /// Layers of the shape.
        expected: usize,
        /// Ranges given.
        actual: usize,
    },
    /// No valid feature shape.
    #[error("container: {0}")]
    Shape(String),
    /// A shape that the format cannot express: views and layers have 16 bits.
    #[error("feature shape {shape} does not fit into a container")]
    ShapeTooLarge {
        /// The shape.
        shape: FeatureShape,
    },
    /// More points than the limit.
    #[error("container of shape {shape} has more than {limit} points")]
    TooManyPoints {
        /// The declared shape.
        shape: FeatureShape,
        /// The limit in force.
        limit: usize,
    },
    /// A longer payload than the limit.
    #[error("payload of {bytes} bytes is longer than {limit}")]
    PayloadTooLong {
        /// The payload's length.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
}

impl From<FeatureError> for ContainerError {
    fn from(error: FeatureError) -> Self {
        Self::Shape(error.to_string())
    }
}
