//! HEVC intra coding of packed features: 10 bit, 4:0:0, one picture, constant QP, by x265.
//!
//! What the CFQA benchmark does with HM, with an encoder that is fast enough for a loop: feature →
//! picture ([`splitsim_feature::packing`]) → symbols ([`crate::quantise`]) → x265 in an ffmpeg
//! process → elementary stream, which is the payload. Pictures of less than 16 samples on a side are
//! padded by repeating their edges, and cropped by the shape in the container.
//!
//! A QP is a quantiser step of `2^((QP + 8) / 6)` symbols: for 10-bit samples `QpBdOffset` is 12
//! (H.265 clause 7.4.3.2.1, equation 7-5) and a step is `2^((Qp′ − 4) / 6)` (clause 8.6.3).

mod picture;
mod qp;
mod x265;

use std::time::Instant;

use bytes::Bytes;
use ndarray::Array2;
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_model::{Digest, Package, RangeTable, ValueRange};

pub use qp::Qp;

use self::picture::PictureSize;
use self::x265::X265;
use crate::codec::{CodecOptions, Encoded, FeatureCodec, RangeMode};
use crate::container::{Container, Header, Ranges, SymbolDigest};
use crate::quantise::{BitDepth, LayerQuantisers, Quantised, Rounding, feature_ranges};
use crate::{CodecError, CodecId, Ladder, Level};

/// The HEVC codec of one model and task.
#[derive(Debug)]
pub struct Hevc {
    task: Task,
    ladder: Ladder,
    /// One per rung of the ladder.
    qps: Vec<Qp>,
    ranges: RangeTable,
    range_mode: RangeMode,
    rounding: Rounding,
    x265: X265,
}

impl Hevc {
    const ID: CodecId = CodecId::Hevc;
    const DEPTH: BitDepth = BitDepth::TEN;

    /// Opens the codec for a model package's task, whose ladder `hevc` lists QPs, descending.
    ///
    /// # Errors
    /// When the package lacks the task or a valid ladder, or no ffmpeg with 10-bit x265 is found.
    pub fn open(package: &Package, task: Task, options: &CodecOptions) -> Result<Self, CodecError> {
        let common = package.task(task)?.common();
        let model = || package.manifest().name.clone();
        let codec = Self::ID;
        let parameters = common.ladders.get(codec.name());
        let parameters = parameters.ok_or_else(|| CodecError::NoLadder {
            model: model(),
            task,
            codec,
        })?;
        let (qps, ladder) = qp::ladder(parameters).map_err(|source| CodecError::Ladder {
            model: model(),
            task,
            codec,
            source,
        })?;
        Ok(Self {
            task,
            ladder,
            qps,
            ranges: common.ranges.clone(),
            range_mode: options.range_mode,
            rounding: options.rounding,
            x265: X265::find(options)?,
        })
    }

    /// The QP of a level.
    ///
    /// # Errors
    /// When the ladder has no such level.
    pub fn qp(&self, level: Level) -> Result<Qp, CodecError> {
        self.ladder
            .level(level.index())
            .map(|level| self.qps[level.index()])
    }

    /// The value ranges for a feature, and how a container says so.
    fn ranges_for(&self, feature: &Feature) -> Result<(Vec<ValueRange>, Ranges), CodecError> {
        match self.range_mode {
            RangeMode::Package => {
                let digest = self.ranges.digest().short();
                Ok((self.ranges.0.clone(), Ranges::Package(digest)))
            }
            RangeMode::Feature => {
                self.check_layers(feature.shape())?;
                let ranges = feature_ranges(feature)?;
                Ok((ranges.clone(), Ranges::Inline(ranges)))
            }
        }
    }

    fn check_layers(&self, shape: FeatureShape) -> Result<(), CodecError> {
        let (expected, actual) = (self.ranges.0.len(), shape.layers());
        if expected == actual {
            return Ok(());
        }
        Err(CodecError::Layers { expected, actual })
    }

    /// Refuses containers of another codec, task, ladder or sample depth.
    fn check(&self, header: &Header) -> Result<(), CodecError> {
        if header.codec != Self::ID {
            return Err(CodecError::WrongCodec {
                expected: Self::ID,
                actual: header.codec,
            });
        }
        if header.task != self.task {
            return Err(CodecError::WrongTask {
                expected: self.task,
                actual: header.task,
            });
        }
        if header.depth != Self::DEPTH {
            return Err(CodecError::WrongDepth {
                codec: Self::ID,
                expected: Self::DEPTH,
                actual: header.depth,
            });
        }
        self.qp(header.level)?;
        self.check_layers(header.shape)
    }

    /// The value ranges that a container names or holds.
    fn ranges_of<'a>(&'a self, header: &'a Header) -> Result<&'a [ValueRange], CodecError> {
        let own = self.ranges.digest();
        match &header.ranges {
            Ranges::Package(digest) if *digest != own.short() => {
                Err(CodecError::tables_differ(own, *digest))
            }
            Ranges::Package(_) => Ok(&self.ranges.0),
            Ranges::Inline(ranges) => Ok(ranges),
        }
    }

    fn dequantise(
        symbols: &Array2<u16>,
        ranges: &[ValueRange],
        shape: FeatureShape,
    ) -> Result<Feature, CodecError> {
        // Reconstruction values are the same for every rounding.
        LayerQuantisers::new(ranges, Self::DEPTH, Rounding::Nearest)
            .dequantise(symbols.view(), shape)
    }
}

impl FeatureCodec for Hevc {
    fn id(&self) -> CodecId {
        Self::ID
    }

    fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn tables_digest(&self) -> Digest {
        self.ranges.digest()
    }

    fn encode_and_decode(&self, feature: &Feature, level: Level) -> Result<Encoded, CodecError> {
        let start = Instant::now();
        let (qp, shape) = (self.qp(level)?, feature.shape());
        let size = PictureSize::of(shape)?;
        let (ranges, ranges_named) = self.ranges_for(feature)?;
        let quantisers = LayerQuantisers::new(&ranges, Self::DEPTH, self.rounding);
        let Quantised {
            symbols,
            clamped_points,
        } = quantisers.quantise(feature)?;
        let payload = Bytes::from(self.x265.encode(&symbols, size, qp)?);
        let encoded = Instant::now();
        let symbols = self.x265.decode(&payload, size)?;
        let reconstruction = Self::dequantise(&symbols, &ranges, shape)?;
        let decode = encoded.elapsed();
        let header = Header {
            codec: Self::ID,
            task: self.task,
            level,
            shape,
            depth: Self::DEPTH,
            ranges: ranges_named,
            symbols: SymbolDigest::of(symbols.view()),
        };
        Ok(Encoded {
            container: Container::new(header, payload)?,
            reconstruction,
            clamped_points,
            encode: encoded - start,
            decode,
        })
    }

    fn decode(&self, container: &Container) -> Result<Feature, CodecError> {
        let header = container.header();
        self.check(header)?;
        let ranges = self.ranges_of(header)?;
        let size = PictureSize::of(header.shape)?;
        let symbols = self.x265.decode(container.payload(), size)?;
        let actual = SymbolDigest::of(symbols.view());
        if actual != header.symbols {
            return Err(CodecError::SymbolsDiffer {
                expected: header.symbols,
                actual,
            });
        }
        Self::dequantise(&symbols, ranges, header.shape)
    }
}
