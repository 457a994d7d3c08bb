use std::num::NonZeroU8;

use splitsim_feature::Task;

use crate::{DepthMap, GroundTruth, Logits, Mask, TruthError};

/// The output of a task head for an image.
#[derive(Debug, Clone, PartialEq)]
pub enum HeadOutput {
    /// Classification: a logit per class.
    Cls(Logits),
    /// Segmentation: a class per pixel of the image.
    Seg(SegPrediction),
    /// Depth: metres per pixel of the image.
    Dpt(DepthMap),
}

impl HeadOutput {
    /// The task of the head.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Cls(_) => Task::Cls,
            Self::Seg(_) => Task::Seg,
            Self::Dpt(_) => Task::Dpt,
        }
    }
}

impl HeadOutput {
    /// The answer taken for the truth: what another feature's answer agrees with or not. Of equal logits the first
    /// counts.
    #[must_use]
    pub fn as_truth(&self) -> GroundTruth {
        match self {
            Self::Cls(logits) => GroundTruth::Cls {
                label: logits.first_greatest(),
            },
            Self::Seg(prediction) => GroundTruth::Seg {
                mask: prediction.mask.clone(),
            },
            Self::Dpt(depth) => GroundTruth::Dpt {
                depth: depth.clone(),
            },
        }
    }
}

/// A predicted class per pixel, each below the head's number of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegPrediction {
    mask: Mask,
    classes: NonZeroU8,
}

impl SegPrediction {
    /// The `mask` predicted by a head of `classes` classes, 1 to 255.
    ///
    /// # Errors
    /// When a pixel's class is not below `classes`.
    pub fn new(mask: Mask, classes: NonZeroU8) -> Result<Self, TruthError> {
        let beyond = |&(_, &class): &(usize, &u8)| class >= classes.get();
        match mask.view().iter().enumerate().find(beyond) {
            Some((index, &class)) => Err(TruthError::PredictedClass {
                index,
                class,
                classes: classes.get(),
            }),
            None => Ok(Self { mask, classes }),
        }
    }

    /// The class of every pixel.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Classes of the head.
    #[must_use]
    pub const fn classes(&self) -> NonZeroU8 {
        self.classes
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn refuses_classes_that_the_head_does_not_have() {
        let predict = |classes| {
            let mask = Mask::new(array![[0, 20], [21, 255]]).unwrap();
            SegPrediction::new(mask, NonZeroU8::new(classes).unwrap())
        };
        let at = |index, class, classes| TruthError::PredictedClass {
            index,
            class,
            classes,
        };
        assert_eq!(predict(21).unwrap_err(), at(2, 21, 21));
        assert_eq!(predict(255).unwrap_err(), at(3, 255, 255));
    }

    #[test]
    fn an_answer_agrees_with_itself_in_full() {
        let performance = |output: &HeadOutput| {
            let truth = output.as_truth();
            crate::Performance::of(&truth, output, crate::DepthCrop::Full)
                .unwrap()
                .value()
        };
        let logits = Logits::new(vec![0.5, 2.0, 2.0, -1.0]).unwrap();
        assert_eq!(logits.first_greatest(), 1);
        assert_eq!(performance(&HeadOutput::Cls(logits)), 1.0);
        let mask = Mask::new(array![[0, 2], [1, 1]]).unwrap();
        let prediction = SegPrediction::new(mask, NonZeroU8::new(3).unwrap()).unwrap();
        assert_eq!(performance(&HeadOutput::Seg(prediction)), 100.0);
        let depth = DepthMap::new(array![[0.5, 2.0], [4.0, 1.0]]).unwrap();
        assert_eq!(performance(&HeadOutput::Dpt(depth)), 0.0);
    }
}
