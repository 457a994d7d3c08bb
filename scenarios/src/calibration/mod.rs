//! Value ranges, QP ladders and gate thresholds of a model package, found on scenes.
//!
//! 1. *Ranges*: the extremes of every tapped layer over the calibration scenes, or the package's own.
//! 2. *Ladder*: features are coded at a sweep of QPs and put through the heads. The richest level is
//!    the coarsest QP that loses less than [`RICHEST_LOSS`] of the task's performance, and from which
//!    every finer one does too; the cheapest is the finest that loses at least [`CHEAPEST_LOSS`].
//!    Whole QPs evenly between the two fill the ladder; where fewer lie between, it ends richer.
//! 3. *Thresholds*: on the ladder, the lowest score at which a gate that starts at the cheapest level
//!    ships features whose mean true distortion is at most a limit.

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use serde::Serialize;
use splitsim_cfqa::{Metric, Reference};
use splitsim_codec::picture::Tables;
use splitsim_codec::picture_codec::Setup;
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec, Level, open_with};
use splitsim_feature::{Feature, Task};
use splitsim_model::{RangeTable, ValueRange};
use splitsim_source::{ImageExtent, Source};
use splitsim_truth::{DepthCrop, GroundTruth, Performance, SemanticDistortion};
use splitsim_vision::Engine;

/// Levels of a ladder.
pub const LEVELS: usize = 10;
/// Share of the task's performance that the richest level may lose.
pub const RICHEST_LOSS: f64 = 0.005;
/// Share of the task's performance that the cheapest level must lose.
pub const CHEAPEST_LOSS: f64 = 0.6;
/// QPs between two of the sweep.
const SWEEP_STEP: usize = 3;

/// What to calibrate, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The task.
    pub task: Task,
    /// The codec whose ladder is wanted; its levels must be QPs.
    pub codec: CodecId,
    /// Take the package's value ranges instead of finding new ones: other codecs' ladders and
    /// thresholds stay right.
    pub keep_ranges: bool,
    /// What a gate may let through on average, in the task's unit of distortion.
    pub distortion_limit: f64,
}

/// What was found for one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskCalibration {
    /// The task.
    pub task: Task,
    /// The codec.
    pub codec: CodecId,
    /// Scenes that it was found on.
    pub scenes: String,
    /// Value range per tapped layer.
    pub ranges: RangeTable,
    /// Mean performance of the original features: top-1 percent, mIoU percent, or RMSE in metres.
    pub original_performance: f64,
    /// Every QP of the sweep, cheapest first.
    pub sweep: Vec<Rung>,
    /// The levels chosen, cheapest first.
    pub ladder: Vec<Rung>,
    /// The gate's threshold.
    pub threshold: GateThreshold,
}

/// One QP and what it costs.
#[derive(Debug, Clone, Serialize)]
pub struct Rung {
    /// The QP.
    pub qp: f64,
    /// Mean bits per feature point of the container.
    pub bpfp: f64,
    /// Mean cosine similarity.
    pub cosine: f64,
    /// Mean performance, as of the originals.
    pub performance: f64,
    /// Share of the original performance that is lost.
    pub loss: f64,
}

/// A threshold on the cosine and what a gate with it ships.
#[derive(Debug, Clone, Serialize)]
pub struct GateThreshold {
    /// The lowest cosine that passes.
    pub cosine: f64,
    /// The limit on the mean distortion that it was chosen for, in the task's unit.
    pub distortion_limit: f64,
    /// Mean true distortion of what the gate ships on the calibration scenes.
    pub mean_distortion: f64,
    /// Mean attempts per feature, starting at the cheapest level.
    pub mean_attempts: f64,
}

/// A feature with what is true of its picture.
struct Subject {
    reference: Reference,
    extent: ImageExtent,
    truth: GroundTruth,
    original: Performance,
}

/// One subject coded at one level.
#[derive(Clone, Copy)]
struct Trial {
    bpfp: f64,
    cosine: f64,
    performance: f64,
    distortion: f64,
}

