//! The training loop: steps, checkpoints, held-out figures.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use splitsim_scenes::{MASK_CLASSES, Quality};
use splitsim_text::Text;
use splitsim_truth::{Confusion, Mask, SegPrediction};
use tch::{Device, Kind, Tensor};

use super::batch::{self, MEAN, STD};
use super::dataset::{SIDE, Sample, SceneFile, TRUTH_SIDE};
use super::model::Model;
use super::optimiser::{Optimiser, Update, gradient_norm};
use super::{TrainConfig, init};
use crate::geometry::Size;
use crate::heads::bilinear;
use crate::{VisionError, Weights, weights};

/// Images per forward pass of an evaluation.
const EVALUATION_BATCH: usize = 16;

/// A report of a training run's progress.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Progress {
    /// Scenes are being rendered.
    Rendering {
        /// Scenes done.
        done: usize,
        /// Scenes in all.
        total: usize,
    },
    /// A step was taken.
    Step {
        /// Steps taken, this one included.
        step: usize,
        /// Steps in all.
        total: usize,
        /// Side of the input, pixels.
        side: usize,
        /// Learning rate of the step.
        learning_rate: f64,
        /// Class, mask, depth and auxiliary loss.
        losses: [f64; 4],
        /// Images per second, over the time since the last report.
        images_per_second: f64,
        /// Seconds to the end at that speed, resolutions to come accounted for by their area.
        eta_seconds: f64,
    },
    /// Figures on held-out scenes.
    HeldOut {
        /// Steps taken.
        step: usize,
        /// The figures.
        held_out: Held,
    },
}

/// Figures on held-out scenes at full resolution, truth at half of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Scenes judged.
    pub scenes: usize,
    /// Share of scenes whose class is ranked first, percent.
    pub top1_percent: f64,
    /// Mean IoU over categories from one confusion matrix, percent.
    pub miou_percent: f64,
    /// Root mean squared error over all pixels, metres.
    pub depth_rmse_m: f64,
}

/// Steps between two reports.
const REPORT_EVERY: usize = 10;

/// Trains until the last step and returns the weights.
///
/// `dir` keeps rendered scenes and checkpoints; a checkpoint of the same configuration found there
/// is continued.
///
/// # Errors
/// When files cannot be read or written, a checkpoint belongs to another configuration, the loss
/// stops being finite, or libtorch fails.
pub fn run(
    config: &TrainConfig,
    dir: &Path,
    report: &mut dyn FnMut(&Progress),
) -> Result<BTreeMap<String, Tensor>, VisionError> {
    config.check()?;
    std::fs::create_dir_all(dir).map_err(|source| VisionError::Io {
        path: dir.to_owned(),
        source,
    })?;
    let mut rendering = |done, total| report(&Progress::Rendering { done, total });
    let held_out = SceneFile::prepare(dir, config.held_out, Quality::Standard, &mut rendering)?;
    let scenes = SceneFile::prepare(dir, config.scenes, Quality::Draft, &mut rendering)?;
    let mut session = Session::start(config, dir)?;
    let batches = batch::stream(config, Arc::new(scenes), session.step);
    let mut clock = Clock::start();
    while session.step < config.total_steps() {
        let batch = batches
            .recv()
            .map_err(|_| VisionError::Training("the batch thread has ended".to_owned()))??;
        let losses = session.advance(&batch)?;
        clock.count(batch.classes.size()[0] as usize);
        if session.step.is_multiple_of(REPORT_EVERY) {
            report(&clock.report(config, session.step, losses));
        }
        let last = session.step == config.total_steps();
        if last || session.step.is_multiple_of(config.checkpoint_every) {
            session.save(dir)?;
        }
        if last || session.step.is_multiple_of(config.evaluate_every) {
            let figures = session.evaluate(&held_out)?;
            report(&Progress::HeldOut {
                step: session.step,
                held_out: figures,
            });
            clock = Clock::start();
        }
    }
    Ok(session.tensors)
}

struct Session<'a> {
    config: &'a TrainConfig,
    tensors: BTreeMap<String, Tensor>,
    model: Model,
    optimiser: Optimiser,
    step: usize,
}

/// The step and configuration that a checkpoint was written at.
#[derive(Serialize, Deserialize)]
struct CheckpointNote {
    step: usize,
    config: TrainConfig,
}

impl<'a> Session<'a> {
    fn start(config: &'a TrainConfig, dir: &Path) -> Result<Self, VisionError> {
        let mut tensors = init::weights(config)?;
        for (name, tensor) in &mut tensors {
            *tensor = tensor.f_set_requires_grad(init::trainable(name))?;
        }
        let trained = tensors.iter().filter(|(name, _)| init::trainable(name));
        let optimiser = Optimiser::new(trained, config.weight_decay)?;
        let model = Model::new(config, &tensors)?;
        let mut session = Self {
            config,
            tensors,
            model,
            optimiser,
            step: 0,
        };
        if let Some(note) = read_note(dir)? {
            session.restore(dir, note)?;
        }
        Ok(session)
    }

