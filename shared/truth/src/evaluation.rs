use serde::Serialize;
use splitsim_feature::Task;

use crate::{Confusion, DepthErrors, Judgement, MeanIou, Performance, TruthError};

/// Performance over a data set, image by image.
///
/// As the benchmarks report it: top-1 and top-5 accuracy; mIoU of all pixels' confusion, which is not
/// the mean of the images' mIoU, and that mean beside it; the means of the images' depth errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    images: u64,
    sums: Sums,
}

#[derive(Debug, Clone, PartialEq)]
enum Sums {
    Cls {
        first: u64,
        first_five: u64,
    },
    Seg {
        pixels: Option<Confusion>,
        percent: f64,
    },
    Dpt {
        errors: DepthErrors,
    },
}

/// The performance over a data set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DatasetPerformance {
    /// Classification: images whose label is among the first, 0 to 100 percent.
    Cls {
        /// Rank 1.
        top1_percent: f64,
        /// Rank 5 or better.
        top5_percent: f64,
    },
    /// Segmentation.
    Seg {
        /// mIoU over all valid pixels of all images.
        miou_percent: MeanIou,
        /// Mean of the images' own mIoU.
        image_miou_percent: MeanIou,
    },
    /// Depth: means over the images.
    Dpt(DepthErrors),
}

impl Evaluation {
    /// No images yet.
    #[must_use]
    pub fn new(task: Task) -> Self {
        let sums = match task {
            Task::Cls => Sums::Cls {
                first: 0,
                first_five: 0,
            },
            Task::Seg => Sums::Seg {
                pixels: None,
                percent: 0.0,
            },
            Task::Dpt => Sums::Dpt {
                errors: DepthErrors::default(),
            },
        };
        Self { images: 0, sums }
    }

