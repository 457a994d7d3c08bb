//! One level's training.

use splitsim_latent::gaussian::MIN_LIKELIHOOD;
use tch::Tensor;

use super::adam::Adam;
use super::chance::Draw;
use super::checkpoint::{Ladder, Note};
use super::crops::CropSize;
use super::forward::{Rounding, losses};
use super::plateau::Plateau;
use super::{Figures, Progress, TrainConfig, TrainingSet};
use crate::layers::{GAMMA_BOUND, beta_bound};
use crate::level_file::factorised;
use crate::{HyperpriorError, Parameters, entropy};

/// The tensor that the auxiliary optimiser moves.
const QUANTILES: &str = "entropy_bottleneck.quantiles";
/// Steps between two reports.
const REPORT_EVERY: usize = 10;

pub(super) struct LevelSession<'a> {
    config: &'a TrainConfig,
    level: usize,
    parameters: Parameters,
    optimiser: Adam,
    auxiliary: Adam,
    plateau: Plateau,
    step: usize,
    total: usize,
    best: Option<(Figures, Parameters)>,
}

impl<'a> LevelSession<'a> {
    /// Starts a level from `parameters`, or resumes it from the ladder's checkpoint.
    pub(super) fn start(
        config: &'a TrainConfig,
        level: usize,
        mut parameters: Parameters,
        total: usize,
        ladder: &Ladder,
    ) -> Result<Self, HyperpriorError> {
        for tensor in parameters.tensors_mut().values_mut() {
            *tensor = tensor.f_set_requires_grad(true)?;
        }
        let of = |quantiles: bool| {
            let tensors = parameters.tensors().iter();
            tensors.filter(move |(name, _)| (name.as_str() == QUANTILES) == quantiles)
        };
        let (optimiser, auxiliary) = (Adam::new(of(false))?, Adam::new(of(true))?);
        let mut session = Self {
            config,
            level,
            optimiser,
            auxiliary,
            plateau: Plateau::new(config),
            step: 0,
            total,
            best: None,
            parameters,
        };
        if let Some(note) = ladder.checkpoint(level)? {
            session.restore(note, ladder)?;
        }
        Ok(session)
    }

    /// Trains to the end, stores the best parameters in the ladder and returns them.
    pub(super) fn run(
        mut self,
        set: &TrainingSet,
        ladder: &Ladder,
        report: &mut dyn FnMut(&Progress),
    ) -> Result<Parameters, HyperpriorError> {
        let size = set.crop_size(self.config.patch);
        let lambda = self.config.levels[self.level].lambda;
        while !self.is_done() {
            let learning_rate = self.plateau.learning_rate;
            let (figures, auxiliary) = self.advance(set, size)?;
            let last = self.step == self.total;
            if last || self.step.is_multiple_of(REPORT_EVERY) {
                report(&Progress::Step {
                    level: self.level,
                    lambda,
                    step: self.step,
                    total: self.total,
                    learning_rate,
                    figures,
                    auxiliary,
                });
            }
            if last || self.step.is_multiple_of(self.config.validate_every) {
                let (figures, best) = self.validate(set, size)?;
                report(&Progress::Validation {
                    level: self.level,
                    lambda,
                    step: self.step,
                    figures,
                    best,
                });
                self.save(ladder)?;
            }
        }
        let steps = self.step;
        let (figures, parameters) = self.best.ok_or_else(|| {
            HyperpriorError::Training("a level ended before its first validation".to_owned())
        })?;
        ladder.finish(self.level, &parameters)?;
        report(&Progress::Level {
            level: self.level,
            lambda,
            steps,
            figures,
        });
        Ok(parameters)
    }

    fn is_done(&self) -> bool {
        let slow = self.plateau.learning_rate < self.config.least_learning_rate;
        self.step >= self.total || (slow && self.best.is_some())
    }

