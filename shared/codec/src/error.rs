use std::fmt;

use splitsim_feature::{FeatureError, Task};
use splitsim_model::{Digest, ModelError};

use crate::CodecId;
use crate::container::{ContainerError, SymbolDigest};
use crate::ffmpeg::FfmpegError;
use crate::ladder::LadderError;
use crate::process::ProcessError;
use crate::quantise::BitDepth;

/// Why a feature could not be coded, or a container not decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The model package cannot serve the task.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The manifest has no ladder for the codec.
    #[error("model '{model}' has no ladder for {codec} on {task}, add it to tasks.{task}.ladders")]
    NoLadder {
        /// The package's name.
        model: String,
        /// The task.
        task: Task,
        /// The codec.
        codec: CodecId,
    },
    /// The manifest's ladder is not one of the codec.
    #[error("model '{model}', tasks.{task}.ladders.{codec}: {source}")]
    Ladder {
        /// The package's name.
        model: String,
        /// The task.
        task: Task,
        /// The codec.
        codec: CodecId,
        /// What is wrong with it.
        source: LadderError,
    },
    /// No usable ffmpeg.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// A level that the ladder does not have.
    #[error("no level {level}: the ladder has {levels} levels (0 to {})", .levels.saturating_sub(1))]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// How many there are.
        levels: usize,
    },
    /// The feature's layers are not those that the value ranges are for.
    #[error("the feature has {actual} layers, the value ranges are for {expected}")]
    Layers {
        /// Ranges at hand.
        expected: usize,
        /// Layers of the feature.
        actual: usize,
    },
    /// A layer's values span more than `f32` can express.
    #[error("layer {layer}: values from {min} to {max} span more than f32 holds")]
    Span {
        /// The layer.
        layer: usize,
        /// Its least value.
        min: f32,
        /// Its greatest value.
        max: f32,
    },
    /// The packed picture is larger than the codec codes.
    #[error("picture of {rows} rows by {columns} columns is larger than {codec} codes")]
    PictureTooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The codec.
        codec: CodecId,
    },
    /// The codec's program failed.
    #[error("{codec} {operation}: {source}")]
    Process {
        /// The codec.
        codec: CodecId,
        /// What it was doing.
        operation: Operation,
        /// How it failed.
        source: ProcessError,
    },
    /// The container cannot be formed.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The container is another codec's.
    #[error("the container is coded with {actual}, this decoder is for {expected}")]
    WrongCodec {
        /// This decoder's codec.
        expected: CodecId,
        /// The container's.
        actual: CodecId,
    },
    /// The container is of another task.
    #[error("the container is of task {actual}, this decoder is for {expected}")]
    WrongTask {
        /// This decoder's task.
        expected: Task,
        /// The container's.
        actual: Task,
    },
    /// The container's samples have another depth.
    #[error("the container has {actual} bit samples, {codec} is used with {expected}")]
    WrongDepth {
        /// The codec.
        codec: CodecId,
        /// The codec's depth.
        expected: BitDepth,
        /// The container's.
        actual: BitDepth,
    },
    /// The container was coded with another model package's value ranges.
    #[error(
        "the container's value ranges are {}, this model's are {}; use the same model package on both sides",
        hexadecimal(.actual), hexadecimal(.expected)
    )]
    TablesDiffer {
        /// Short digest of this decoder's table.
        expected: [u8; 8],
        /// Short digest of the encoder's.
        actual: [u8; 8],
    },
    /// The decoder gave another number of bytes than the picture has.
    #[error("{codec} decoded {actual} bytes, the picture has {expected}")]
    DecodedSize {
        /// The codec.
        codec: CodecId,
        /// Bytes of the picture.
        expected: usize,
        /// Bytes decoded.
        actual: usize,
    },
    /// The decoder gave other symbols than the encoder's side saw.
    #[error(
        "decoded symbols have digest {actual}, the encoder's side had {expected}: the decoders differ"
    )]
    SymbolsDiffer {
        /// The digest in the container.
        expected: SymbolDigest,
        /// The digest of what was decoded.
        actual: SymbolDigest,
    },
    /// What was decoded is no feature.
    #[error(transparent)]
    Feature(#[from] FeatureError),
}

impl CodecError {
    pub(crate) fn tables_differ(expected: Digest, actual: [u8; 8]) -> Self {
        Self::TablesDiffer {
            expected: expected.short(),
            actual,
        }
    }
}

/// What a codec was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Making a bitstream.
    Encode,
    /// Reading one.
    Decode,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
        })
    }
}

fn hexadecimal(bytes: &[u8; 8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