    /// One optimiser step; returns class, mask, depth and auxiliary loss.
    fn advance(&mut self, batch: &batch::Batch) -> Result<[f64; 4], VisionError> {
        let soft_iou = self
            .config
            .stage(self.step)
            .map_or(0.0, |(stage, _)| stage.soft_iou);
        let losses = self.model.losses(batch, soft_iou)?;
        losses.total()?.f_backward()?;
        let norm = gradient_norm(&self.tensors)?;
        if !norm.is_finite() {
            let step = self.step;
            return Err(VisionError::Training(format!(
                "gradient not finite at step {step}"
            )));
        }
        let learning_rate = self.config.learning_rate(self.step);
        self.step += 1;
        let update = Update {
            step: self.step,
            learning_rate,
            gradient_scale: (self.config.clip_norm / norm.max(1e-12)).min(1.0),
        };
        tch::no_grad(|| self.optimiser.step(&self.tensors, update))?;
        for tensor in self.tensors.values_mut() {
            tensor.zero_grad();
        }
        let parts = [&losses.cls, &losses.seg, &losses.dpt, &losses.auxiliary];
        let mut values = [0.0; 4];
        for (value, part) in values.iter_mut().zip(parts) {
            *value = part.f_double_value(&[])?;
        }
        Ok(values)
    }

    fn save(&self, dir: &Path) -> Result<(), VisionError> {
        let state: BTreeMap<String, Tensor> = self
            .optimiser
            .tensors()
            .map(|(name, tensor)| (name, tensor.shallow_clone()))
            .chain(
                self.tensors
                    .iter()
                    .map(|(name, tensor)| (name.clone(), tensor.shallow_clone())),
            )
            .collect();
        let step = self.step;
        weights::write(&dir.join(checkpoint_file(step)), &state, Kind::Float)?;
        let note = CheckpointNote {
            step,
            config: self.config.clone(),
        };
        let text = serde_json::to_string_pretty(&note)
            .map_err(|error| VisionError::Training(error.to_string()))?;
        splitsim_durable::replace(&dir.join(NOTE), text)?;
        remove_older_checkpoints(dir, step);
        Ok(())
    }

    fn restore(&mut self, dir: &Path, note: CheckpointNote) -> Result<(), VisionError> {
        if note.config != *self.config {
            return Err(VisionError::Training(format!(
                "{} holds a checkpoint of another configuration; use another directory or remove it",
                dir.display()
            )));
        }
        let mut saved = Weights::read(&dir.join(checkpoint_file(note.step)), Device::Cpu)?;
        tch::no_grad(|| -> Result<(), VisionError> {
            for (name, tensor) in &mut self.tensors {
                tensor.f_copy_(&saved.take(name, &tensor.size())?)?;
            }
            self.optimiser.restore(&mut saved)
        })?;
        saved.finish()?;
        self.step = note.step;
        Ok(())
    }

    fn evaluate(&self, scenes: &SceneFile) -> Result<Held, VisionError> {
        let _no_grad = tch::no_grad_guard();
        let mut tally = Tally::default();
        let indices: Vec<usize> = (0..scenes.len()).collect();
        for chunk in indices.chunks(EVALUATION_BATCH) {
            let samples = chunk
                .iter()
                .map(|&index| scenes.read(index))
                .collect::<Result<Vec<_>, _>>()?;
            let rgb: Vec<u8> = samples
                .iter()
                .flat_map(|s| s.rgb().iter().copied())
                .collect();
            let outputs = self
                .model
                .forward(&normalise(&rgb, samples.len())?, false)?;
            let truth = Size::square(TRUTH_SIDE);
            let masks = bilinear(&outputs.seg, truth)?.f_argmax(1, false)?;
            let depths = bilinear(&outputs.dpt, truth)?;
            let classes = outputs.cls.f_argmax(1, false)?;
            for (index, sample) in samples.iter().enumerate() {
                let at = index as i64;
                let class = classes.f_int64_value(&[at])?;
                let mask = Vec::<i64>::try_from(masks.f_get(at)?.f_flatten(0, -1)?)?;
                let depth = Vec::<f32>::try_from(depths.f_get(at)?.f_flatten(0, -1)?)?;
                let predicted = Predicted {
                    class,
                    mask: &mask,
                    depth_m: &depth,
                };
                tally.add(sample, &predicted)?;
            }
        }
        tally.figures()
    }
}