/// Calibrates one task. `progress` is told the trials done and the trials in all.
///
/// # Errors
/// When the codec's levels are no QPs, a scene, the model or the codec fails, or no QP keeps the task's
/// performance.
pub fn calibrate(
    engine: &Engine,
    source: &Source,
    plan: Plan,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<TaskCalibration> {
    let Plan { task, codec, .. } = plan;
    let sweep_qps = sweep(codec)?;
    let subjects = subjects(engine, task, source)?;
    let ranges = match plan.keep_ranges {
        true => engine.package().task(task)?.common().ranges.clone(),
        false => ranges(&subjects)?,
    };
    let bench = Bench {
        engine,
        plan,
        subjects: &subjects,
        ranges: &ranges,
    };
    let trials_in_all = subjects.len() * (sweep_qps.len() + LEVELS);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let tick = || {
        let done = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        progress(done, trials_in_all);
    };
    let swept = bench.trials(&sweep_qps, &tick)?;
    let originals: Vec<Performance> = subjects.iter().map(|subject| subject.original).collect();
    let original_performance = mean(originals.iter().map(|p| on_scale(*p)));
    let rungs = |qps: &[f64], trials: &[Vec<Trial>]| -> Vec<Rung> {
        qps.iter()
            .zip(trials)
            .map(|(&qp, trials)| rung(task, qp, trials, original_performance))
            .collect()
    };
    let sweep = rungs(&sweep_qps, &swept);
    let qps = choose(&sweep).with_context(|| format!("no ladder for {task}"))?;
    let laddered = bench.trials(&qps, &tick)?;
    Ok(TaskCalibration {
        task,
        codec,
        scenes: format!("{} scenes", subjects.len()),
        ladder: rungs(&qps, &laddered),
        threshold: threshold(&laddered, plan.distortion_limit),
        ranges,
        original_performance,
        sweep,
    })
}

fn subjects(engine: &Engine, task: Task, source: &Source) -> Result<Vec<Subject>> {
    (0..source.count())
        .map(|index| {
            let item = source.item(index, task)?;
            let Some(truth) = item.truth else {
                bail!("{} has no ground truth for {task}", item.name);
            };
            let extent = item.picture.extent();
            let feature = engine.extract(task, item.picture)?.feature;
            let output = engine.run_head(task, &feature, extent)?;
            let original = Performance::of(&truth, &output, DepthCrop::Full)?;
            Ok(Subject {
                reference: Reference::new(feature),
                extent,
                truth,
                original,
            })
        })
        .collect()
}

/// The extremes of each layer over all subjects.
fn ranges(subjects: &[Subject]) -> Result<RangeTable> {
    let layers = subjects
        .first()
        .context("no scene to calibrate on")?
        .reference
        .feature()
        .shape()
        .layers();
    (0..layers)
        .map(|layer| {
            let values = subjects.iter().flat_map(|subject| {
                let feature = subject.reference.feature();
                feature
                    .maps()
                    .skip(layer)
                    .step_by(layers)
                    .flat_map(|map| map.iter().copied().collect::<Vec<_>>())
            });
            let (min, max) = values.fold((f32::MAX, f32::MIN), |(min, max), value| {
                (min.min(value), max.max(value))
            });
            ValueRange::new(min, max).with_context(|| format!("layer {layer} is constant"))
        })
        .collect::<Result<_>>()
        .map(RangeTable)
}

/// The QPs that are tried, cheapest first.
fn sweep(codec: CodecId) -> Result<Vec<f64>> {
    let scale = codec.qps();
    let scale = scale.with_context(|| format!("{codec} has no QPs to calibrate"))?;
    let qps = (scale.min..=scale.max).rev().step_by(SWEEP_STEP);
    Ok(qps.map(f64::from).collect())
}

/// What QPs are tried on.
#[derive(Clone, Copy)]
struct Bench<'a> {
    engine: &'a Engine,
    plan: Plan,
    subjects: &'a [Subject],
    ranges: &'a RangeTable,
}

