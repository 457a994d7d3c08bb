//! Feature codecs made of the picture stage and a coder of integer pictures.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ndarray::{Array2, ArrayView2};
use splitsim_feature::packing::picture_extent;
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_model::{Digest, Package};

use crate::container::{Header, SymbolDigest};
use crate::picture::{FeaturePicture, PictureStage, Tables};
use crate::qp::{Qp, QpScale};
use crate::quantise::BitDepth;
use crate::{
    CodecError, CodecId, CodecOptions, Container, Encoded, FeatureCodec, Ladder, LadderError, Level,
};

/// Something that codes one integer picture at a QP.
pub trait PictureCoder: fmt::Debug + Send + Sync + Sized {
    /// The codec that it makes of the picture stage.
    const ID: CodecId;
    /// Its QPs.
    const QPS: QpScale;
    /// The depths of symbols that it codes.
    const DEPTHS: &'static [BitDepth];
    /// The coder's settings besides the QP, as the tables digest records them.
    const SETTINGS: &'static str;

    /// Finds its program.
    ///
    /// # Errors
    /// When there is none, or it lacks an ability.
    fn find(options: &CodecOptions) -> Result<Self, CodecError>;

    /// Refuses pictures that it cannot code. Called before any other work with a picture.
    ///
    /// # Errors
    /// When there are more rows or columns than it codes.
    fn check(extent: (usize, usize)) -> Result<(), CodecError>;

    /// Codes a picture whose symbols are below `2^depth`.
    ///
    /// # Errors
    /// When its program fails.
    fn encode(
        &self,
        symbols: ArrayView2<'_, u16>,
        depth: BitDepth,
        qp: Qp,
    ) -> Result<CodedPicture, CodecError>;

    /// The picture of an extent that was coded.
    ///
    /// # Errors
    /// When its program fails or gives no such picture.
    fn decode(
        &self,
        payload: &[u8],
        extent: (usize, usize),
        depth: BitDepth,
    ) -> Result<Array2<u16>, CodecError>;
}

/// A coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedPicture {
    /// Its bitstream.
    pub payload: Vec<u8>,
    /// Wall-clock time that coding it took, process start included. For a cached picture, it was measured when
    /// the picture was coded.
    pub took: Duration,
}

/// The tables and QPs that a picture codec is set up with.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The tables of the picture stage.
    pub tables: Tables,
    /// QPs, descending: cheapest first.
    pub ladder: Vec<f64>,
}

impl Setup {
    /// The QPs that the CFQA benchmark codes with HM and VTM, cheapest first.
    pub const PUBLISHED_LADDER: [f64; 10] =
        [20.0, 18.0, 16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0];

    /// A package's tables and ladder for a codec.
    ///
    /// # Errors
    /// When the package lacks the task or the ladder, or its codebook cannot be used.
    pub fn of(package: &Package, task: Task, codec: CodecId) -> Result<Self, CodecError> {
        Ok(Self {
            ladder: Self::ladder_of(package, task, codec)?,
            tables: Tables::of(package, task)?,
        })
    }

    /// A package's ladder for a codec. HM and VTM have the benchmark's where it lists none.
    ///
    /// # Errors
    /// When the package lacks the task or the ladder.
    pub fn ladder_of(
        package: &Package,
        task: Task,
        codec: CodecId,
    ) -> Result<Vec<f64>, CodecError> {
        let listed = package.task(task)?.common().ladders.get(codec.name());
        match (listed, codec) {
            (Some(ladder), _) => Ok(ladder.clone()),
            (None, CodecId::Hm | CodecId::Vtm) => Ok(Self::PUBLISHED_LADDER.to_vec()),
            (None, _) => Err(CodecError::NoLadder {
                model: package.manifest().name.clone(),
                task,
                codec,
            }),
        }
    }
}

/// A feature codec that codes the feature's picture with `C`.
#[derive(Debug)]
pub struct PictureCodec<C> {
    stage: PictureStage,
    ladder: Ladder,
    /// One per rung of the ladder.
    qps: Vec<Qp>,
    coder: C,
}

