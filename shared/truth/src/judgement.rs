use serde::{Deserialize, Serialize};
use splitsim_feature::Task;

use crate::{
    Confusion, DepthCrop, DepthErrors, DepthRmse, GroundTruth, HeadOutput, Performance, Rank,
    TruthError, rank_of_label,
};

/// All that the figures of a data set need of one image.
///
/// Small enough to be kept per image, so that an interrupted [`Evaluation`](crate::Evaluation) can be
/// made again from what was written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Classification: the label's rank.
    Cls(Rank),
    /// Segmentation: pixel counts per class.
    Seg(Confusion),
    /// Depth: the nine figures.
    Dpt(DepthErrors),
}

impl Judgement {
    /// Judges `output` on an image of which `truth` is true; `crop` matters to depth only.
    ///
    /// # Errors
    /// When the two are of different tasks or sizes, the label has no logit, a predicted depth is 0, or
    /// no pixel of the ground truth can be judged.
    pub fn of(
        truth: &GroundTruth,
        output: &HeadOutput,
        crop: DepthCrop,
    ) -> Result<Self, TruthError> {
        match (truth, output) {
            (GroundTruth::Cls { label }, HeadOutput::Cls(logits)) => {
                rank_of_label(logits, *label).map(Self::Cls)
            }
            (GroundTruth::Seg { mask }, HeadOutput::Seg(prediction)) => {
                let pixels = Confusion::of(mask, prediction)?;
                pixels.mean_iou()?;
                Ok(Self::Seg(pixels))
            }
            (GroundTruth::Dpt { depth }, HeadOutput::Dpt(predicted)) => {
                DepthErrors::of(depth, predicted, crop).map(Self::Dpt)
            }
            (GroundTruth::Cls { .. } | GroundTruth::Seg { .. } | GroundTruth::Dpt { .. }, _) => {
                Err(TruthError::Task {
                    operation: "judging a head's output",
                    expected: truth.task(),
                    actual: output.task(),
                })
            }
        }
    }

    /// The task.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Cls(_) => Task::Cls,
            Self::Seg(_) => Task::Seg,
            Self::Dpt(_) => Task::Dpt,
        }
    }

    /// The image's performance.
    ///
    /// # Errors
    /// When pixel counts that were read from outside hold no pixel, or an error is negative.
    pub fn performance(&self) -> Result<Performance, TruthError> {
        match self {
            Self::Cls(rank) => Ok(Performance::Rank(*rank)),
            Self::Seg(pixels) => pixels.mean_iou().map(Performance::MeanIou),
            Self::Dpt(errors) => DepthRmse::new(errors.rmse).map(Performance::Rmse),
        }
    }
}