const NOTE: &str = "checkpoint.json";
/// The largest note that is read.
const MAX_NOTE_BYTES: u64 = 1 << 20;

fn checkpoint_file(step: usize) -> String {
    format!("checkpoint-{step:06}.safetensors")
}

fn read_note(dir: &Path) -> Result<Option<CheckpointNote>, VisionError> {
    let path = dir.join(NOTE);
    let Some(text) = Text::read_if_there(&path, MAX_NOTE_BYTES)? else {
        return Ok(None);
    };
    serde_json::from_str(text.as_str())
        .map(Some)
        .map_err(|error| VisionError::Training(format!("{}: {error}", path.display())))
}

/// Old checkpoints only cost disk space: failing to remove one is no reason to stop.
fn remove_older_checkpoints(dir: &Path, newest: usize) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let old = name.starts_with("checkpoint-") && name != checkpoint_file(newest);
        if old && std::fs::remove_file(entry.path()).is_err() {
            tracing::warn!(file = %entry.path().display(), "an old checkpoint could not be removed");
        }
    }
}

/// Interleaved 8-bit pictures → `[batch, 3, side, side]`.
fn normalise(rgb: &[u8], count: usize) -> Result<Tensor, VisionError> {
    let side = SIDE as i64;
    let shaped = |values: &[f32; 3]| Tensor::f_from_slice(values)?.f_reshape([1, 3, 1, 1]);
    let pixels = Tensor::f_from_slice(rgb)?
        .f_reshape([count as i64, side, side, 3])?
        .f_permute([0, 3, 1, 2])?
        .f_to_kind(Kind::Float)?
        .f_div_scalar(255.0)?;
    Ok(pixels.f_sub(&shaped(&MEAN)?)?.f_div(&shaped(&STD)?)?)
}

/// Sums over judged scenes.
#[derive(Default)]
struct Tally {
    scenes: usize,
    first: usize,
    masks: Option<Confusion>,
    squared_error: f64,
    pixels: usize,
}

/// The model's predictions for a scene, on the grid of the ground truth.
struct Predicted<'a> {
    class: i64,
    mask: &'a [i64],
    depth_m: &'a [f32],
}

impl Tally {
    fn add(&mut self, sample: &Sample, predicted: &Predicted<'_>) -> Result<(), VisionError> {
        self.scenes += 1;
        self.first += usize::from(predicted.class == i64::from(sample.class()));
        let pixels = confusion(sample, predicted.mask)?;
        match &mut self.masks {
            Some(masks) => masks.merge(&pixels)?,
            None => self.masks = Some(pixels),
        }
        for (index, &depth_m) in predicted.depth_m.iter().enumerate() {
            self.squared_error += f64::from(depth_m - sample.depth_m(index)).powi(2);
        }
        self.pixels += predicted.depth_m.len();
        Ok(())
    }

    fn figures(&self) -> Result<Held, VisionError> {
        let masks = self.masks.as_ref();
        let miou = masks.ok_or_else(|| VisionError::Training("no held-out scene".to_owned()))?;
        Ok(Held {
            scenes: self.scenes,
            top1_percent: 100.0 * self.first as f64 / self.scenes as f64,
            miou_percent: miou.mean_iou()?.percent(),
            depth_rmse_m: (self.squared_error / self.pixels as f64).sqrt(),
        })
    }
}

fn confusion(sample: &Sample, predicted: &[i64]) -> Result<Confusion, VisionError> {
    let mask = |classes: Vec<u8>| {
        let classes = Array2::from_shape_vec((TRUTH_SIDE, TRUTH_SIDE), classes);
        let classes = classes.map_err(|error| VisionError::HeadOutput(error.to_string()))?;
        Ok::<Mask, VisionError>(Mask::new(classes)?)
    };
    // A class that is no u8 becomes one that the head does not have, and is refused as such.
    let predicted = predicted.iter();
    let predicted = predicted.map(|&class| u8::try_from(class).unwrap_or(u8::MAX));
    let prediction = SegPrediction::new(mask(predicted.collect())?, HEAD_CLASSES)?;
    Ok(Confusion::of(&mask(sample.mask().to_vec())?, &prediction)?)
}

/// The mask head's classes.
const HEAD_CLASSES: NonZeroU8 = match NonZeroU8::new(MASK_CLASSES as u8) {
    Some(classes) => classes,
    None => panic!("scenes have mask classes"),
};

/// Images and time since the last report.
struct Clock {
    since: Instant,
    images: usize,
}

