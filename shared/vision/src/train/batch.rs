//! Augmented batches, made on threads of their own while the model trains.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use fast_image_resize as fir;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tch::{Kind, Tensor};

use super::TrainConfig;
use super::dataset::{SIDE, Sample, SceneFile, TRUTH_SIDE};
use crate::VisionError;

/// ImageNet's channel means and standard deviations on 0–1 samples.
pub(super) const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub(super) const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Batches made ahead.
const PREFETCH: usize = 3;

/// Tensors of one step; the truth lies on a grid four times finer than the patches'.
pub(super) struct Batch {
    /// `[batch, 3, side, side]`, normalised.
    pub(super) pixels: Tensor,
    /// `[batch]`.
    pub(super) classes: Tensor,
    /// `[batch, grid, grid]`.
    pub(super) mask: Tensor,
    /// `[batch, grid, grid]`.
    pub(super) material: Tensor,
    /// `[batch, 1, grid, grid]`, metres.
    pub(super) depth_m: Tensor,
}

/// Starts making the batches of steps `first_step..`, in order.
pub(super) fn stream(
    config: &TrainConfig,
    scenes: Arc<SceneFile>,
    first_step: usize,
) -> Receiver<Result<Batch, VisionError>> {
    let (sender, receiver) = sync_channel(PREFETCH);
    let config = config.clone();
    std::thread::spawn(move || {
        for step in first_step..config.total_steps() {
            if sender.send(make(&config, &scenes, step)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn make(config: &TrainConfig, scenes: &SceneFile, step: usize) -> Result<Batch, VisionError> {
    let (stage, _) = config
        .stage(step)
        .ok_or_else(|| VisionError::Training(format!("no stage has step {step}")))?;
    let grid = stage.side / config.architecture.patch * 4;
    let views: Vec<View> = indices(config, scenes.len(), step)
        .into_par_iter()
        .enumerate()
        .map(|(slot, index)| {
            let mut rng = rng(config.seed, step as u64, slot as u64);
            let sample = scenes.read(index)?;
            View::new(&sample, stage.side, grid, stage.crop, &mut rng)
        })
        .collect::<Result<_, _>>()?;
    assemble(&views, stage.side as i64, grid as i64)
}

/// The indices of the scenes in a step's batch: every epoch is a new permutation of all
/// scenes.
fn indices(config: &TrainConfig, scenes: usize, step: usize) -> Vec<usize> {
    let mut first = 0;
    let mut position = 0;
    for stage in &config.stages {
        let steps = stage.steps.min(step - first);
        position += steps * stage.batch;
        first += steps;
    }
    let batch = config.stage(step).map_or(0, |(stage, _)| stage.batch);
    let mut order = (usize::MAX, Vec::new());
    (position..position + batch)
        .map(|position| {
            let epoch = position / scenes;
            if order.0 != epoch {
                let mut permutation: Vec<usize> = (0..scenes).collect();
                permutation.shuffle(&mut rng(config.seed, u64::MAX, epoch as u64));
                order = (epoch, permutation);
            }
            order.1[position % scenes]
        })
        .collect()
}

fn rng(seed: u64, stream: u64, slot: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&stream.to_le_bytes());
    key[16..24].copy_from_slice(&slot.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// One augmented picture with its truth.
struct View {
    pixels: Vec<f32>,
    class: i64,
    mask: Vec<i64>,
    material: Vec<i64>,
    depth_m: Vec<f32>,
}

/// A square cut out of a scene, possibly mirrored.
#[derive(Clone, Copy)]
struct Crop {
    left: f32,
    top: f32,
    side: f32,
    mirrored: bool,
}

impl View {
    fn new(
        sample: &Sample,
        side: usize,
        grid: usize,
        crop: [f32; 2],
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, VisionError> {
        let crop = Crop::draw(Bounds::of_main(sample), crop, rng);
        let truth: Vec<usize> = (0..grid * grid)
            .map(|index| crop.truth_index(index, grid))
            .collect();
        // A crop enlarges everything, as if the camera were nearer by that factor.
        let zoom = crop.side / SIDE as f32;
        Ok(Self {
            pixels: pixels(sample, crop, side, rng)?,
            class: i64::from(sample.class()),
            mask: truth
                .iter()
                .map(|&at| i64::from(sample.mask()[at]))
                .collect(),
            material: truth
                .iter()
                .map(|&at| i64::from(sample.material()[at]))
                .collect(),
            depth_m: truth.iter().map(|&at| sample.depth_m(at) * zoom).collect(),
        })
    }
}

impl Crop {
    fn draw(main: Bounds, [smallest, largest]: [f32; 2], rng: &mut ChaCha8Rng) -> Self {
        let scene = SIDE as f32;
        let drawn = scene * rng.random_range(smallest..=largest);
        let side = drawn.max(main.side()).min(scene);
        // Anywhere in the scene from which the main object is still seen whole.
        let place = |first: f32, end: f32, rng: &mut ChaCha8Rng| {
            let lowest = (end - side).max(0.0);
            let highest = first.min(scene - side).max(lowest);
            rng.random_range(lowest..=highest)
        };
        let left = place(main.left, main.right, rng);
        let top = place(main.top, main.bottom, rng);
        Self {
            left,
            top,
            side,
            mirrored: rng.random_bool(0.5),
        }
    }

    /// Truth pixel under the centre of a grid cell.
    fn truth_index(self, index: usize, grid: usize) -> usize {
        let (row, column) = (index / grid, index % grid);
        let column = if self.mirrored {
            grid - 1 - column
        } else {
            column
        };
        let scale = self.side / grid as f32 * (TRUTH_SIDE as f32 / SIDE as f32);
        let offset = |start: f32, cell: usize| {
            let at = start * (TRUTH_SIDE as f32 / SIDE as f32) + (cell as f32 + 0.5) * scale;
            (at as usize).min(TRUTH_SIDE - 1)
        };
        offset(self.top, row) * TRUTH_SIDE + offset(self.left, column)
    }
}

/// The pixels between which the main object is seen.
#[derive(Clone, Copy)]
struct Bounds {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Bounds {
    fn of_main(sample: &Sample) -> Self {
        let scale = SIDE as f32 / TRUTH_SIDE as f32;
        let mut bounds = Self {
            left: f32::MAX,
            right: 0.0,
            top: f32::MAX,
            bottom: 0.0,
        };
        for (index, _) in sample
            .main()
            .iter()
            .enumerate()
            .filter(|(_, main)| **main != 0)
        {
            let x = (index % TRUTH_SIDE) as f32 * scale;
            let y = (index / TRUTH_SIDE) as f32 * scale;
            bounds.left = bounds.left.min(x);
            bounds.right = bounds.right.max(x + scale);
            bounds.top = bounds.top.min(y);
            bounds.bottom = bounds.bottom.max(y + scale);
        }
        bounds
    }

    fn side(self) -> f32 {
        (self.right - self.left).max(self.bottom - self.top)
    }
}

/// The crop at `side × side`, antialiased, with a random gain per channel, normalised, planar.
fn pixels(
    sample: &Sample,
    crop: Crop,
    side: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<f32>, VisionError> {
    let failed = |error: &dyn std::fmt::Display| VisionError::Training(error.to_string());
    let (scene, wanted) = (SIDE as u32, side as u32);
    // With the kind of pixel known, the library's code for its other twenty kinds is not compiled.
    let source = TypedImageRef::<U8x3>::from_buffer(scene, scene, sample.rgb())
        .map_err(|error| failed(&error))?;
    let mut resized = vec![0; 3 * side * side];
    let mut view = TypedImage::<U8x3>::from_buffer(wanted, wanted, &mut resized)
        .map_err(|error| failed(&error))?;
    let cut = f64::from(crop.side);
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear))
        .crop(f64::from(crop.left), f64::from(crop.top), cut, cut);
    fir::Resizer::new()
        .resize_typed(&source, &mut view, &options)
        .map_err(|error| failed(&error))?;
    let exposure = rng.random_range(0.8f32..1.2);
    let gains: [f32; 3] = std::array::from_fn(|_| exposure * rng.random_range(0.92f32..1.08));
    let mut planar = vec![0.0f32; 3 * side * side];
    for (channel, plane) in planar.chunks_exact_mut(side * side).enumerate() {
        for (index, value) in plane.iter_mut().enumerate() {
            let (row, column) = (index / side, index % side);
            let column = if crop.mirrored {
                side - 1 - column
            } else {
                column
            };
            let level = f32::from(resized[(row * side + column) * 3 + channel]) / 255.0;
            *value = ((level * gains[channel]).min(1.0) - MEAN[channel]) / STD[channel];
        }
    }
    Ok(planar)
}

fn assemble(views: &[View], side: i64, grid: i64) -> Result<Batch, VisionError> {
    let count = views.len() as i64;
    let pixels: Vec<f32> = views
        .iter()
        .flat_map(|view| view.pixels.iter().copied())
        .collect();
    let classes: Vec<i64> = views.iter().map(|view| view.class).collect();
    let mask: Vec<i64> = views
        .iter()
        .flat_map(|view| view.mask.iter().copied())
        .collect();
    let material: Vec<i64> = views
        .iter()
        .flat_map(|view| view.material.iter().copied())
        .collect();
    let depth: Vec<f32> = views
        .iter()
        .flat_map(|view| view.depth_m.iter().copied())
        .collect();
    Ok(Batch {
        pixels: Tensor::f_from_slice(&pixels)?.f_reshape([count, 3, side, side])?,
        classes: Tensor::f_from_slice(&classes)?.f_to_kind(Kind::Int64)?,
        mask: Tensor::f_from_slice(&mask)?.f_reshape([count, grid, grid])?,
        material: Tensor::f_from_slice(&material)?.f_reshape([count, grid, grid])?,
        depth_m: Tensor::f_from_slice(&depth)?.f_reshape([count, 1, grid, grid])?,
    })
}