impl<C: PictureCoder> PictureCodec<C> {
    /// Sets the codec up.
    ///
    /// # Errors
    /// When the ladder is not one of the codec, the options ask for what the tables or the coder do
    /// not have, or the coder's program is not found.
    pub fn new(setup: Setup, options: &CodecOptions) -> Result<Self, CodecError> {
        let (qps, ladder) = C::QPS.ladder(&setup.ladder).map_err(invalid::<C>)?;
        let stage = PictureStage::new(setup.tables, options)?;
        check_depth::<C>(stage.depth())?;
        Ok(Self {
            stage,
            ladder,
            qps,
            coder: C::find(options)?,
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

    /// The symbols of a payload.
    fn decode_symbols(
        &self,
        payload: &[u8],
        shape: FeatureShape,
        depth: BitDepth,
    ) -> Result<Array2<u16>, CodecError> {
        let symbols = self.coder.decode(payload, picture_extent(shape), depth)?;
        match symbols.iter().find(|&&symbol| symbol > depth.top()) {
            None => Ok(symbols),
            Some(&symbol) => Err(CodecError::SymbolTooLarge {
                codec: C::ID,
                symbol,
                depth,
            }),
        }
    }
}

impl<C: PictureCoder> FeatureCodec for PictureCodec<C> {
    fn id(&self) -> CodecId {
        C::ID
    }

    fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn tables_digest(&self) -> Digest {
        let tables = self.stage.tables().digest();
        let name = C::ID.name().as_bytes();
        Digest::of(&[tables.bytes().as_slice(), name, C::SETTINGS.as_bytes()].concat())
    }

    fn encode_and_decode(&self, feature: &Feature, level: Level) -> Result<Encoded, CodecError> {
        let start = Instant::now();
        let (qp, shape) = (self.qp(level)?, feature.shape());
        C::check(picture_extent(shape))?;
        let FeaturePicture {
            symbols,
            depth,
            ranges,
            clamped_points,
        } = self.stage.forward(feature)?;
        let staged = start.elapsed();
        let coded = self.coder.encode(symbols.view(), depth, qp)?;
        let start = Instant::now();
        let symbols = self.decode_symbols(&coded.payload, shape, depth)?;
        let reconstruction = self.stage.inverse(symbols.view(), &ranges, depth, shape)?;
        let decode = start.elapsed();
        let header = Header {
            codec: C::ID,
            task: self.stage.tables().task,
            level,
            shape,
            depth,
            ranges,
            symbols: SymbolDigest::of(symbols.view()),
        };
        Ok(Encoded {
            container: Container::new(header, Bytes::from(coded.payload))?,
            reconstruction,
            clamped_points,
            encode: staged + coded.took,
            decode,
        })
    }

    fn decode(&self, container: &Container) -> Result<Feature, CodecError> {
        let header = container.header();
        self.stage.check(header, C::ID)?;
        check_depth::<C>(header.depth)?;
        self.qp(header.level)?;
        C::check(picture_extent(header.shape))?;
        let symbols = self.decode_symbols(container.payload(), header.shape, header.depth)?;
        let actual = SymbolDigest::of(symbols.view());
        if actual != header.symbols {
            return Err(CodecError::SymbolsDiffer {
                expected: header.symbols,
                actual,
            });
        }
        self.stage
            .inverse(symbols.view(), &header.ranges, header.depth, header.shape)
    }
}

fn invalid<C: PictureCoder>(source: LadderError) -> CodecError {
    CodecError::InvalidLadder {
        codec: C::ID,
        source,
    }
}

fn check_depth<C: PictureCoder>(actual: BitDepth) -> Result<(), CodecError> {
    if C::DEPTHS.contains(&actual) {
        return Ok(());
    }
    Err(CodecError::WrongDepth {
        codec: C::ID,
        supported: C::DEPTHS,
        actual,
    })
}
