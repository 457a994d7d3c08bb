//! Pictures to train on, and batches of crops.

use ndarray::Array2;
use rand::Rng;
use splitsim_feature::Task;
use splitsim_latent::LatentExtent;
use tch::Tensor;

use super::TrainConfig;
use super::chance::Draw;
use crate::HyperpriorError;

/// One feature's picture of symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPicture {
    /// The task that it is for.
    pub task: Task,
    /// `[views·tokens, layers·dim]`, each below `2^bits`.
    pub symbols: Array2<u16>,
    /// Bits of a symbol.
    pub bits: u8,
}

/// What is trained on and validated with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingSet {
    /// Crops are taken from these, from every task equally often.
    pub training: Vec<TrainingPicture>,
    /// The crop about the centre of each of these is validated with.
    pub validation: Vec<TrainingPicture>,
}

/// Rows and columns of crops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CropSize {
    rows: usize,
    columns: usize,
}

impl TrainingSet {
    pub(super) fn check(&self) -> Result<(), HyperpriorError> {
        let complaint = if self.training.is_empty() || self.validation.is_empty() {
            "no pictures to train on, or none to validate with"
        } else if self.all().any(|picture| picture.symbols.is_empty()) {
            "a picture without points"
        } else {
            return Ok(());
        };
        Err(HyperpriorError::Training(complaint.to_owned()))
    }

    fn all(&self) -> impl Iterator<Item = &TrainingPicture> {
        self.training.iter().chain(&self.validation)
    }

    /// The largest crop, up to `patch` on a side, that every picture holds; at least 64, to which
    /// smaller pictures are zero-padded.
    pub(super) fn crop_size(&self, patch: usize) -> CropSize {
        let multiple = LatentExtent::PICTURE_MULTIPLE;
        let side = |of: fn(&TrainingPicture) -> usize| {
            let least = self.all().map(of).min().unwrap_or(patch).min(patch);
            (least / multiple * multiple).max(multiple)
        };
        CropSize {
            rows: side(|picture| picture.symbols.nrows()),
            columns: side(|picture| picture.symbols.ncols()),
        }
    }

    /// The crops of a step, `[batch, 1, rows, columns]` in [0, 1).
    pub(super) fn batch(
        &self,
        config: &TrainConfig,
        size: CropSize,
        level: usize,
        step: usize,
    ) -> Result<Tensor, HyperpriorError> {
        // One stream per step, so that a training that goes on takes the crops that it would have.
        let mut rng = Draw::Crops { level, step }.generator(config.seed);
        let by_task: Vec<Vec<&TrainingPicture>> = Task::ALL
            .iter()
            .map(|&task| {
                self.training
                    .iter()
                    .filter(|picture| picture.task == task)
                    .collect()
            })
            .filter(|pictures: &Vec<_>| !pictures.is_empty())
            .collect();
        let mut values = Vec::with_capacity(config.batch * size.rows * size.columns);
        for _ in 0..config.batch {
            let pictures = &by_task[rng.random_range(0..by_task.len())];
            let picture = pictures[rng.random_range(0..pictures.len())];
            let (rows, columns) = picture.symbols.dim();
            let top = rng.random_range(0..=rows.saturating_sub(size.rows));
            let left = rng.random_range(0..=columns.saturating_sub(size.columns));
            picture.crop(size, (top, left), &mut values);
        }
        size.tensor(&values)
    }

    /// The validation crops in batches.
    pub(super) fn validation(
        &self,
        config: &TrainConfig,
        size: CropSize,
    ) -> impl Iterator<Item = Result<Tensor, HyperpriorError>> {
        self.validation.chunks(config.batch).map(move |pictures| {
            let mut values = Vec::new();
            for picture in pictures {
                let (rows, columns) = picture.symbols.dim();
                let top = rows.saturating_sub(size.rows) / 2;
                let left = columns.saturating_sub(size.columns) / 2;
                picture.crop(size, (top, left), &mut values);
            }
            size.tensor(&values)
        })
    }
}

impl TrainingPicture {
    /// Appends a crop, zero beyond the picture.
    fn crop(&self, size: CropSize, (top, left): (usize, usize), values: &mut Vec<f32>) {
        let scale = 1.0 / f32::from(1u16 << self.bits.min(15));
        for row in top..top + size.rows {
            for column in left..left + size.columns {
                let symbol = self.symbols.get((row, column)).copied().unwrap_or(0);
                values.push(f32::from(symbol) * scale);
            }
        }
    }
}

impl CropSize {
    fn tensor(self, values: &[f32]) -> Result<Tensor, HyperpriorError> {
        let shape = [-1, 1, self.rows as i64, self.columns as i64];
        Ok(Tensor::f_from_slice(values)?.f_reshape(shape)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(task: Task, rows: usize, columns: usize, symbol: u16) -> TrainingPicture {
        TrainingPicture {
            task,
            symbols: Array2::from_elem((rows, columns), symbol),
            bits: 8,
        }
    }

    #[test]
    fn crops_fit_into_the_smallest_picture() {
        let mut set = TrainingSet {
            training: vec![
                picture(Task::Cls, 257, 192, 1),
                picture(Task::Dpt, 514, 768, 2),
            ],
            validation: vec![picture(Task::Cls, 257, 192, 1)],
        };
        let size = |rows, columns| CropSize { rows, columns };
        assert_eq!(set.crop_size(256), size(256, 192));
        assert_eq!(set.crop_size(128), size(128, 128));
        set.validation.push(picture(Task::Seg, 30, 100, 1));
        assert_eq!(set.crop_size(256), size(64, 64));
    }

    #[test]
    fn every_task_is_seen_and_every_step_repeats() {
        let set = TrainingSet {
            training: vec![
                picture(Task::Cls, 64, 64, 16),
                picture(Task::Cls, 64, 64, 16),
                picture(Task::Seg, 64, 64, 32),
                picture(Task::Dpt, 30, 64, 64),
            ],
            validation: vec![picture(Task::Cls, 64, 64, 1)],
        };
        let config = crate::train::level::tests::config();
        let size = set.crop_size(256);
        let batch = |step| {
            let batch = set.batch(
                &TrainConfig {
                    batch: 60,
                    ..config.clone()
                },
                size,
                0,
                step,
            );
            Vec::<f32>::try_from(batch.unwrap().flatten(0, -1)).unwrap()
        };
        let first = batch(7);
        assert_eq!(first, batch(7));
        assert_ne!(first, batch(8));
        for (value, crops) in [(16.0, 10..30), (32.0, 10..30), (64.0, 10..30)] {
            let of_task = first
                .chunks_exact(64 * 64)
                .filter(|crop| crop[0] == value / 256.0);
            assert!(crops.contains(&of_task.count()), "{value}");
        }
        // A picture of 30 rows is padded with zeros.
        let padded = first
            .chunks_exact(64 * 64)
            .find(|crop| crop[0] == 0.25)
            .unwrap();
        assert!(padded[30 * 64..].iter().all(|&value| value == 0.0));
    }
}
