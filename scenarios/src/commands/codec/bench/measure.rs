//! Coding and judging.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use anyhow::{Context, Result};
use rayon::prelude::*;
use splitsim_cfqa::Metric;
use splitsim_cli::causes;
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::{FeatureShape, Task};
use splitsim_source::Source;
use splitsim_specimen::{Extractor, Specimen};
use splitsim_truth::{DatasetPerformance, Evaluation, Judgement};
use splitsim_vision::Engine;

use super::compare::compare;
use super::curve::{Curve, LevelFigures, TaskBench, Times};
use crate::Screen;
use crate::calibration::Criterion;
use crate::commands::codec::milliseconds;

/// The model, the pictures and the settings of a measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measurement<'a> {
    pub(super) engine: &'a Engine,
    pub(super) source: &'a Source,
    pub(super) task: Task,
    pub(super) criterion: Criterion,
    /// Features coded at once.
    pub(super) jobs: NonZeroUsize,
}

/// A codec to measure.
#[derive(Clone, Copy)]
pub(super) struct Coder<'a>(&'a dyn FeatureCodec);

impl<'a> Coder<'a> {
    pub(super) fn new(codec: &'a dyn FeatureCodec) -> Self {
        Self(codec)
    }
}

/// The figures of one specimen at one level.
struct Point {
    bytes: u64,
    payload_bytes: u64,
    shape: FeatureShape,
    mse: f64,
    clamped_points: usize,
    worth: Worth,
    encode_ms: f64,
    decode_ms: f64,
}

/// The quality of a feature, as its criterion judges it.
enum Worth {
    /// Its head's answer.
    Answer(Judgement),
    /// Its mean cosine to the original.
    Cosine(f64),
}

impl Measurement<'_> {
    /// Measures codecs on one task; also what could not be measured, and why.
    pub(super) fn run(
        &self,
        coders: &[Coder<'_>],
        screen: &Screen,
    ) -> Result<(TaskBench, Vec<String>)> {
        let (specimens, original) = self.specimens(screen)?;
        let mut problems = Vec::new();
        let curves = coders
            .iter()
            .map(|coder| self.curve(*coder, &specimens, screen, &mut problems))
            .collect::<Result<Vec<_>>>()?;
        let bench = TaskBench {
            task: self.task,
            judged_by: self.criterion,
            performance_is: self.criterion.performance_is(self.task),
            pictures: specimens.len(),
            original_performance: original,
            comparisons: compare(self.criterion.better(self.task), &curves),
            curves,
        };
        Ok((bench, problems))
    }

    /// Every picture's feature, and the performance of all of them.
    fn specimens(&self, screen: &Screen) -> Result<(Vec<Specimen<'_>>, f64)> {
        let extractor = Extractor {
            backbone: self.engine,
            heads: self.engine,
            task: self.task,
            expectation: self.criterion.expectation(),
        };
        let (mut specimens, mut worths) = (Vec::new(), Vec::new());
        let count = self.source.count();
        let mut bar = screen.bar(format!("extracting {}", self.task), count as u64);
        for index in 0..count {
            let item = self.source.item(index, self.task)?;
            let name = item.name.clone();
            let specimen = extractor.specimen(item).with_context(|| name)?;
            let worth = match specimen.original() {
                Some(answer) => Some(specimen.judgement(answer)?.context("no expected answer")?),
                None => None,
            };
            worths.push(worth.map_or(Worth::Cosine(1.0), Worth::Answer));
            specimens.push(specimen);
            bar.advance();
        }
        bar.finish();
        Ok((specimens, performance(self.task, worths.iter())?))
    }

    fn curve(
        &self,
        Coder(codec): Coder<'_>,
        specimens: &[Specimen<'_>],
        screen: &Screen,
        problems: &mut Vec<String>,
    ) -> Result<Curve> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs.get())
            .build()?;
        let ladder = codec.ladder();
        let trials = ladder.len() * specimens.len();
        let label = format!("{} on {}", codec.id(), self.task);
        let bar = Mutex::new(screen.bar(label, trials as u64));
        let mut levels = Vec::new();
        for level in ladder.levels() {
            let attempt = |specimen: &Specimen<'_>| {
                let point = point(specimen, codec, level);
                if let Ok(mut bar) = bar.lock() {
                    bar.advance();
                }
                point.with_context(|| {
                    format!(
                        "{} on {} at level {level}: {}",
                        codec.id(),
                        self.task,
                        specimen.name()
                    )
                })
            };
            let points: Vec<Result<Point>> =
                pool.install(|| specimens.par_iter().map(attempt).collect());
            let (worked, failed): (Vec<_>, Vec<_>) = points.into_iter().partition(Result::is_ok);
            problems.extend(
                failed
                    .into_iter()
                    .filter_map(Result::err)
                    .map(|error| causes(&error)),
            );
            let worked: Vec<Point> = worked.into_iter().flatten().collect();
            if !worked.is_empty() {
                let label = ladder.rung(level)?.label.clone();
                levels.push(figures(self.task, level, label, &worked)?);
            }
        }
        if let Ok(bar) = bar.into_inner() {
            bar.finish();
        }
        Ok(Curve {
            codec: codec.id(),
            tables_digest: codec.tables_digest().to_string(),
            levels,
        })
    }
}

