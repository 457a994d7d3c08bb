use std::ops::Range;

use ndarray::Array2;

use crate::{DepthMap, TruthError};

/// The pixels of a depth image that are judged, provided that they have a measured depth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DepthCrop {
    /// All.
    #[default]
    Full,
    /// The crop that NYU Depth v2 is evaluated on: rows 45..471, columns 41..601 of a 480×640 image
    /// (Eigen et al., 2014).
    Eigen,
}

impl DepthCrop {
    /// `[height, width]` of the images that the Eigen crop is defined on.
    const EIGEN_SIZE: [usize; 2] = [480, 640];

    /// A ground truth of which only the pixels of this crop are measured: the others become 0.
    ///
    /// # Errors
    /// When the crop is not defined for images of its size.
    pub fn apply(self, truth: &DepthMap) -> Result<DepthMap, TruthError> {
        let (rows, columns) = self.extent(truth.size())?;
        let view = truth.view();
        DepthMap::new(Array2::from_shape_fn(view.dim(), |(row, column)| {
            let inside = rows.contains(&row) && columns.contains(&column);
            if inside { view[[row, column]] } else { 0.0 }
        }))
    }

    /// Rows and columns judged of an image of `size` (`[height, width]`).
    fn extent(self, size: [usize; 2]) -> Result<(Range<usize>, Range<usize>), TruthError> {
        match self {
            Self::Full => Ok((0..size[0], 0..size[1])),
            Self::Eigen if size == Self::EIGEN_SIZE => Ok((45..471, 41..601)),
            Self::Eigen => Err(TruthError::Crop { actual: size }),
        }
    }
}

/// Depths strictly between these many metres are measurements (NYU Depth v2's protocol; CFQA, §4.6).
const VALID_METRES: (f32, f32) = (0.001, 10.0);

/// True and predicted depth of every pixel of `crop` with a valid true depth, row by row, in metres.
///
/// # Errors
/// When the maps differ in size, or the crop is not defined for it.
pub(crate) fn judged_depths<'a>(
    truth: &'a DepthMap,
    predicted: &'a DepthMap,
    crop: DepthCrop,
) -> Result<impl Iterator<Item = (f64, f64)> + 'a, TruthError> {
    if truth.size() != predicted.size() {
        return Err(TruthError::Size {
            what: "depth",
            expected: truth.size(),
            predicted: predicted.size(),
        });
    }
    let (rows, columns) = crop.extent(truth.size())?;
    let (truth, predicted) = (truth.view(), predicted.view());
    let pixels = rows.flat_map(move |row| columns.clone().map(move |column| [row, column]));
    Ok(pixels
        .map(move |at| (truth[at], predicted[at]))
        .filter(|&(truth, _)| truth > VALID_METRES.0 && truth < VALID_METRES.1)
        .map(|(truth, predicted)| (f64::from(truth), f64::from(predicted))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_the_crop_nothing_is_measured() {
        let truth = DepthMap::new(Array2::from_elem((480, 640), 2.0)).unwrap();
        let cropped = DepthCrop::Eigen.apply(&truth).unwrap();
        let measured = cropped.view().iter().filter(|&&depth| depth == 2.0).count();
        assert_eq!(measured, (471 - 45) * (601 - 41));
        assert_eq!(cropped.view()[[44, 41]], 0.0);
        assert_eq!(cropped.view()[[45, 41]], 2.0);
        assert_eq!(DepthCrop::Full.apply(&truth).unwrap(), truth);
        let other = DepthMap::new(Array2::from_elem((4, 4), 2.0)).unwrap();
        assert!(matches!(
            DepthCrop::Eigen.apply(&other),
            Err(TruthError::Crop { actual: [4, 4] })
        ));
    }
}
