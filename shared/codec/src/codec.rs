use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::{Feature, Task};
use splitsim_model::{Digest, Package};

use crate::hevc::Hevc;
use crate::quantise::Rounding;
use crate::{CodecError, CodecId, Container, Ladder, Level};

/// A codec for the features of one model and task.
///
/// An edge calls [`encode_and_decode`](Self::encode_and_decode), once per attempt, and scores the
/// reconstruction; a cloud calls [`decode`](Self::decode) on what arrives. Both must have been opened
/// on the same model package: compare [`tables_digest`](Self::tables_digest) first. All calls block,
/// and may be made from several threads at once.
pub trait FeatureCodec: Send + Sync {
    /// Which codec this is.
    fn id(&self) -> CodecId;

    /// Its quality steps for this model and task.
    fn ladder(&self) -> &Ladder;

    /// The digest of everything that the decoder needs besides the container.
    fn tables_digest(&self) -> Digest;

    /// Codes a feature, and decodes the very bytes of the container again.
    ///
    /// # Errors
    /// When the feature is not one of this model and task, the ladder has no such level, or the
    /// codec's program fails.
    fn encode_and_decode(&self, feature: &Feature, level: Level) -> Result<Encoded, CodecError>;

    /// The feature in a container.
    ///
    /// # Errors
    /// When the container is not one of this codec, model and task, its payload cannot be decoded,
    /// or decodes to other symbols than the encoder's side saw.
    fn decode(&self, container: &Container) -> Result<Feature, CodecError>;

    /// Codes a feature.
    ///
    /// The decoding is done all the same: the container holds a digest of its result.
    ///
    /// # Errors
    /// As [`encode_and_decode`](Self::encode_and_decode).
    fn encode(&self, feature: &Feature, level: Level) -> Result<Container, CodecError> {
        self.encode_and_decode(feature, level)
            .map(|encoded| encoded.container)
    }
}

/// A coded feature and what a decoder makes of it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// What to ship.
    pub container: Container,
    /// The feature that every decoder of `container` gets.
    pub reconstruction: Feature,
    /// Points whose value lay outside of the value range, and was clamped into it.
    pub clamped_points: usize,
    /// Wall-clock time from feature to payload, process start included.
    pub encode: Duration,
    /// Wall-clock time from payload to reconstruction, process start included.
    pub decode: Duration,
}

/// How a codec is used, besides what the model package says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecOptions {
    /// Where value ranges come from. Default: the model package.
    pub range_mode: RangeMode,
    /// The quantiser's rounding. Default: to the nearest.
    pub rounding: Rounding,
    /// How long one process may run before it is killed. Default 60 s: the benchmark's largest
    /// feature, 2×4×1611×1536 at QP 2, takes 9 s of one core.
    pub time_limit: Duration,
    /// The ffmpeg to use. Default: looked for, see [`Ffmpeg::find`](crate::ffmpeg::Ffmpeg::find).
    pub ffmpeg: Option<PathBuf>,
}

impl Default for CodecOptions {
    fn default() -> Self {
        Self {
            range_mode: RangeMode::default(),
            rounding: Rounding::default(),
            time_limit: Duration::from_secs(60),
            ffmpeg: None,
        }
    }
}

/// Where the encoder takes each layer's value range from. Decoders read it in the container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeMode {
    /// The model package's calibrated table: nothing to send, outliers are clamped.
    #[default]
    Package,
    /// The feature's own extremes: eight bytes a layer, nothing is clamped.
    Feature,
}

/// Opens a codec for a model package's task.
///
/// # Errors
/// When the package does not have the task or a valid ladder for the codec, or the codec's program
/// is missing or lacks an ability.
pub fn open(
    id: CodecId,
    package: &Package,
    task: Task,
    options: &CodecOptions,
) -> Result<Box<dyn FeatureCodec>, CodecError> {
    match id {
        CodecId::Hevc => Ok(Box::new(Hevc::open(package, task, options)?)),
    }
}
