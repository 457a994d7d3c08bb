//! Value ranges, QP ladders and gate thresholds of a model package, found on pictures.
//!
//! 1. *Ranges*: the extremes of every tapped layer over the pictures, or the package's own.
//! 2. *Ladder*: features are coded at a sweep of QPs and judged by a [`Criterion`]. The richest level is
//!    the coarsest QP that loses less than the criterion permits, and from which every finer one does too;
//!    the cheapest is the finest that loses what the criterion calls ruined. Whole QPs evenly between
//!    the two fill the ladder; where fewer lie between, it ends richer.
//! 3. *Thresholds*: on the ladder, the lowest score at which a gate that starts at the cheapest level
//!    ships features whose mean distortion is at most a limit.
//!
//! Pictures need no labels: without them the original's own answers, or the features alone, are the yardstick.

mod criterion;
mod rungs;
mod threshold;

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use splitsim_cfqa::Metric;
use splitsim_codec::picture::Tables;
use splitsim_codec::picture_codec::Setup;
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec, Level, open_with};
use splitsim_feature::Task;
use splitsim_model::{RangeTable, ValueRange};
use splitsim_source::Source;
use splitsim_specimen::{Extractor, Specimen};
use splitsim_truth::{Performance, SemanticDistortion};
use splitsim_vision::Engine;

pub use criterion::Criterion;
pub use rungs::Rung;
use rungs::{Choice, choose};
pub use threshold::GateThreshold;
use threshold::threshold;

/// Levels of a ladder.
pub const LEVELS: usize = 10;
/// QPs between two of the sweep.
const SWEEP_STEP: usize = 3;

/// The settings of one calibration.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The task.
    pub task: Task,
    /// The standard by which reconstructions are judged.
    pub criterion: Criterion,
    /// The codec whose ladder is wanted; its levels must be QPs.
    pub codec: CodecId,
    /// Take the package's value ranges instead of finding new ones: other codecs' ladders and
    /// thresholds stay right.
    pub keep_ranges: bool,
    /// The greatest mean distortion that a gate may let through, in the task's unit.
    pub distortion_limit: f64,
}

/// The calibration found for one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskCalibration {
    /// The task.
    pub task: Task,
    /// The codec.
    pub codec: CodecId,
    /// The standard by which reconstructions were judged.
    pub criterion: Criterion,
    /// The number of pictures that it was found on.
    pub pictures: usize,
    /// Value range per tapped layer.
    pub ranges: RangeTable,
    /// The name of the performance figure with its unit, such as `top-1, %`.
    pub performance_is: &'static str,
    /// Mean performance of the original features.
    pub original_performance: f64,
    /// Every QP of the sweep, cheapest first.
    pub sweep: Vec<Rung>,
    /// The levels chosen, cheapest first.
    pub ladder: Vec<Rung>,
    /// The reason why the ladder differs from the one asked for; `None` if it does not.
    pub note: Option<String>,
    /// The gate's threshold; none where features alone are the yardstick, which have no distortion.
    pub threshold: Option<GateThreshold>,
}

/// The figures of one specimen at one level.
#[derive(Clone, Copy)]
struct Point {
    bpfp: f64,
    cosine: f64,
    /// As the criterion means it.
    performance: f64,
    /// The distortion of the head's answer, in the task's unit; `None` without a head.
    distortion: Option<f64>,
}