impl Clock {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            images: 0,
        }
    }

    fn count(&mut self, images: usize) {
        self.images += images;
    }

    fn report(&mut self, config: &TrainConfig, step: usize, losses: [f64; 4]) -> Progress {
        let elapsed = self
            .since
            .elapsed()
            .max(Duration::from_millis(1))
            .as_secs_f64();
        let side = config.stage(step - 1).map_or(0, |(stage, _)| stage.side);
        let pixels_per_second = (self.images * side * side) as f64 / elapsed;
        let report = Progress::Step {
            step,
            total: config.total_steps(),
            side,
            learning_rate: config.learning_rate(step - 1),
            losses,
            images_per_second: self.images as f64 / elapsed,
            eta_seconds: pixels_left(config, step) / pixels_per_second.max(1.0),
        };
        *self = Self::start();
        report
    }
}

fn pixels_left(config: &TrainConfig, step: usize) -> f64 {
    let mut first = 0;
    let mut pixels = 0;
    for stage in &config.stages {
        let taken = step.saturating_sub(first).min(stage.steps);
        pixels += (stage.steps - taken) * stage.batch * stage.side * stage.side;
        first += stage.steps;
    }
    pixels as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::random_package;

    fn prepared(dir: &Path) -> (TrainConfig, Arc<SceneFile>) {
        let config = TrainConfig::miniature();
        let scenes = SceneFile::prepare(dir, config.scenes, Quality::Draft, |_, _| ()).unwrap();
        (config, Arc::new(scenes))
    }

    fn advance(session: &mut Session<'_>, scenes: &Arc<SceneFile>, steps: usize) {
        let batches = batch::stream(session.config, Arc::clone(scenes), session.step);
        for _ in 0..steps {
            session.advance(&batches.recv().unwrap().unwrap()).unwrap();
        }
    }

    #[test]
    fn a_run_that_was_cut_off_ends_with_the_same_weights() {
        let dir = tempfile::tempdir().unwrap();
        let (config, scenes) = prepared(dir.path());
        let mut straight = Session::start(&config, dir.path()).unwrap();
        advance(&mut straight, &scenes, 4);
        let mut first = Session::start(&config, dir.path()).unwrap();
        advance(&mut first, &scenes, 2);
        first.save(dir.path()).unwrap();
        drop(first);
        let mut second = Session::start(&config, dir.path()).unwrap();
        assert_eq!(second.step, 2);
        advance(&mut second, &scenes, 2);
        for (name, tensor) in &straight.tensors {
            let error = f64::try_from((tensor - &second.tensors[name]).abs().max()).unwrap();
            assert!(error <= 1e-6, "{name} differs by {error}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_configuration_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = TrainConfig::miniature();
        Session::start(&config, dir.path())
            .unwrap()
            .save(dir.path())
            .unwrap();
        let other = TrainConfig {
            weight_decay: 0.1,
            ..config
        };
        let error = Session::start(&other, dir.path()).err().unwrap();
        assert!(
            error.to_string().contains("another configuration"),
            "{error}"
        );
    }

    #[test]
    fn training_learns_its_few_scenes() {
        let dir = tempfile::tempdir().unwrap();
        let (mut config, scenes) = prepared(dir.path());
        config.stages[0] = crate::train::Stage {
            steps: 30,
            ..config.stages[0]
        };
        let mut session = Session::start(&config, dir.path()).unwrap();
        let batches = batch::stream(&config, scenes, 0);
        let losses: Vec<f64> = (0..30)
            .map(|_| {
                session
                    .advance(&batches.recv().unwrap().unwrap())
                    .unwrap()
                    .iter()
                    .sum()
            })
            .collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (before, after) = (mean(&losses[..5]), mean(&losses[25..]));
        assert!(after < 0.9 * before, "loss {before} → {after}");
    }

    #[test]
    fn an_exported_package_loads_and_answers() {
        use crate::{Compute, Engine, EngineOptions, Parts};
        use splitsim_feature::Task;
        use splitsim_source::{Source, SourceSpec};

        let dir = tempfile::tempdir().unwrap();
        let package = random_package(&TrainConfig::miniature(), dir.path()).unwrap();
        let options = EngineOptions {
            parts: Parts::All,
            compute: Compute::F32,
            threads: None,
        };
        let engine = Engine::load(&package, &Task::ALL, options).unwrap();
        let source = Source::open(&SourceSpec::Scenes { seed: 9, count: 1 }).unwrap();
        for task in Task::ALL {
            let item = source.item(0, task).unwrap();
            let extent = item.picture.extent();
            let feature = engine.extract(task, item.picture).unwrap().feature;
            assert_eq!(feature.shape(), engine.feature_shape(task, extent).unwrap());
            let output = engine.run_head(task, &feature, extent).unwrap();
            assert_eq!(output.task(), task);
        }
    }
}
