use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::{Mask, SegPrediction, TruthError};

/// Mean intersection over union in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
pub struct MeanIou(f64);

impl MeanIou {
    /// A mean of `percent`.
    ///
    /// # Errors
    /// When it is not from 0 to 100.
    pub fn new(percent: f64) -> Result<Self, TruthError> {
        if (0.0..=100.0).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(TruthError::Performance {
                what: "mean iou",
                value: percent,
                expected: "0 to 100 percent",
            })
        }
    }

    /// The mean in percent.
    #[must_use]
    pub const fn percent(self) -> f64 {
        self.0
    }
}

impl fmt::Display for MeanIou {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mIoU {:.2} %", self.0)
    }
}

/// Pixel counts per class, from which intersections over union are taken.
///
/// Of one image it gives the per-image mIoU of the CFQA protocol (§4.6), of many the data set's.
/// Pixels whose truth is [`Mask::IGNORE`] are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[u64; 3]>", into = "Vec<[u64; 3]>")]
pub struct Confusion {
    per_class: Vec<ClassPixels>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ClassPixels {
    truth: u64,
    predicted: u64,
    both: u64,
}

impl Confusion {
    /// No pixels yet, for a head of `classes` classes.
    #[must_use]
    pub fn new(classes: NonZeroU8) -> Self {
        let per_class = vec![ClassPixels::default(); usize::from(classes.get())];
        Self { per_class }
    }

    /// The pixels of one image.
    ///
    /// # Errors
    /// When truth and prediction differ in size, or the truth has a class that the head lacks.
    pub fn of(truth: &Mask, prediction: &SegPrediction) -> Result<Self, TruthError> {
        let (expected, predicted) = (truth.size(), prediction.mask().size());
        if expected != predicted {
            return Err(TruthError::Size {
                what: "segmentation",
                expected,
                predicted,
            });
        }
        truth.check_classes(usize::from(prediction.classes().get()))?;
        let mut pixels = Self::new(prediction.classes());
        for (&truth, &predicted) in truth.view().iter().zip(prediction.mask().view()) {
            pixels.count(truth, predicted);
        }
        Ok(pixels)
    }

    fn count(&mut self, truth: u8, predicted: u8) {
        let (truth, predicted) = (usize::from(truth), usize::from(predicted));
        if truth < self.per_class.len() {
            self.per_class[truth].truth += 1;
            self.per_class[predicted].predicted += 1;
            self.per_class[truth].both += u64::from(truth == predicted);
        }
    }

    /// Adds the pixels of other images.
    ///
    /// # Errors
    /// When their head has another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), TruthError> {
        let (expected, actual) = (self.classes(), other.classes());
        if expected != actual {
            return Err(TruthError::ClassCount { expected, actual });
        }
        for (own, other) in self.per_class.iter_mut().zip(&other.per_class) {
            own.truth += other.truth;
            own.predicted += other.predicted;
            own.both += other.both;
        }
        Ok(())
    }

    /// Classes of the head.
    fn classes(&self) -> u8 {
        u8::try_from(self.per_class.len()).unwrap_or(u8::MAX)
    }

    /// Intersection over union of every class, 0 to 1; `None` for classes that are neither in the
    /// truth nor in the prediction.
    pub fn iou(&self) -> impl ExactSizeIterator<Item = Option<f64>> {
        self.per_class.iter().map(|pixels| {
            let union = pixels.truth + pixels.predicted - pixels.both;
            (union > 0).then(|| pixels.both as f64 / union as f64)
        })
    }

    /// The mean over the classes that are in the truth or in the prediction.
    ///
    /// # Errors
    /// When no pixel counted.
    pub fn mean_iou(&self) -> Result<MeanIou, TruthError> {
        let present: Vec<f64> = self.iou().flatten().collect();
        if present.is_empty() {
            return Err(TruthError::NoValidPixel { what: "mean iou" });
        }
        MeanIou::new(100.0 * present.iter().sum::<f64>() / present.len() as f64)
    }
}

/// The most pixels of one class, more than any data set has: sums of two such counts do not
/// overflow.
const MAX_PIXELS: u64 = 1 << 60;

/// Per class `[truth, predicted, both]`.
impl TryFrom<Vec<[u64; 3]>> for Confusion {
    type Error = String;

    fn try_from(counts: Vec<[u64; 3]>) -> Result<Self, String> {
        if !(1..=usize::from(u8::MAX)).contains(&counts.len()) {
            return Err(format!("{} classes, expected 1 to 255", counts.len()));
        }
        let possible = |&[truth, predicted, both]: &[u64; 3]| {
            both <= truth.min(predicted) && truth.max(predicted) < MAX_PIXELS
        };
        if let Some(class) = counts.iter().position(|counts| !possible(counts)) {
            let counts = counts[class];
            return Err(format!(
                "class {class}: {counts:?} are no pixel counts [truth, predicted, both]"
            ));
        }
        let pixels = |[truth, predicted, both]: [u64; 3]| ClassPixels {
            truth,
            predicted,
            both,
        };
        Ok(Self {
            per_class: counts.into_iter().map(pixels).collect(),
        })
    }
}

