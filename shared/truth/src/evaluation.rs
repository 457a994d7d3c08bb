use splitsim_feature::Task;

use crate::{
    Confusion, DepthCrop, DepthRmse, GroundTruth, HeadOutput, MeanIou, Performance, Rank,
    TruthError, depth_rmse, rank_of_label,
};

/// Performance over a data set, image by image.
///
/// As the benchmarks report it: top-1 accuracy; mIoU of all pixels' confusion, which is not the mean
/// of the images' mIoU; the mean of the images' RMSE.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    crop: DepthCrop,
    images: u64,
    sums: Sums,
}

#[derive(Debug, Clone, PartialEq)]
enum Sums {
    Cls { first_places: u64 },
    Seg { pixels: Option<Confusion> },
    Dpt { rmse_metres: f64 },
}

/// The performance over a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DatasetPerformance {
    /// Classification: images whose label has rank 1, in percent.
    TopOne {
        /// 0 to 100.
        percent: f64,
    },
    /// Segmentation: mIoU over all valid pixels.
    MeanIou(MeanIou),
    /// Depth: mean over the images' RMSE.
    MeanRmse(DepthRmse),
}

impl Evaluation {
    /// No images yet; `crop` matters to depth only.
    #[must_use]
    pub const fn new(task: Task, crop: DepthCrop) -> Self {
        let sums = match task {
            Task::Cls => Sums::Cls { first_places: 0 },
            Task::Seg => Sums::Seg { pixels: None },
            Task::Dpt => Sums::Dpt { rmse_metres: 0.0 },
        };
        Self {
            crop,
            images: 0,
            sums,
        }
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
    /// As [`Performance::of`]; also when the task is another or, between images, the number of
    /// classes differs. The image is then not added, and the evaluation can go on.
    pub fn add(
        &mut self,
        truth: &GroundTruth,
        output: &HeadOutput,
    ) -> Result<Performance, TruthError> {
        let performance = match (&mut self.sums, truth, output) {
            (Sums::Cls { first_places }, GroundTruth::Cls { label }, HeadOutput::Cls(logits)) => {
                let rank = rank_of_label(logits, *label)?;
                *first_places += u64::from(rank == Rank::BEST);
                Performance::Rank(rank)
            }
            (Sums::Seg { pixels }, GroundTruth::Seg { mask }, HeadOutput::Seg(prediction)) => {
                let image = Confusion::of(mask, prediction)?;
                let mean = image.mean_iou()?;
                pixels
                    .get_or_insert_with(|| Confusion::new(prediction.classes()))
                    .merge(&image)?;
                Performance::MeanIou(mean)
            }
            (Sums::Dpt { rmse_metres }, GroundTruth::Dpt { depth }, HeadOutput::Dpt(predicted)) => {
                let rmse = depth_rmse(depth, predicted, self.crop)?;
                *rmse_metres += rmse.metres();
                Performance::Rmse(rmse)
            }
            (Sums::Cls { .. } | Sums::Seg { .. } | Sums::Dpt { .. }, _, _) => {
                return Err(self.mixed_tasks(truth, output));
            }
        };
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
        match &self.sums {
            Sums::Cls { first_places } => Some(DatasetPerformance::TopOne {
                percent: 100.0 * *first_places as f64 / images,
            }),
            Sums::Seg { pixels } => {
                let mean = pixels.as_ref()?.mean_iou().ok()?;
                Some(DatasetPerformance::MeanIou(mean))
            }
            Sums::Dpt { rmse_metres } => {
                let mean = DepthRmse::new(rmse_metres / images).ok()?;
                Some(DatasetPerformance::MeanRmse(mean))
            }
        }
    }

    fn mixed_tasks(&self, truth: &GroundTruth, output: &HeadOutput) -> TruthError {
        let expected = self.task();
        TruthError::Task {
            operation: "adding to an evaluation",
            expected,
            actual: if truth.task() == expected {
                output.task()
            } else {
                truth.task()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use ndarray::{Array2, array};

    use super::*;
    use crate::{DepthMap, Logits, Mask, SegPrediction};

    fn check(
        task: Task,
        images: impl IntoIterator<Item = (GroundTruth, HeadOutput)>,
        expected: DatasetPerformance,
    ) {
        let mut evaluation = Evaluation::new(task, DepthCrop::Full);
        assert_eq!(evaluation.performance(), None);
        for (truth, output) in images {
            evaluation.add(&truth, &output).unwrap();
        }
        assert_eq!(evaluation.performance(), Some(expected));
    }

    fn cls(label: u32) -> (GroundTruth, HeadOutput) {
        let logits = Logits::new(vec![0.5, 2.0, 1.0]).unwrap();
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
    fn top_one_counts_first_places() {
        let images = [cls(1), cls(0), cls(1), cls(2)];
        let expected = DatasetPerformance::TopOne { percent: 50.0 };
        check(Task::Cls, images, expected);
    }

    #[test]
    fn the_data_sets_miou_is_of_all_pixels() {
        // Class 0: 3 of 4 pixels in common, class 1: 1 of 2. The images' own mIoU are 50 and 100.
        let images = [
            seg(array![[0, 1, 1, 255]], array![[0, 0, 1, 0]], 3),
            seg(array![[0, 0]], array![[0, 0]], 3),
        ];
        let expected = DatasetPerformance::MeanIou(MeanIou::new(62.5).unwrap());
        check(Task::Seg, images, expected);
    }

    #[test]
    fn rmse_is_the_mean_of_the_images() {
        let images = [dpt(2.0, 3.0), dpt(5.0, 2.0)];
        let expected = DatasetPerformance::MeanRmse(DepthRmse::new(2.0).unwrap());
        check(Task::Dpt, images, expected);
    }

    #[test]
    fn an_image_that_cannot_be_judged_is_not_added() {
        let mut evaluation = Evaluation::new(Task::Dpt, DepthCrop::Full);
        let mut refuse = |(truth, output): (GroundTruth, HeadOutput)| {
            let before = evaluation.clone();
            let error = evaluation.add(&truth, &output).unwrap_err();
            assert_eq!(evaluation, before);
            error
        };
        let undefined = TruthError::NoValidPixel { what: "depth rmse" };
        assert_eq!(refuse(dpt(0.0, 1.0)), undefined);
        assert!(matches!(refuse(cls(1)), TruthError::Task { .. }));
        let mixed = (dpt(1.0, 1.0).0, cls(1).1);
        assert!(matches!(refuse(mixed), TruthError::Task { .. }));

        let mut evaluation = Evaluation::new(Task::Seg, DepthCrop::Full);
        let (truth, output) = seg(array![[0]], array![[0]], 3);
        evaluation.add(&truth, &output).unwrap();
        let (truth, other_head) = seg(array![[0]], array![[0]], 4);
        let refused = evaluation.add(&truth, &other_head);
        assert!(matches!(refused, Err(TruthError::ClassCount { .. })));
        assert_eq!(evaluation.images(), 1);
    }
}
