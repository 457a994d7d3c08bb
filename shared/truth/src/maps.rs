use ndarray::{Array2, ArrayView2};

use crate::TruthError;

/// A class per pixel, `[height, width]`, not empty; [`Self::IGNORE`] marks pixels without truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    classes: Array2<u8>,
}

impl Mask {
    /// The label of pixels that are not judged (PASCAL VOC's void).
    pub const IGNORE: u8 = 255;

    /// A mask of `classes`, `[height, width]`.
    ///
    /// # Errors
    /// When it has no pixel.
    pub fn new(classes: Array2<u8>) -> Result<Self, TruthError> {
        if classes.is_empty() {
            return Err(TruthError::Empty { what: "mask" });
        }
        Ok(Self { classes })
    }

    /// `[height, width]`.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.classes.dim().into()
    }

    /// Checks that a head of `classes` classes can be judged by this mask: every class is below
    /// `classes` or is [`Self::IGNORE`].
    ///
    /// # Errors
    /// With the greatest class that is neither.
    pub fn check_classes(&self, classes: usize) -> Result<(), TruthError> {
        let judged = self
            .classes
            .iter()
            .copied()
            .filter(|&class| class != Self::IGNORE);
        match judged.max() {
            Some(class) if usize::from(class) >= classes => Err(TruthError::MaskBeyondClasses {
                class,
                pixels: self.classes.iter().filter(|&&other| other == class).count(),
                classes,
            }),
            _ => Ok(()),
        }
    }

    /// The classes, `[height, width]`.
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, u8> {
        self.classes.view()
    }
}

/// A depth per pixel in metres, `[height, width]`, not empty; finite and not negative.
///
/// In a ground truth, depths outside the protocol's range, zero among them, mean that none was
/// measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthMap {
    metres: Array2<f32>,
}

impl DepthMap {
    /// A map of depths in `metres`, `[height, width]`.
    ///
    /// # Errors
    /// When it has no pixel, or a depth is NaN, infinite or negative.
    pub fn new(metres: Array2<f32>) -> Result<Self, TruthError> {
        let what = "depth map";
        if metres.is_empty() {
            return Err(TruthError::Empty { what });
        }
        let valid = |depth: f32| depth.is_finite() && depth >= 0.0;
        match metres.iter().enumerate().find(|&(_, &depth)| !valid(depth)) {
            Some((index, &value)) => Err(TruthError::Value {
                what,
                index,
                value,
                expected: "metres, finite and not negative",
            }),
            None => Ok(Self { metres }),
        }
    }

    /// `[height, width]`.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.metres.dim().into()
    }

    /// The depths in metres, `[height, width]`.
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.metres.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_map() {
        assert!(Mask::new(Array2::zeros((0, 4))).is_err());
        assert!(DepthMap::new(Array2::zeros((4, 0))).is_err());
        for depth in [f32::NAN, f32::INFINITY, -0.5] {
            let map = Array2::from_shape_vec((1, 2), vec![1.0, depth]).unwrap();
            let refused = DepthMap::new(map);
            assert!(matches!(refused, Err(TruthError::Value { index: 1, .. })));
        }
    }
}