/// Calibrates one task. `progress` receives the number of trials done and of all trials.
///
/// # Errors
/// When the codec's levels are no QPs, a picture, the model or the codec fails, or, judged by ground truth, no
/// QP keeps the task's performance.
pub fn calibrate(
    engine: &Engine,
    source: &Source,
    plan: Plan,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<TaskCalibration> {
    let Plan {
        task,
        codec,
        criterion,
        ..
    } = plan;
    let sweep_qps = sweep(codec)?;
    let specimens = specimens(engine, source, plan)?;
    let ranges = match plan.keep_ranges {
        true => engine.package().task(task)?.common().ranges.clone(),
        false => ranges(&specimens)?,
    };
    let bench = Bench {
        engine,
        plan,
        specimens: &specimens,
        ranges: &ranges,
    };
    let trials_in_all = specimens.len() * (sweep_qps.len() + LEVELS);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let tick = || {
        let done = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        progress(done, trials_in_all);
    };
    let swept = bench.points(&sweep_qps, &tick)?;
    let yardstick = criterion.yardstick(task, &specimens)?;
    let rungs = |qps: &[f64], levels: &[Vec<Point>]| -> Vec<Rung> {
        let rung = |(&qp, points): (&f64, &Vec<Point>)| Rung::of(qp, points, yardstick);
        qps.iter().zip(levels).map(rung).collect()
    };
    let sweep = rungs(&sweep_qps, &swept);
    let Choice { qps, note } =
        choose(&sweep, criterion).with_context(|| format!("no ladder for {task}"))?;
    let laddered = bench.points(&qps, &tick)?;
    Ok(TaskCalibration {
        task,
        codec,
        criterion,
        pictures: specimens.len(),
        ladder: rungs(&qps, &laddered),
        threshold: threshold(&laddered, plan.distortion_limit),
        ranges,
        performance_is: criterion.performance_is(task),
        original_performance: yardstick.original,
        sweep,
        note,
    })
}

fn specimens<'a>(engine: &'a Engine, source: &Source, plan: Plan) -> Result<Vec<Specimen<'a>>> {
    let Plan {
        task, criterion, ..
    } = plan;
    let extractor = Extractor {
        backbone: engine,
        heads: engine,
        task,
        expectation: criterion.expectation(),
    };
    let specimens = (0..source.count()).map(|index| {
        let item = source.item(index, task)?;
        let name = item.name.clone();
        extractor.specimen(item).with_context(|| name)
    });
    specimens.collect()
}

/// The extremes of each layer over all specimens.
fn ranges(specimens: &[Specimen<'_>]) -> Result<RangeTable> {
    let layers = specimens
        .first()
        .context("no picture to calibrate on")?
        .feature()
        .shape()
        .layers();
    (0..layers)
        .map(|layer| {
            let values = specimens.iter().flat_map(|specimen| {
                specimen
                    .feature()
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

/// The fixed inputs of all trials of QPs.
#[derive(Clone, Copy)]
struct Bench<'a> {
    engine: &'a Engine,
    plan: Plan,
    specimens: &'a [Specimen<'a>],
    ranges: &'a RangeTable,
}

impl Bench<'_> {
    /// Every specimen at every QP: one list of points per QP.
    fn points(&self, qps: &[f64], tick: &(dyn Fn() + Sync)) -> Result<Vec<Vec<Point>>> {
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
        let one = |level, specimen| {
            let point = point(specimen, codec.as_ref(), level)?;
            tick();
            Ok(point)
        };
        let levels = codec.ladder().levels();
        levels
            .map(|level| {
                self.specimens
                    .par_iter()
                    .map(|specimen| one(level, specimen))
                    .collect()
            })
            .collect()
    }
}

fn point(specimen: &Specimen<'_>, codec: &dyn FeatureCodec, level: Level) -> Result<Point> {
    let trial = specimen.trial(codec, level, &[Metric::Cosine])?;
    let reconstruction = &trial.encoded.reconstruction;
    let cosine = trial.score_by(Metric::Cosine)?;
    let (performance, distortion) = match specimen.expected() {
        None => (cosine, None),
        Some(_) => {
            let answer = specimen.answer(reconstruction)?;
            let distortion = specimen.distortion(&answer)?;
            let performance = answer.performance.map_or(f64::NAN, on_scale);
            (performance, distortion.map(SemanticDistortion::value))
        }
    };
    Ok(Point {
        bpfp: trial.encoded.container.bpfp().0,
        cosine,
        performance,
        distortion,
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

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
