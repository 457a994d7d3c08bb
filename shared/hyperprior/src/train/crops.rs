//! Pictures to train on, and batches of crops.

use ndarray::Array2;
use rand::RngExt;
use splitsim_feature::Task;
use splitsim_latent::LatentExtent;
use splitsim_model::Digest;
use tch::Tensor;

use super::TrainConfig;
use super::chance::Draw;
use crate::HyperpriorError;
use crate::padding::before;

/// Samples between two latents. Crops lie on this grid of the padded picture, as latents do when it is
/// coded: columns are channels, whose statistics depend on their place, and the edge of the padding and
/// the class token's row are always at the same phase.
const GRID: usize = 16;

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

impl TrainingPicture {
    fn digest(&self) -> Digest {
        let (rows, columns) = self.symbols.dim();
        let mut bytes = format!("{} {} {rows}x{columns}\n", self.task, self.bits).into_bytes();
        bytes.extend(self.symbols.iter().flat_map(|symbol| symbol.to_le_bytes()));
        Digest::of(&bytes)
    }
}

/// The pictures for training and for validation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingSet {
    /// Crops are taken from these, from every task equally often.
    pub training: Vec<TrainingPicture>,
    /// A crop from the top of each of these is validated with.
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

    /// Tells sets apart: tasks, symbols and which pictures are validated with.
    pub(super) fn digest(&self) -> Digest {
        let parts = [&self.training, &self.validation].map(|part| {
            let pictures: Vec<u8> = part
                .iter()
                .flat_map(|picture| *picture.digest().bytes())
                .collect();
            *Digest::of(&pictures).bytes()
        });
        Digest::of(parts.as_flattened())
    }

    fn all(&self) -> impl Iterator<Item = &TrainingPicture> {
        self.training.iter().chain(&self.validation)
    }

    /// The largest crop, up to `patch` on a side, that every padded picture holds.
    pub(super) fn crop_size(&self, patch: usize) -> CropSize {
        let multiple = LatentExtent::PICTURE_MULTIPLE;
        let side = |of: fn((usize, usize)) -> usize| {
            let sides = self.all().map(|picture| of(picture.padded()));
            let least = sides.min().unwrap_or(patch).min(patch);
            (least / multiple * multiple).max(multiple)
        };
        CropSize {
            rows: side(|(rows, _)| rows),
            columns: side(|(_, columns)| columns),
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
            let (rows, columns) = picture.padded();
            let mut place = |side: usize, crop: usize| {
                GRID * rng.random_range(0..=side.saturating_sub(crop) / GRID)
            };
            let (top, left) = (place(rows, size.rows), place(columns, size.columns));
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
                // The class token is at the top, and no layer of depth is like the others.
                let (_, columns) = picture.padded();
                let left = columns.saturating_sub(size.columns) / 2 / GRID * GRID;
                picture.crop(size, (0, left), &mut values);
            }
            size.tensor(&values)
        })
    }
}

impl TrainingPicture {
    /// Rows and columns as the codec pads them.
    fn padded(&self) -> (usize, usize) {
        let (rows, columns) = self.symbols.dim();
        LatentExtent::of_picture(rows, columns).picture()
    }

    /// Appends a crop of the padded picture.
    fn crop(&self, size: CropSize, (top, left): (usize, usize), values: &mut Vec<f32>) {
        let scale = 1.0 / f32::from(1u16 << self.bits.min(15));
        let (rows, columns) = self.symbols.dim();
        let (height, width) = self.padded();
        let (above, beside) = (before(rows, height), before(columns, width));
        for row in top..top + size.rows {
            for column in left..left + size.columns {
                let place = (row.checked_sub(above), column.checked_sub(beside));
                let symbol = match place {
                    (Some(row), Some(column)) => self.symbols.get((row, column)),
                    _ => None,
                };
                values.push(f32::from(symbol.copied().unwrap_or(0)) * scale);
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
    use std::collections::BTreeSet;

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
        assert_eq!(set.crop_size(256), size(64, 128));
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
                .filter(|crop| crop[32 * 64] == value / 256.0);
            assert!(crops.contains(&of_task.count()), "{value}");
        }
    }

    #[test]
    fn crops_are_of_the_picture_as_it_is_padded_and_on_the_grid_of_latents() {
        // 257 rows in 320: 31 before, 32 behind.
        let picture = picture(Task::Cls, 257, 64, 64);
        let set = TrainingSet {
            training: vec![picture.clone()],
            validation: vec![picture],
        };
        let config = crate::train::level::tests::config();
        let size = CropSize {
            rows: 256,
            columns: 64,
        };
        let crops = |batch: Tensor| Vec::<f32>::try_from(batch.flatten(0, -1)).unwrap();
        // Rows before the picture, and rows of it.
        let parts = |crop: &[f32]| {
            let before = crop.iter().position(|&value| value > 0.0).unwrap() / 64;
            let rows = crop.iter().filter(|&&value| value == 0.25).count() / 64;
            (before, rows)
        };
        let seen: BTreeSet<(usize, usize)> = (0..40)
            .flat_map(|step| crops(set.batch(&config, size, 0, step).unwrap()))
            .collect::<Vec<f32>>()
            .chunks_exact(256 * 64)
            .map(parts)
            .collect();
        let expected = [(31, 225), (15, 241), (0, 256), (0, 240), (0, 224)];
        assert_eq!(seen, BTreeSet::from(expected));
        let validation = set.validation(&config, size).next().unwrap().unwrap();
        assert_eq!(parts(&crops(validation)), (31, 225));
    }
}
