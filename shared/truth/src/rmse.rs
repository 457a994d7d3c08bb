use std::fmt;

use crate::crop::judged_depths;
use crate::{DepthCrop, DepthMap, TruthError};

/// Root mean square error in metres, not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DepthRmse(f64);

impl DepthRmse {
    /// An error of `metres`.
    ///
    /// # Errors
    /// When it is NaN, infinite or negative.
    pub fn new(metres: f64) -> Result<Self, TruthError> {
        if metres.is_finite() && metres >= 0.0 {
            Ok(Self(metres))
        } else {
            Err(TruthError::Performance {
                what: "depth rmse",
                value: metres,
                expected: "metres, finite and not negative",
            })
        }
    }

    /// The error in metres.
    #[must_use]
    pub const fn metres(self) -> f64 {
        self.0
    }
}

impl fmt::Display for DepthRmse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RMSE {:.4} m", self.0)
    }
}

/// `sqrt(mean((predicted − truth)²))` over the pixels of `crop` with a valid true depth, in metres.
///
/// # Errors
/// When the maps differ in size, the crop is not defined for it, or no true depth is valid.
pub fn depth_rmse(
    truth: &DepthMap,
    predicted: &DepthMap,
    crop: DepthCrop,
) -> Result<DepthRmse, TruthError> {
    let (mut squares, mut pixels) = (0.0f64, 0u64);
    for (truth, predicted) in judged_depths(truth, predicted, crop)? {
        squares += (predicted - truth).powi(2);
        pixels += 1;
    }
    if pixels == 0 {
        return Err(TruthError::NoValidPixel { what: "depth rmse" });
    }
    DepthRmse::new((squares / pixels as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn map(metres: Array2<f32>) -> DepthMap {
        DepthMap::new(metres).unwrap()
    }

    #[test]
    fn judges_measured_depths_only() {
        // Errors of 3 and 4 m on the valid pixels; both ends of the range are no measurements.
        let truth = map(array![[1.0, 2.0, 0.0, 0.001, 10.0]]);
        let predicted = map(array![[4.0, 6.0, 9.0, 9.0, 0.0]]);
        let rmse = depth_rmse(&truth, &predicted, DepthCrop::Full).unwrap();
        assert!((rmse.metres() - 12.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn the_eigen_crop_leaves_the_border_out() {
        let truth = map(Array2::from_elem((480, 640), 2.0));
        let inside = |(row, column)| (45..471).contains(&row) && (41..601).contains(&column);
        let predicted = map(Array2::from_shape_fn((480, 640), |at| {
            if inside(at) { 2.5 } else { 9.0 }
        }));
        let rmse = depth_rmse(&truth, &predicted, DepthCrop::Eigen).unwrap();
        assert_eq!(rmse.metres(), 0.5);
        assert!(depth_rmse(&truth, &predicted, DepthCrop::Full).unwrap() > rmse);
    }

    #[test]
    fn refuses_what_cannot_be_judged() {
        let check = |truth, predicted, crop, expected: TruthError| {
            assert_eq!(
                depth_rmse(&map(truth), &map(predicted), crop),
                Err(expected)
            );
        };
        let full = DepthCrop::Full;
        let undefined = TruthError::NoValidPixel { what: "depth rmse" };
        check(array![[0.0, 10.0]], array![[1.0, 1.0]], full, undefined);
        let size = TruthError::Size {
            what: "depth",
            expected: [1, 2],
            predicted: [2, 1],
        };
        check(array![[1.0, 1.0]], array![[1.0], [1.0]], full, size);
        let crop = TruthError::Crop { actual: [1, 1] };
        check(array![[1.0]], array![[1.0]], DepthCrop::Eigen, crop);
    }
}
