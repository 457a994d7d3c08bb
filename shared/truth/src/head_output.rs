use std::num::NonZeroU8;

use splitsim_feature::Task;

use crate::{DepthMap, Logits, Mask, TruthError};

/// What a task head says of an image.
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
}
