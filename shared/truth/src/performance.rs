use std::fmt;

use splitsim_feature::Task;

use crate::{
    Confusion, DepthCrop, DepthRmse, GroundTruth, HeadOutput, MeanIou, Rank, TruthError,
    depth_rmse, rank_of_label,
};

/// The performance of a task head on one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Performance {
    /// Classification: the label's rank; less is better.
    Rank(Rank),
    /// Segmentation: mIoU of the image; more is better.
    MeanIou(MeanIou),
    /// Depth: RMSE of the image; less is better.
    Rmse(DepthRmse),
}

impl Performance {
    /// The performance of `output` on an image of which `truth` is true.
    ///
    /// `crop` matters to depth only.
    ///
    /// # Errors
    /// When the two are of different tasks or sizes, the label has no logit, or no pixel of the
    /// ground truth can be judged.
    pub fn of(
        truth: &GroundTruth,
        output: &HeadOutput,
        crop: DepthCrop,
    ) -> Result<Self, TruthError> {
        match (truth, output) {
            (GroundTruth::Cls { label }, HeadOutput::Cls(logits)) => {
                rank_of_label(logits, *label).map(Self::Rank)
            }
            (GroundTruth::Seg { mask }, HeadOutput::Seg(prediction)) => {
                let mean = Confusion::of(mask, prediction)?.mean_iou()?;
                Ok(Self::MeanIou(mean))
            }
            (GroundTruth::Dpt { depth }, HeadOutput::Dpt(predicted)) => {
                depth_rmse(depth, predicted, crop).map(Self::Rmse)
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
    pub const fn task(self) -> Task {
        match self {
            Self::Rank(_) => Task::Cls,
            Self::MeanIou(_) => Task::Seg,
            Self::Rmse(_) => Task::Dpt,
        }
    }

    /// The bare number, in the task's [unit](Self::unit): for tables and correlations.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Rank(rank) => f64::from(rank.get()),
            Self::MeanIou(mean) => mean.percent(),
            Self::Rmse(rmse) => rmse.metres(),
        }
    }

    /// The unit of [`Self::value`]: `rank`, `percent` or `metres`.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Rank(_) => "rank",
            Self::MeanIou(_) => "percent",
            Self::Rmse(_) => "metres",
        }
    }
}

impl fmt::Display for Performance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rank(rank) => rank.fmt(f),
            Self::MeanIou(mean) => mean.fmt(f),
            Self::Rmse(rmse) => rmse.fmt(f),
        }
    }
}
