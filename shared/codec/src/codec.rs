use std::time::Duration;

use splitsim_feature::{Feature, Task};
use splitsim_model::{Digest, Package};

use crate::hevc::Hevc;
use crate::picture_codec::Setup;
use crate::reference::{Hm, Vtm};
use crate::vvc::Vvc;
use crate::{CodecError, CodecId, CodecOptions, Container, Ladder, Level};

/// A codec for the features of one model and task.
///
/// An edge calls [`encode_and_decode`](Self::encode_and_decode), once per attempt, and scores the
/// reconstruction; a cloud calls [`decode`](Self::decode) on what arrives. Both must have been opened
/// on the same model package: compare [`tables_digest`](Self::tables_digest) first. All calls block,
/// and may be made from several threads at once.
pub trait FeatureCodec: Send + Sync {
    /// The codec's identity.
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
    /// The coded feature, ready to be sent.
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

/// Opens a codec for a model package's task.
///
/// # Errors
/// When the package does not have the task or a valid ladder for the codec, the codec's program is
/// missing or lacks an ability, or the codec is a learned one, which this crate cannot run.
pub fn open(
    id: CodecId,
    package: &Package,
    task: Task,
    options: &CodecOptions,
) -> Result<Box<dyn FeatureCodec>, CodecError> {
    if id.is_learned() {
        return Err(CodecError::NeedsLibtorch { codec: id });
    }
    open_with(Setup::of(package, task, id)?, id, options).map_err(|error| match error {
        CodecError::InvalidLadder { codec, source } => CodecError::Ladder {
            model: package.manifest().name.clone(),
            task,
            codec,
            source,
        },
        other => other,
    })
}

/// Opens a codec with other tables or another ladder than a package's, as calibration does.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    setup: Setup,
    id: CodecId,
    options: &CodecOptions,
) -> Result<Box<dyn FeatureCodec>, CodecError> {
    match id {
        CodecId::Hevc => Ok(Box::new(Hevc::new(setup, options)?)),
        CodecId::Vvc => Ok(Box::new(Vvc::new(setup, options)?)),
        CodecId::Hm => Ok(Box::new(Hm::new(setup, options)?)),
        CodecId::Vtm => Ok(Box::new(Vtm::new(setup, options)?)),
        CodecId::Hyperprior | CodecId::HyperpriorTask => {
            Err(CodecError::NeedsLibtorch { codec: id })
        }
    }
}