    /// The task evaluated.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self.sums {
            Sums::Cls { .. } => Task::Cls,
            Sums::Seg { .. } => Task::Seg,
            Sums::Dpt { .. } => Task::Dpt,
        }
    }

    /// Images added.
    #[must_use]
    pub const fn images(&self) -> u64 {
        self.images
    }

    /// Adds an image and returns its own performance.
    ///
    /// # Errors
    /// As [`Judgement::performance`]; also when the task is another or, between images, the number of
    /// classes differs. The image is then not added, and the evaluation can go on.
    pub fn add(&mut self, image: &Judgement) -> Result<Performance, TruthError> {
        let performance = image.performance()?;
        match (&mut self.sums, image) {
            (Sums::Cls { first, first_five }, Judgement::Cls(rank)) => {
                *first += u64::from(rank.get() == 1);
                *first_five += u64::from(rank.get() <= 5);
            }
            (Sums::Seg { pixels, percent }, Judgement::Seg(image)) => {
                match pixels {
                    Some(pixels) => pixels.merge(image)?,
                    None => *pixels = Some(image.clone()),
                }
                *percent += performance.value();
            }
            (Sums::Dpt { errors }, Judgement::Dpt(image)) => *errors = errors.plus(image),
            (Sums::Cls { .. } | Sums::Seg { .. } | Sums::Dpt { .. }, _) => {
                return Err(TruthError::Task {
                    operation: "adding to an evaluation",
                    expected: self.task(),
                    actual: image.task(),
                });
            }
        }
        self.images += 1;
        Ok(performance)
    }

    /// The performance over all images added; `None` before the first.
    #[must_use]
    pub fn performance(&self) -> Option<DatasetPerformance> {
        if self.images == 0 {
            return None;
        }
        let images = self.images as f64;
        let percent = |count: &u64| 100.0 * *count as f64 / images;
        Some(match &self.sums {
            Sums::Cls { first, first_five } => DatasetPerformance::Cls {
                top1_percent: percent(first),
                top5_percent: percent(first_five),
            },
            Sums::Seg {
                pixels,
                percent: sum,
            } => DatasetPerformance::Seg {
                miou_percent: pixels.as_ref()?.mean_iou().ok()?,
                // A mean of percentages is one, but for the last bit.
                image_miou_percent: MeanIou::new((sum / images).min(100.0)).ok()?,
            },
            Sums::Dpt { errors } => DatasetPerformance::Dpt(errors.over(images)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use ndarray::{Array2, array};

    use super::*;
    use crate::{DepthCrop, DepthMap, GroundTruth, HeadOutput, Logits, Mask, SegPrediction};

    fn check(
        task: Task,
        images: impl IntoIterator<Item = (GroundTruth, HeadOutput)>,
        expected: DatasetPerformance,
    ) {
        let mut evaluation = Evaluation::new(task);
        assert_eq!(evaluation.performance(), None);
        for (truth, output) in images {
            let image = Judgement::of(&truth, &output, DepthCrop::Full).unwrap();
            evaluation.add(&image).unwrap();
        }
        assert_eq!(evaluation.performance(), Some(expected));
    }

    fn cls(label: u32) -> (GroundTruth, HeadOutput) {
        let logits = Logits::new(vec![0.5, 2.0, 1.0, -1.0, -2.0, -3.0, -4.0]).unwrap();
        (GroundTruth::Cls { label }, HeadOutput::Cls(logits))
    }

    fn seg(truth: Array2<u8>, predicted: Array2<u8>, classes: u8) -> (GroundTruth, HeadOutput) {
        let mask = Mask::new(truth).unwrap();
        let predicted = Mask::new(predicted).unwrap();
        let prediction = SegPrediction::new(predicted, NonZeroU8::new(classes).unwrap());
        let output = HeadOutput::Seg(prediction.unwrap());
        (GroundTruth::Seg { mask }, output)
    }

    fn dpt(truth: f32, predicted: f32) -> (GroundTruth, HeadOutput) {
        let map = |depth| DepthMap::new(Array2::from_elem((2, 2), depth)).unwrap();
        let depth = map(truth);
        (GroundTruth::Dpt { depth }, HeadOutput::Dpt(map(predicted)))
    }

    #[test]
    fn accuracies_count_the_first_places() {
        let images = [cls(1), cls(0), cls(1), cls(6)];
        let expected = DatasetPerformance::Cls {
            top1_percent: 50.0,
            top5_percent: 75.0,
        };
        check(Task::Cls, images, expected);
    }

    #[test]
    fn the_data_sets_miou_is_of_all_pixels() {
        // Class 0: 3 of 4 pixels in common, class 1: 1 of 2. The images' own mIoU are 50 and 100.
        let images = [
            seg(array![[0, 1, 1, 255]], array![[0, 0, 1, 0]], 3),
            seg(array![[0, 0]], array![[0, 0]], 3),
        ];
        let expected = DatasetPerformance::Seg {
            miou_percent: MeanIou::new(62.5).unwrap(),
            image_miou_percent: MeanIou::new(75.0).unwrap(),
        };
        check(Task::Seg, images, expected);
    }

    #[test]
    fn depth_errors_are_the_means_of_the_images() {
        let mut evaluation = Evaluation::new(Task::Dpt);
        for (truth, output) in [dpt(2.0, 3.0), dpt(5.0, 2.0)] {
            let image = Judgement::of(&truth, &output, DepthCrop::Full).unwrap();
            evaluation.add(&image).unwrap();
        }
        let Some(DatasetPerformance::Dpt(means)) = evaluation.performance() else {
            panic!("an evaluation of depth gives depth errors");
        };
        assert_eq!((means.rmse, means.a2), (2.0, 0.5));
        // (1/2 + 3/5) / 2 and (1/2 + 9/5) / 2
        assert!((means.abs_rel - 0.55).abs() < 1e-12);
        assert!((means.sq_rel - 1.15).abs() < 1e-12);
    }

    #[test]
    fn an_image_that_does_not_belong_is_not_added() {
        let judge = |(truth, output)| Judgement::of(&truth, &output, DepthCrop::Full);
        let mut evaluation = Evaluation::new(Task::Dpt);
        let refused = evaluation.add(&judge(cls(1)).unwrap());
        assert!(matches!(refused, Err(TruthError::Task { .. })));
        assert_eq!(evaluation, Evaluation::new(Task::Dpt));

        let mut evaluation = Evaluation::new(Task::Seg);
        let image = |classes| judge(seg(array![[0]], array![[0]], classes)).unwrap();
        evaluation.add(&image(3)).unwrap();
        let refused = evaluation.add(&image(4));
        assert!(matches!(refused, Err(TruthError::ClassCount { .. })));
        assert_eq!(evaluation.images(), 1);
    }

    #[test]
    fn what_cannot_be_judged_has_no_judgement() {
        let judge = |(truth, output)| Judgement::of(&truth, &output, DepthCrop::Full);
        assert!(matches!(
            judge(dpt(0.0, 1.0)),
            Err(TruthError::NoValidPixel { .. })
        ));
        assert!(matches!(
            judge(seg(array![[255]], array![[0]], 3)),
            Err(TruthError::NoValidPixel { .. })
        ));
        let mixed = judge((dpt(1.0, 1.0).0, cls(1).1));
        assert!(matches!(mixed, Err(TruthError::Task { .. })));
    }
}