fn point(specimen: &Specimen<'_>, codec: &dyn FeatureCodec, level: Level) -> Result<Point> {
    let metrics = match specimen.expected() {
        Some(_) => &[Metric::Mse][..],
        None => &[Metric::Mse, Metric::Cosine],
    };
    let trial = specimen.trial(codec, level, metrics)?;
    let encoded = &trial.encoded;
    let worth = match specimen.expected() {
        Some(_) => {
            let answer = specimen.answer(&encoded.reconstruction)?;
            let judgement = specimen.judgement(&answer)?;
            Worth::Answer(judgement.context("no expected answer")?)
        }
        None => Worth::Cosine(trial.score_by(Metric::Cosine)?),
    };
    Ok(Point {
        bytes: encoded.container.container_bytes().0,
        payload_bytes: encoded.container.payload_bytes().0,
        shape: specimen.feature().shape(),
        mse: trial.score_by(Metric::Mse)?,
        clamped_points: encoded.clamped_points,
        worth,
        encode_ms: milliseconds(encoded.encode),
        decode_ms: milliseconds(encoded.decode),
    })
}

fn figures(task: Task, level: Level, label: String, points: &[Point]) -> Result<LevelFigures> {
    let count = points.len() as f64;
    let mean = |value: fn(&Point) -> f64| points.iter().map(value).sum::<f64>() / count;
    let shapes: Vec<FeatureShape> = points.iter().map(|point| point.shape).collect();
    let values: usize = shapes.iter().map(|shape| shape.points()).sum();
    let bytes = mean(|point| point.bytes as f64);
    let times = |value: fn(&Point) -> f64| {
        let times: Vec<f64> = points.iter().map(value).collect();
        Times::of(&times, &shapes)
    };
    Ok(LevelFigures {
        level,
        label,
        features: points.len(),
        bytes,
        payload_bytes: mean(|point| point.payload_bytes as f64),
        bpfp: 8.0 * bytes * count / values as f64,
        mse: mean(|point| point.mse),
        performance: performance(task, points.iter().map(|point| &point.worth))?,
        clamped_points: points.iter().map(|point| point.clamped_points).sum(),
        encode: times(|point| point.encode_ms),
        decode: times(|point| point.decode_ms),
    })
}

/// Returns the performance over all pictures together: that of the task's answers, or the mean cosine.
fn performance<'a>(task: Task, worths: impl ExactSizeIterator<Item = &'a Worth>) -> Result<f64> {
    let count = worths.len() as f64;
    let mut evaluation = Evaluation::new(task);
    let mut cosines = None;
    for worth in worths {
        match worth {
            Worth::Answer(judgement) => {
                evaluation.add(judgement)?;
            }
            Worth::Cosine(cosine) => *cosines.get_or_insert(0.0) += cosine / count,
        }
    }
    Ok(cosines.unwrap_or_else(|| figure(&evaluation)))
}

/// Top-1 in percent, mIoU of all pixels in percent, or RMSE in metres; NaN of nothing.
fn figure(evaluation: &Evaluation) -> f64 {
    match evaluation.performance() {
        None => f64::NAN,
        Some(DatasetPerformance::Cls { top1_percent, .. }) => top1_percent,
        Some(DatasetPerformance::Seg { miou_percent, .. }) => miou_percent.percent(),
        Some(DatasetPerformance::Dpt(errors)) => errors.rmse,
    }
}