impl From<Confusion> for Vec<[u64; 3]> {
    fn from(confusion: Confusion) -> Self {
        let counts = |pixels: ClassPixels| [pixels.truth, pixels.predicted, pixels.both];
        confusion.per_class.into_iter().map(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn confusion(truth: Array2<u8>, predicted: Array2<u8>, classes: u8) -> Confusion {
        let predicted = Mask::new(predicted).unwrap();
        let prediction = SegPrediction::new(predicted, NonZeroU8::new(classes).unwrap()).unwrap();
        Confusion::of(&Mask::new(truth).unwrap(), &prediction).unwrap()
    }

    #[test]
    fn classes_on_neither_side_do_not_count() {
        // Class 0: 1 of 2, class 1: 1 of 2, class 2 predicted in vain on no valid pixel, class 3 absent.
        let pixels = confusion(array![[0, 0, 1, 255]], array![[0, 1, 1, 2]], 4);
        let iou: Vec<_> = pixels.iou().collect();
        assert_eq!(iou, [Some(0.5), Some(0.5), None, None]);
        assert_eq!(pixels.mean_iou().unwrap().percent(), 50.0);
    }

    #[test]
    fn without_a_valid_pixel_there_is_no_mean() {
        let pixels = confusion(array![[255, 255]], array![[0, 1]], 4);
        let undefined = TruthError::NoValidPixel { what: "mean iou" };
        assert_eq!(pixels.mean_iou(), Err(undefined));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let prediction = SegPrediction::new(
            Mask::new(Array2::zeros((2, 3))).unwrap(),
            NonZeroU8::new(4).unwrap(),
        );
        let truth = Mask::new(Array2::zeros((3, 2))).unwrap();
        let refused = Confusion::of(&truth, &prediction.unwrap());
        assert!(matches!(refused, Err(TruthError::Size { .. })));
        let truth = Mask::new(array![[255, 3, 4], [4, 0, 0]]).unwrap();
        let prediction = SegPrediction::new(
            Mask::new(Array2::zeros((2, 3))).unwrap(),
            NonZeroU8::new(4).unwrap(),
        );
        let refused = Confusion::of(&truth, &prediction.unwrap()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the mask's class 4 (2 pixels) is none of the head's 4 classes, 0 to 3; 255 marks pixels \
             that are not judged"
        );
        let mut four = Confusion::new(NonZeroU8::new(4).unwrap());
        let five = Confusion::new(NonZeroU8::new(5).unwrap());
        assert!(matches!(
            four.merge(&five),
            Err(TruthError::ClassCount { .. })
        ));
        assert!(MeanIou::new(f64::NAN).is_err());
        assert!(MeanIou::new(100.1).is_err());
    }

    #[test]
    fn counts_that_no_pixels_have_are_refused() {
        let read = |text: &str| serde_json::from_str::<Confusion>(text);
        let pixels = confusion(array![[0, 0, 1, 255]], array![[0, 1, 1, 2]], 4);
        let text = serde_json::to_string(&pixels).unwrap();
        assert_eq!(text, "[[2,1,1],[1,2,1],[0,0,0],[0,0,0]]");
        assert_eq!(read(&text).unwrap(), pixels);
        for text in ["[]", "[[1,2,2]]", "[[18446744073709551615,1,1]]", "[[1,1]]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    /// Jaccard's index by sets of pixels.
    fn by_sets(truth: &[u8], predicted: &[u8], classes: u8) -> Option<f64> {
        let valid = |&i: &usize| truth[i] < classes;
        let set = |of: &[u8], class: u8| -> BTreeSet<usize> {
            (0..of.len())
                .filter(valid)
                .filter(|&i| of[i] == class)
                .collect()
        };
        let indices: Vec<f64> = (0..classes)
            .map(|class| (set(truth, class), set(predicted, class)))
            .filter(|(truth, predicted)| !(truth.is_empty() && predicted.is_empty()))
            .map(|(truth, predicted)| {
                truth.intersection(&predicted).count() as f64
                    / truth.union(&predicted).count() as f64
            })
            .collect();
        let present = indices.len() as f64;
        (present > 0.0).then(|| 100.0 * indices.iter().sum::<f64>() / present)
    }

    proptest! {
        #[test]
        fn is_the_mean_of_the_sets_jaccard_indices(
            pixels in prop::collection::vec(
                (prop_oneof![5 => 0u8..4, 1 => Just(Mask::IGNORE)], 0u8..4), 1..60,
            ),
        ) {
            let (truth, predicted): (Vec<u8>, Vec<u8>) = pixels.into_iter().unzip();
            let row = |values: &[u8]| Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
            let mean = confusion(row(&truth), row(&predicted), 4).mean_iou().ok();
            match (mean, by_sets(&truth, &predicted, 4)) {
                (Some(mean), Some(sets)) => prop_assert!((mean.percent() - sets).abs() < 1e-9),
                (mean, sets) => prop_assert_eq!(mean.map(MeanIou::percent), sets),
            }
        }
    }
}
