//! Coding and judging.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use anyhow::{Context, Result};
use rayon::prelude::*;
use splitsim_cfqa::{Metric, score};
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_source::{ImageExtent, Source};
use splitsim_truth::{DatasetPerformance, DepthCrop, Evaluation, GroundTruth, Judgement};
use splitsim_vision::Engine;

use super::compare::compare;
use super::curve::{Curve, LevelFigures, TaskBench, Times};
use crate::Screen;
use crate::calibration::Criterion;
use crate::commands::codec::milliseconds;

/// What is measured on.
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

/// A feature with what its head is to say of it, if it has one.
struct Subject {
    name: String,
    feature: Feature,
    extent: ImageExtent,
    expected: Option<GroundTruth>,
}

/// One subject coded at one level.
struct Trial {
    bytes: u64,
    payload_bytes: u64,
    shape: FeatureShape,
    mse: f64,
    clamped_points: usize,
    judgement: Verdict,
    encode_ms: f64,
    decode_ms: f64,
}

/// How a reconstruction does.
enum Verdict {
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
        let (subjects, original) = self.subjects(screen)?;
        let mut problems = Vec::new();
        let curves = coders
            .iter()
            .map(|coder| self.curve(*coder, &subjects, screen, &mut problems))
            .collect::<Result<Vec<_>>>()?;
        let bench = TaskBench {
            task: self.task,
            judged_by: self.criterion,
            performance_is: self.criterion.performance_is(self.task),
            pictures: subjects.len(),
            original_performance: original,
            comparisons: compare(self.criterion.better(self.task), &curves),
            curves,
        };
        Ok((bench, problems))
    }

    /// Every picture's feature, and the performance of all of them.
    fn subjects(&self, screen: &Screen) -> Result<(Vec<Subject>, f64)> {
        let (mut subjects, mut verdicts) = (Vec::new(), Vec::new());
        let count = self.source.count();
        let mut bar = screen.bar(format!("extracting {}", self.task), count as u64);
        for index in 0..count {
            let item = self.source.item(index, self.task)?;
            let extent = item.picture.extent();
            let feature = self.engine.extract(self.task, item.picture)?.feature;
            let place = (self.task, extent);
            let expected = self
                .criterion
                .expected(self.engine, &feature, item.truth, place);
            let subject = Subject {
                expected: expected.with_context(|| item.name.clone())?,
                extent,
                feature,
                name: item.name,
            };
            verdicts.push(self.judge(&subject, &subject.feature)?);
            subjects.push(subject);
            bar.advance();
        }
        bar.finish();
        Ok((subjects, performance(self.task, verdicts.iter())?))
    }

    fn curve(
        &self,
        Coder(codec): Coder<'_>,
        subjects: &[Subject],
        screen: &Screen,
        problems: &mut Vec<String>,
    ) -> Result<Curve> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs.get())
            .build()?;
        let ladder = codec.ladder();
        let trials = ladder.len() * subjects.len();
        let label = format!("{} on {}", codec.id(), self.task);
        let bar = Mutex::new(screen.bar(label, trials as u64));
        let mut levels = Vec::new();
        for level in ladder.levels() {
            let attempt = |subject: &Subject| {
                let trial = self.trial(codec, level, subject);
                if let Ok(mut bar) = bar.lock() {
                    bar.advance();
                }
                trial.with_context(|| {
                    format!(
                        "{} on {} at level {level}: {}",
                        codec.id(),
                        self.task,
                        subject.name
                    )
                })
            };
            let trials: Vec<Result<Trial>> =
                pool.install(|| subjects.par_iter().map(attempt).collect());
            let (worked, failed): (Vec<_>, Vec<_>) = trials.into_iter().partition(Result::is_ok);
            problems.extend(
                failed
                    .into_iter()
                    .filter_map(Result::err)
                    .map(|e| format!("{e:#}")),
            );
            let worked: Vec<Trial> = worked.into_iter().flatten().collect();
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

    fn trial(&self, codec: &dyn FeatureCodec, level: Level, subject: &Subject) -> Result<Trial> {
        let coded = codec.encode_and_decode(&subject.feature, level)?;
        Ok(Trial {
            bytes: coded.container.container_bytes().0,
            payload_bytes: coded.container.payload_bytes().0,
            shape: subject.feature.shape(),
            mse: score(Metric::Mse, &subject.feature, &coded.reconstruction)?.value(),
            clamped_points: coded.clamped_points,
            judgement: self.judge(subject, &coded.reconstruction)?,
            encode_ms: milliseconds(coded.encode),
            decode_ms: milliseconds(coded.decode),
        })
    }

    fn judge(&self, subject: &Subject, feature: &Feature) -> Result<Verdict> {
        Ok(match &subject.expected {
            Some(expected) => {
                let output = self.engine.run_head(self.task, feature, subject.extent)?;
                Verdict::Answer(Judgement::of(expected, &output, DepthCrop::Full)?)
            }
            None => Verdict::Cosine(score(Metric::Cosine, &subject.feature, feature)?.value()),
        })
    }
}

fn figures(task: Task, level: Level, label: String, trials: &[Trial]) -> Result<LevelFigures> {
    let count = trials.len() as f64;
    let mean = |value: fn(&Trial) -> f64| trials.iter().map(value).sum::<f64>() / count;
    let shapes: Vec<FeatureShape> = trials.iter().map(|trial| trial.shape).collect();
    let points: usize = shapes.iter().map(|shape| shape.points()).sum();
    let bytes = mean(|trial| trial.bytes as f64);
    let times = |value: fn(&Trial) -> f64| {
        let times: Vec<f64> = trials.iter().map(value).collect();
        Times::of(&times, &shapes)
    };
    Ok(LevelFigures {
        level,
        label,
        features: trials.len(),
        bytes,
        payload_bytes: mean(|trial| trial.payload_bytes as f64),
        bpfp: 8.0 * bytes * count / points as f64,
        mse: mean(|trial| trial.mse),
        performance: performance(task, trials.iter().map(|trial| &trial.judgement))?,
        clamped_points: trials.iter().map(|trial| trial.clamped_points).sum(),
        encode: times(|trial| trial.encode_ms),
        decode: times(|trial| trial.decode_ms),
    })
}

/// Of all pictures together: what the task's answers come to, or the mean cosine.
fn performance<'a>(
    task: Task,
    verdicts: impl ExactSizeIterator<Item = &'a Verdict>,
) -> Result<f64> {
    let count = verdicts.len() as f64;
    let mut evaluation = Evaluation::new(task);
    let mut cosines = None;
    for verdict in verdicts {
        match verdict {
            Verdict::Answer(judgement) => {
                evaluation.add(judgement)?;
            }
            Verdict::Cosine(cosine) => *cosines.get_or_insert(0.0) += cosine / count,
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