    /// One step of both optimisers.
    fn advance(
        &mut self,
        set: &TrainingSet,
        size: CropSize,
    ) -> Result<(Figures, f64), HyperpriorError> {
        let (level, step) = (self.level, self.step);
        let crops = set.batch(self.config, size, level, step)?;
        let mut noise = Draw::Noise { level, step }.generator(self.config.seed);
        let lambda = self.config.levels[level].lambda;
        let losses = losses(
            &self.parameters,
            &crops,
            lambda,
            Rounding::Noise(&mut noise),
        )?;
        losses.loss.f_backward()?;
        let norm = self.optimiser.gradient_norm(self.parameters.tensors())?;
        if !norm.is_finite() {
            let reason = format!("gradient not finite at level {level}, step {step}");
            return Err(HyperpriorError::Training(reason));
        }
        let scale = (self.config.clip_norm / norm.max(1e-12)).min(1.0);
        let learning_rate = self.plateau.learning_rate;
        tch::no_grad(|| {
            self.optimiser
                .step(self.parameters.tensors(), learning_rate, scale)?;
            self.project()
        })?;
        let auxiliary = entropy::quantile_loss(&self.parameters, &targets()?)?;
        auxiliary.f_backward()?;
        let rate = self.config.auxiliary_learning_rate;
        tch::no_grad(|| self.auxiliary.step(self.parameters.tensors(), rate, 1.0))?;
        self.step += 1;
        Ok((losses.figures()?, auxiliary.f_double_value(&[])?))
    }

    /// Keeps GDN's parameters at their bounds or above, where CompressAI lets no gradient take them
    /// below.
    fn project(&mut self) -> Result<(), HyperpriorError> {
        for (name, tensor) in self.parameters.tensors_mut() {
            let bound = match name.rsplit('.').next() {
                Some("beta") => beta_bound(),
                Some("gamma") => GAMMA_BOUND,
                _ => continue,
            };
            let _ = tensor.f_clamp_min_(bound)?;
        }
        Ok(())
    }

    fn validate(
        &mut self,
        set: &TrainingSet,
        size: CropSize,
    ) -> Result<(Figures, bool), HyperpriorError> {
        let _no_grad = tch::no_grad_guard();
        let candidate = settled(&self.parameters)?;
        let lambda = self.config.levels[self.level].lambda;
        let (mut sum, mut crops) = ([0.0; 3], 0.0);
        for batch in set.validation(self.config, size) {
            let batch = batch?;
            let count = batch.size()[0] as f64;
            let figures = losses(&candidate, &batch, lambda, Rounding::Real)?.figures()?;
            let parts = [figures.loss, figures.bits_per_point, figures.mse];
            sum.iter_mut()
                .zip(parts)
                .for_each(|(sum, part)| *sum += part * count);
            crops += count;
        }
        let [loss, bits_per_point, mse] = sum.map(|sum| sum / crops);
        let figures = Figures {
            loss,
            bits_per_point,
            mse,
        };
        self.plateau.see(loss, self.config);
        let best = self.best.as_ref().is_none_or(|(best, _)| loss < best.loss);
        if best {
            self.best = Some((figures, candidate));
        }
        Ok((figures, best))
    }

    fn save(&self, ladder: &Ladder) -> Result<(), HyperpriorError> {
        let note = Note {
            level: self.level,
            step: self.step,
            plateau: self.plateau,
            best: self.best.as_ref().map(|(figures, _)| *figures),
        };
        let own = self.parameters.tensors().iter();
        let mut tensors: Vec<(String, Tensor)> = own
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
            .collect();
        tensors.extend(self.optimiser.tensors("adam"));
        tensors.extend(self.auxiliary.tensors("auxiliary"));
        if let Some((_, best)) = &self.best {
            let best = best.tensors().iter();
            tensors.extend(best.map(|(name, t)| (format!("best.{name}"), t.shallow_clone())));
        }
        ladder.save(&note, &tensors)
    }

