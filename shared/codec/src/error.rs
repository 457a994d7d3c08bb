use std::fmt;
use std::path::PathBuf;

use splitsim_feature::{FeatureError, Task};
use splitsim_model::{Digest, ModelError};

use crate::CodecId;
use crate::container::{ContainerError, SymbolDigest};
use crate::ffmpeg::FfmpegError;
use crate::ladder::LadderError;
use crate::picture::CodebookError;
use crate::process::ProcessError;
use crate::quantise::BitDepth;
use crate::reference::ReferenceError;

/// The reason why a feature could not be coded, or a container not decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The model package cannot serve the task.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The manifest has no value ranges for the task.
    #[error(
        "model '{model}' has no value ranges for {task}: find them with 'splitsim model calibrate', which takes \
         pictures without labels, or code by each feature's own with range 'feature'"
    )]
    Uncalibrated {
        /// The package's name.
        model: String,
        /// The task.
        task: Task,
    },
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
        /// The fault.
        source: LadderError,
    },
    /// The ladder given is not one of the codec.
    #[error("ladder of {codec}: {source}")]
    InvalidLadder {
        /// The codec.
        codec: CodecId,
        /// The fault.
        source: LadderError,
    },
    /// The codec is a trained network, which this crate cannot run.
    #[error("{codec} needs libtorch; open it with splitsim_hyperprior::open")]
    NeedsLibtorch {
        /// The codec.
        codec: CodecId,
    },
    /// A learned codec failed.
    #[error("{codec} {operation}: {source}")]
    Learned {
        /// The codec.
        codec: CodecId,
        /// The operation that failed.
        operation: Operation,
        /// The party at fault: the data or the machine.
        fault: Fault,
        /// The error of the crate that runs it, which this crate does not know.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The manifest names no codebook for the task.
    #[error(
        "model '{model}' has no codebook for {task}; fit one with 'splitsim codec fit-codebook' or use the linear transform"
    )]
    NoCodebook {
        /// The package's name.
        model: String,
        /// The task.
        task: Task,
    },
    /// A codebook's file cannot be used.
    #[error("{path}: {source}")]
    CodebookFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: CodebookError,
    },
    /// The container was coded with a codebook that this decoder does not have.
    #[error(
        "the container's codebook is {}, this model has {}; use the same model package on both sides",
        hexadecimal(.actual), .known.as_ref().map_or_else(|| "none".to_owned(), hexadecimal)
    )]
    UnknownCodebook {
        /// Short digest of this decoder's codebook, if it has one.
        known: Option<[u8; 8]>,
        /// Short digest of the encoder's.
        actual: [u8; 8],
    },
    /// A symbol that no centre of the codebook belongs to.
    #[error("symbol {symbol}: the codebook has {centres} centres")]
    NoSuchCentre {
        /// The symbol.
        symbol: u16,
        /// The number of centres.
        centres: usize,
    },
    /// A decoder gave a symbol beyond the depth of the container.
    #[error("{codec} decoded the symbol {symbol}, samples have {depth} bits")]
    SymbolTooLarge {
        /// The codec.
        codec: CodecId,
        /// The symbol.
        symbol: u16,
        /// The depth of the container's samples.
        depth: BitDepth,
    },
    /// No usable ffmpeg.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// No usable reference software.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A level that the ladder does not have.
    #[error("no level {level}: the ladder has {levels} levels (0 to {})", .levels.saturating_sub(1))]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// The number of levels.
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
        /// The operation that failed.
        operation: Operation,
        /// The failure of the program.
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
    /// Samples of a depth that the codec does not code.
    #[error("{codec} codes samples of {} bits, not of {actual}", list(.supported))]
    WrongDepth {
        /// The codec.
        codec: CodecId,
        /// The depths that it codes.
        supported: &'static [BitDepth],
        /// The depth asked for, or the container's.
        actual: BitDepth,
    },
    /// The codebook's symbols have another depth than the container's samples.
    #[error("the codebook has {expected} bit symbols, the container's samples have {actual}")]
    CodebookDepth {
        /// The codebook's.
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
    /// The encoder wrote no bitstream, or one that is too long to be right.
    #[error("{codec} wrote a bitstream of {actual} bytes, expected 1 to {limit}")]
    EncodedSize {
        /// The codec.
        codec: CodecId,
        /// The most bytes that the picture can take.
        limit: usize,
        /// Bytes written.
        actual: usize,
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
    /// The decoded values do not form a feature.
    #[error(transparent)]
    Feature(#[from] FeatureError),
}

impl CodecError {
    /// An error of the crate that runs a learned codec.
    pub fn learned(
        codec: CodecId,
        operation: Operation,
        fault: Fault,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Learned {
            codec,
            operation,
            fault,
            source: Box::new(source),
        }
    }

    /// The party at fault: after [`Fault::Machine`], another try with the same data may succeed.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Learned { fault, .. } => *fault,
            Self::Process { source, .. } => source.fault(),
            Self::Ffmpeg(_) | Self::Reference(_) => Fault::Machine,
            Self::Model(_)
            | Self::Uncalibrated { .. }
            | Self::NoLadder { .. }
            | Self::Ladder { .. }
            | Self::InvalidLadder { .. }
            | Self::NeedsLibtorch { .. }
            | Self::NoCodebook { .. }
            | Self::CodebookFile { .. }
            | Self::UnknownCodebook { .. }
            | Self::NoSuchCentre { .. }
            | Self::SymbolTooLarge { .. }
            | Self::NoSuchLevel { .. }
            | Self::Layers { .. }
            | Self::Span { .. }
            | Self::PictureTooLarge { .. }
            | Self::Container(_)
            | Self::WrongCodec { .. }
            | Self::WrongTask { .. }
            | Self::WrongDepth { .. }
            | Self::CodebookDepth { .. }
            | Self::TablesDiffer { .. }
            | Self::EncodedSize { .. }
            | Self::DecodedSize { .. }
            | Self::SymbolsDiffer { .. }
            | Self::Feature(_) => Fault::Data,
        }
    }

    pub(crate) fn tables_differ(expected: Digest, actual: [u8; 8]) -> Self {
        Self::TablesDiffer {
            expected: expected.short(),
            actual,
        }
    }
}

/// The party at fault when coding fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The feature, the bitstream or the configuration: the same try ends the same way.
    Data,
    /// The machine: a program or a network that was killed, ran out of time or memory, or could not start.
    /// Nothing was found out about the data.
    Machine,
}

/// An operation of a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reading its weights or tables.
    Open,
    /// Making a bitstream.
    Encode,
    /// Reading one.
    Decode,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Encode => "encode",
            Self::Decode => "decode",
        })
    }
}

fn hexadecimal(bytes: &[u8; 8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(depths: &[BitDepth]) -> String {
    let depths: Vec<_> = depths.iter().map(ToString::to_string).collect();
    depths.join(" or ")
}