impl Bench<'_> {
    /// Every subject at every QP: one list of trials per QP.
    fn trials(&self, qps: &[f64], tick: &(dyn Fn() + Sync)) -> Result<Vec<Vec<Trial>>> {
        let Plan { task, codec, .. } = self.plan;
        let tables = Tables {
            ranges: self.ranges.clone(),
            ..Tables::of(self.engine.package(), task)?
        };
        let setup = Setup {
            tables,
            ladder: qps.to_vec(),
        };
        let codec = open_with(setup, codec, &CodecOptions::default())?;
        let one = |level, subject| {
            let trial = trial(self.engine, task, codec.as_ref(), level, subject)?;
            tick();
            Ok(trial)
        };
        let levels = codec.ladder().levels();
        levels
            .map(|level| {
                self.subjects
                    .par_iter()
                    .map(|subject| one(level, subject))
                    .collect()
            })
            .collect()
    }
}

fn trial(
    engine: &Engine,
    task: Task,
    codec: &dyn FeatureCodec,
    level: Level,
    subject: &Subject,
) -> Result<Trial> {
    let original: &Feature = subject.reference.feature();
    let encoded = codec.encode_and_decode(original, level)?;
    let output = engine.run_head(task, &encoded.reconstruction, subject.extent)?;
    let received = Performance::of(&subject.truth, &output, DepthCrop::Full)?;
    Ok(Trial {
        bpfp: encoded.container.bpfp().0,
        cosine: subject
            .reference
            .score(Metric::Cosine, &encoded.reconstruction)?
            .value(),
        performance: on_scale(received),
        distortion: SemanticDistortion::between(subject.original, received)?.value(),
    })
}

/// A performance that averages to what a data set is judged by: a first place counts 100.
fn on_scale(performance: Performance) -> f64 {
    match performance {
        Performance::Rank(rank) if rank.get() == 1 => 100.0,
        Performance::Rank(_) => 0.0,
        Performance::MeanIou(_) | Performance::Rmse(_) => performance.value(),
    }
}

fn rung(task: Task, qp: f64, trials: &[Trial], original: f64) -> Rung {
    let performance = mean(trials.iter().map(|trial| trial.performance));
    let loss = match task {
        Task::Cls | Task::Seg => (original - performance) / original,
        Task::Dpt => (performance - original) / original,
    };
    Rung {
        qp,
        bpfp: mean(trials.iter().map(|trial| trial.bpfp)),
        cosine: mean(trials.iter().map(|trial| trial.cosine)),
        performance,
        loss,
    }
}

/// [`LEVELS`] whole QPs from the cheapest to the richest, evenly spaced.
fn choose(sweep: &[Rung]) -> Result<Vec<f64>> {
    let kept = sweep
        .iter()
        .rev()
        .take_while(|rung| rung.loss < RICHEST_LOSS)
        .last();
    let richest = kept
        .context("even the finest QP loses too much; widen the range or the sweep")?
        .qp;
    let lost = sweep.iter().rev().find(|rung| rung.loss >= CHEAPEST_LOSS);
    let cheapest = lost.unwrap_or(&sweep[0]).qp;
    let steps = (LEVELS - 1) as f64;
    // Where quality falls off a cliff, whole QPs for all levels need room on the rich side.
    let richest = richest.min(cheapest - steps);
    ensure!(
        richest >= 0.0,
        "QP {cheapest} already loses too much for {LEVELS} levels"
    );
    let level = |level: usize| cheapest + (richest - cheapest) * level as f64 / steps;
    Ok((0..LEVELS).map(|index| level(index).round()).collect())
}

/// The lowest cosine at which a gate from the cheapest level keeps the mean distortion within the
/// limit; the highest that was seen when none does.
fn threshold(ladder: &[Vec<Trial>], distortion_limit: f64) -> GateThreshold {
    let mut candidates: Vec<f64> = ladder.iter().flatten().map(|trial| trial.cosine).collect();
    candidates.sort_by(f64::total_cmp);
    let gates = candidates
        .iter()
        .map(|&cosine| gate(ladder, cosine, distortion_limit));
    let strictest = gate(
        ladder,
        candidates.last().copied().unwrap_or(1.0),
        distortion_limit,
    );
    // A stricter gate may ship a worse feature by chance: all stricter ones must hold as well.
    let holding: Vec<GateThreshold> = gates
        .rev()
        .take_while(|gate| gate.mean_distortion <= distortion_limit)
        .collect();
    holding.into_iter().last().unwrap_or(strictest)
}

