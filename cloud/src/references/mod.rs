//! The original feature and the ground truth of a frame, which only an experiment has.

mod directory;
mod pool;

use std::sync::Arc;

use ndarray::Array2;
use splitsim_feature::Feature;
use splitsim_proto::{
    Digest, ImageSize, Reference, ReferenceTruth, RequestError, RequestErrorKind,
};
use splitsim_results::FrameKey;
use splitsim_truth::{DepthMap, GroundTruth, Mask, TruthError};

pub(crate) use directory::Directory;
pub(crate) use pool::Pool;

/// The original of a frame, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Original {
    pub(crate) feature: Option<Feature>,
    pub(crate) truth: Option<GroundTruth>,
    /// The digest of its picture, where known.
    pub(crate) picture: Option<Digest>,
}

/// The sources of originals.
pub(crate) struct References {
    /// Those that edges sent.
    pub(crate) pool: Pool,
    /// Those of edges that send none.
    pub(crate) directory: Option<Directory>,
}

/// An original, by its origin.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    FromEdge(Arc<Original>),
    FromDirectory(Original),
}

impl Found {
    pub(crate) fn original(&self) -> &Original {
        match self {
            Self::FromEdge(original) => original,
            Self::FromDirectory(original) => original,
        }
    }
}

impl Original {
    /// Converts the original in a message.
    ///
    /// # Errors
    /// If its ground truth is invalid.
    pub(crate) fn of_reference(reference: Reference) -> Result<Self, TruthError> {
        let picture = reference.picture_digest();
        let (feature, truth) = reference.into_parts();
        Ok(Self {
            picture,
            feature: Some(feature),
            truth: truth.map(ground_truth).transpose()?,
        })
    }

    /// Refuses an original of another picture than a frame's: two edges share an id then.
    pub(crate) fn is_of(
        &self,
        key: &FrameKey,
        picture: Option<Digest>,
    ) -> Result<(), RequestError> {
        match (self.picture, picture) {
            (Some(own), Some(given)) if own != given => Err(RequestError::new(
                RequestErrorKind::Conflict,
                format!(
                    "the reference of {key} that is here is of picture {own}, this one of {given}: two \
                     edges share this run id and edge id; give one of them another edge id or run id"
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn ground_truth(truth: ReferenceTruth) -> Result<GroundTruth, TruthError> {
    Ok(match truth {
        ReferenceTruth::Cls { label } => GroundTruth::Cls { label },
        ReferenceTruth::Seg { image, mask } => GroundTruth::Seg {
            mask: Mask::new(map(image, mask, "mask")?)?,
        },
        ReferenceTruth::Dpt { image, depth_m } => {
            let metres = depth_m.into_iter().map(known_depth).collect();
            GroundTruth::Dpt {
                depth: DepthMap::new(map(image, metres, "depth map")?)?,
            }
        }
    })
}

/// The message lets any value beyond the task's range say that the depth is unknown; here zero does.
fn known_depth(metres: f32) -> f32 {
    match metres.is_finite() && metres > 0.0 {
        true => metres,
        false => 0.0,
    }
}

fn map<T>(image: ImageSize, values: Vec<T>, what: &'static str) -> Result<Array2<T>, TruthError> {
    let size = (image.height() as usize, image.width() as usize);
    // A reference whose values do not fill its extent is not read in the first place.
    Array2::from_shape_vec(size, values).map_err(|_| TruthError::Empty { what })
}
