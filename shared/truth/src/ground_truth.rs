use splitsim_feature::Task;

use crate::{DepthMap, Mask, TruthError};

/// The ground truth of an image for one task.
#[derive(Debug, Clone, PartialEq)]
pub enum GroundTruth {
    /// Classification: the image's class, counted from 0.
    Cls {
        /// Index of the class among the head's logits.
        label: u32,
    },
    /// Segmentation: the class of every pixel.
    Seg {
        /// The mask, at the image's own size.
        mask: Mask,
    },
    /// Depth: the depth of every pixel.
    Dpt {
        /// The depth map, at the image's own size.
        depth: DepthMap,
    },
}

impl GroundTruth {
    /// The task that it is the truth of.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Cls { .. } => Task::Cls,
            Self::Seg { .. } => Task::Seg,
            Self::Dpt { .. } => Task::Dpt,
        }
    }

    /// Checks that a head of `classes` classes can be judged by this ground truth. Depth has no
    /// classes.
    ///
    /// # Errors
    /// When the label, or a pixel of the mask that is to be judged, is of a class that the head lacks.
    pub fn check_classes(&self, classes: usize) -> Result<(), TruthError> {
        match self {
            Self::Cls { label } if *label as usize >= classes => {
                Err(TruthError::LabelBeyondClasses {
                    label: *label,
                    classes,
                })
            }
            Self::Seg { mask } => mask.check_classes(classes),
            Self::Cls { .. } | Self::Dpt { .. } => Ok(()),
        }
    }
}