/// What a gate ships that starts at the cheapest level and takes single steps.
fn gate(ladder: &[Vec<Trial>], cosine: f64, distortion_limit: f64) -> GateThreshold {
    let subjects = ladder.first().map_or(0, Vec::len);
    let shipped = (0..subjects).map(|subject| {
        let passing = ladder
            .iter()
            .position(|level| level[subject].cosine >= cosine);
        let level = passing.unwrap_or_else(|| best_level(ladder, subject));
        let attempts = passing.map_or(ladder.len(), |level| level + 1);
        (ladder[level][subject].distortion, attempts as f64)
    });
    let (distortions, attempts): (Vec<f64>, Vec<f64>) = shipped.unzip();
    GateThreshold {
        cosine,
        distortion_limit,
        mean_distortion: mean(distortions.into_iter()),
        mean_attempts: mean(attempts.into_iter()),
    }
}

fn best_level(ladder: &[Vec<Trial>], subject: usize) -> usize {
    let score = |level: &usize| ladder[*level][subject].cosine;
    (0..ladder.len())
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .unwrap_or(0)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung_at(qp: f64, loss: f64) -> Rung {
        Rung {
            qp,
            bpfp: 1.0,
            cosine: 1.0,
            performance: 1.0,
            loss,
        }
    }

    #[test]
    fn a_sweep_goes_over_the_whole_scale_of_a_codec() {
        let hevc = sweep(CodecId::Hevc).unwrap();
        assert_eq!(
            (hevc.len(), hevc[0], hevc[1], hevc[17]),
            (18, 51.0, 48.0, 0.0)
        );
        let vvc = sweep(CodecId::Vvc).unwrap();
        assert_eq!((vvc.len(), vvc[0], vvc[21]), (22, 63.0, 0.0));
        assert!(sweep(CodecId::Hyperprior).is_err());
    }

    #[test]
    fn a_ladder_spans_from_mostly_lost_to_nearly_lossless() {
        let sweep = [
            (51.0, 0.9),
            (45.0, 0.7),
            (39.0, 0.3),
            (30.0, 0.004),
            (21.0, 0.0),
            (12.0, -0.001),
        ];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        let qps = choose(&sweep).unwrap();
        assert_eq!(
            qps,
            [45.0, 43.0, 42.0, 40.0, 38.0, 37.0, 35.0, 33.0, 32.0, 30.0]
        );
    }

    #[test]
    fn a_cliff_leaves_one_level_per_qp() {
        let sweep = [(51.0, 0.98), (39.0, 0.7), (36.0, 0.002), (33.0, 0.0)];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        let qps = choose(&sweep).unwrap();
        assert_eq!((qps[0], qps[1], qps[9]), (39.0, 38.0, 30.0));
    }

    #[test]
    fn a_lucky_coarse_level_does_not_end_the_ladder() {
        // QP 39 loses nothing by chance, 30 does lose: the richest must be finer than 30.
        let sweep = [(51.0, 0.9), (39.0, 0.0), (30.0, 0.02), (12.0, 0.0)];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        assert_eq!(choose(&sweep).unwrap().last(), Some(&12.0));
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_limit() {
        let at = |cosine, distortion| Trial {
            bpfp: 1.0,
            cosine,
            performance: 1.0,
            distortion,
        };
        let ladder = [
            vec![at(0.5, 9.0), at(0.6, 4.0)],
            vec![at(0.8, 1.0), at(0.9, 0.0)],
        ];
        let chosen = threshold(&ladder, 1.0);
        // At 0.8 the first subject ships its second level; the second passes at neither 0.6 nor
        // below, and ships its second level too.
        assert_eq!(chosen.cosine, 0.8);
        assert_eq!((chosen.mean_distortion, chosen.mean_attempts), (0.5, 2.0));
    }
}