    fn restore(&mut self, note: Note, ladder: &Ladder) -> Result<(), HyperpriorError> {
        let _no_grad = tch::no_grad_guard();
        let mut saved = ladder.saved(note.step)?;
        let missing = |name: String| HyperpriorError::MissingTensor {
            origin: "checkpoint".to_owned(),
            name,
        };
        let mut best = self.parameters.copy()?;
        for (name, tensor) in self.parameters.tensors_mut() {
            tensor.f_copy_(&saved.remove(name).ok_or_else(|| missing(name.clone()))?)?;
        }
        if let Some(figures) = note.best {
            for (name, tensor) in best.tensors_mut() {
                let name = format!("best.{name}");
                tensor.f_copy_(&saved.remove(&name).ok_or_else(|| missing(name.clone()))?)?;
            }
            self.best = Some((figures, best));
        }
        self.optimiser.restore("adam", note.step, &mut saved)?;
        self.auxiliary.restore("auxiliary", note.step, &mut saved)?;
        self.step = note.step;
        self.plateau = note.plateau;
        Ok(())
    }
}

/// The logits of a quantile triple: half of CompressAI's tail mass, the median, the other half.
fn tail_logit() -> f64 {
    (2.0 / MIN_LIKELIHOOD - 1.0).ln()
}

fn targets() -> Result<Tensor, HyperpriorError> {
    let tail = tail_logit() as f32;
    Ok(Tensor::f_from_slice(&[-tail, 0.0, tail])?)
}

/// A copy whose quantiles are where the auxiliary loss is least, which its optimiser only approaches.
fn settled(parameters: &Parameters) -> Result<Parameters, HyperpriorError> {
    let mut settled = parameters.copy()?;
    let prior = factorised(&settled)?;
    let mut quantiles = Vec::with_capacity(3 * prior.channels());
    for channel in 0..prior.channels() {
        for logit in [-tail_logit(), 0.0, tail_logit()] {
            quantiles.push(prior.quantile(channel, logit)? as f32);
        }
    }
    let quantiles = Tensor::f_from_slice(&quantiles)?.f_reshape([-1, 1, 3])?;
    settled
        .tensors_mut()
        .insert(QUANTILES.to_owned(), quantiles);
    Ok(settled)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use ndarray::Array2;
    use splitsim_feature::Task;

    use super::*;
    use crate::train::{LevelConfig, TrainingPicture, run};

    const fn level(lambda: f64, n: usize) -> LevelConfig {
        LevelConfig { lambda, n, m: 6 }
    }

    pub(in crate::train) fn config() -> TrainConfig {
        TrainConfig {
            seed: 3,
            levels: vec![level(0.001, 4), level(0.02, 4)],
            patch: 64,
            batch: 2,
            first_steps: 30,
            steps: 6,
            learning_rate: 1e-2,
            auxiliary_learning_rate: 1e-2,
            clip_norm: 1.0,
            validate_every: 3,
            patience: 10,
            factor: 0.1,
            least_learning_rate: 1e-6,
        }
    }

    /// Waves of several lengths, more than the networks have channels for.
    fn set() -> TrainingSet {
        let picture = |offset: usize| TrainingPicture {
            task: Task::Cls,
            symbols: Array2::from_shape_fn((70, 80), |(row, column)| {
                let wave = |step: usize| (row * step + column * (11 - step) + offset) % 64;
                (40 + wave(1) + wave(4) + wave(9)) as u16
            }),
            bits: 8,
        };
        TrainingSet {
            training: (0..4).map(picture).collect(),
            validation: vec![picture(7)],
        }
    }

    fn first_weights(config: &TrainConfig) -> Parameters {
        crate::train::first_weights(config, 0, &set()).unwrap()
    }

    fn train(config: &TrainConfig, dir: &Path, events: &mut Vec<Progress>) -> Vec<Parameters> {
        run(config, &set(), dir, None, &mut |event| events.push(*event)).unwrap()
    }

    fn tensors(parameters: &[Parameters]) -> Vec<Vec<f32>> {
        let all = parameters.iter().flat_map(|level| level.tensors().values());
        all.map(|tensor| crate::parameters::values(tensor).unwrap())
            .collect()
    }

    #[test]
    fn a_ladder_is_learnt_and_the_richer_level_is_better() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = Vec::new();
        let config = TrainConfig {
            first_steps: 60,
            steps: 40,
            // At the others' rate the path depends on rounding, and so on the number of threads.
            learning_rate: 1e-3,
            ..config()
        };
        let trained = train(&config, dir.path(), &mut events);
        assert_eq!(trained.len(), 2);
        let validations: Vec<f64> = events
            .iter()
            .filter_map(|event| match event {
                Progress::Validation {
                    level: 1, figures, ..
                } => Some(figures.loss),
                _ => None,
            })
            .collect();
        let best = validations.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(best < 0.8 * validations[0], "{validations:?}");
        let finished: Vec<(usize, Figures)> = events
            .iter()
            .filter_map(|event| match event {
                Progress::Level { level, figures, .. } => Some((*level, *figures)),
                _ => None,
            })
            .collect();
        let [(1, rich), (0, cheap)] = finished[..] else {
            panic!("{finished:?}")
        };
        assert!(
            cheap.bits_per_point < rich.bits_per_point,
            "{cheap:?} {rich:?}"
        );
        // A second run finds both levels finished.
        let mut again = Vec::new();
        assert_eq!(
            tensors(&train(&config, dir.path(), &mut again)),
            tensors(&trained)
        );
        assert!(again.is_empty());
    }

    #[test]
    fn a_training_that_was_cut_off_goes_on_as_if_it_had_not_been() {
        let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = TrainConfig {
            levels: vec![level(0.02, 4)],
            first_steps: 12,
            ..config()
        };
        let expected = train(&config, whole.path(), &mut Vec::new());
        let ladder = Ladder::open(cut.path(), &config).unwrap();
        let from = first_weights(&config);
        let mut first = LevelSession::start(&config, 0, from, 12, &ladder).unwrap();
        let size = set().crop_size(config.patch);
        for step in 1..=6 {
            first.advance(&set(), size).unwrap();
            if step % 3 == 0 {
                first.validate(&set(), size).unwrap();
            }
        }
        first.save(&ladder).unwrap();
        let mut events = Vec::new();
        let actual = train(&config, cut.path(), &mut events);
        assert!(matches!(
            events[0],
            Progress::Validation { step: 9, .. } | Progress::Step { step: 10, .. }
        ));
        assert_eq!(tensors(&actual), tensors(&expected));
    }

    #[test]
    fn a_level_of_another_width_starts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let config = TrainConfig {
            levels: vec![level(0.001, 3), level(0.02, 4)],
            ..config()
        };
        let mut events = Vec::new();
        let trained = train(&config, dir.path(), &mut events);
        assert_eq!([trained[0].widths().n, trained[1].widths().n], [3, 4]);
        let totals: Vec<[usize; 2]> = events
            .iter()
            .filter_map(|event| match *event {
                Progress::Level { level, steps, .. } => Some([level, steps]),
                _ => None,
            })
            .collect();
        assert_eq!(totals, [[1, config.first_steps], [0, config.first_steps]]);
    }

    #[test]
    fn another_configuration_s_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Ladder::open(dir.path(), &config()).unwrap();
        let other = TrainConfig {
            seed: 4,
            ..config()
        };
        let error = Ladder::open(dir.path(), &other).err().unwrap().to_string();
        assert!(
            error.contains("a training of another configuration"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_of_other_pictures_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ladder = Ladder::open(dir.path(), &config()).unwrap();
        ladder.require(&set()).unwrap();
        ladder.require(&set()).unwrap();
        let mut others = [set(), set(), set()];
        others[0].training[0].symbols[[0, 0]] ^= 1;
        others[1].validation[0].bits += 1;
        let moved = others[2].training.pop();
        others[2].validation.extend(moved);
        for other in &others {
            let error = ladder.require(other).unwrap_err().to_string();
            assert!(error.contains("a training on other pictures"), "{error}");
        }
    }

    #[test]
    fn settled_quantiles_have_no_auxiliary_loss() {
        let parameters = settled(&first_weights(&config())).unwrap();
        let loss = entropy::quantile_loss(&parameters, &targets().unwrap()).unwrap();
        let per_quantile = loss.double_value(&[]) / 12.0;
        assert!(per_quantile < 1e-3, "{per_quantile}");
    }
}
