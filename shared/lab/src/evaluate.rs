use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use splitsim_cfqa::Correlation;
use splitsim_feature::Task;

use crate::bootstrap::{Bootstrap, Interval};
use crate::{LabError, Logistic, Record, ScoreSet};

/// The quantity that scores are correlated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The raw performance: rank, mIoU, RMSE. As published, where a coefficient's sign depends on the
    /// task.
    Performance,
    /// The performance lost; positive is worse for every task.
    Distortion,
}

/// The settings of an evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The quantity that scores are correlated with.
    pub target: Target,
    /// The settings of the confidence intervals.
    pub bootstrap: Bootstrap,
}

/// The statistics of how well one metric predicts one task's performance on one codec's features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The codec.
    pub codec: String,
    /// The task.
    pub task: Task,
    /// The metric.
    pub metric: String,
    /// Features there are.
    pub features: usize,
    /// Compressed features there are.
    pub records: usize,
    /// Coefficients per feature over its levels, averaged: PLCC, SROCC, KROCC.
    pub per_feature: [PerFeature; 3],
    /// Over all compressed features together.
    pub pooled: Pooled,
    /// The PLCC of every feature that has one, features by name.
    pub plccs: Vec<f64>,
}

/// The mean over features of a coefficient, as in the paper's table 4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerFeature {
    /// `plcc`, `srocc` or `krocc`.
    pub coefficient: &'static str,
    /// Mean over the features that have one; `None` where none has.
    pub mean: Option<f64>,
    /// Confidence interval of the mean.
    pub interval: Option<Interval>,
    /// Features that have one.
    pub counted: usize,
    /// Features left out: a sequence is constant, too short, or holds an undefined value.
    pub undefined: usize,
}

/// Statistics over all compressed features together: what a single threshold has to work with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pooled {
    /// Compressed features with score and target.
    pub counted: usize,
    /// Compressed features without.
    pub undefined: usize,
    /// Pearson's coefficient.
    pub plcc: Estimate,
    /// Spearman's.
    pub srocc: Estimate,
    /// Kendall's τ-b.
    pub krocc: Estimate,
    /// Root mean squared error after the monotone logistic fit, in the target's unit.
    pub rmse: Estimate,
}

/// A value, where it is defined, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The value.
    pub value: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
}

/// Evaluates every codec and task by some metrics, in the order of [`ScoreSet::groups`].
///
/// # Errors
/// When there are no scores by a metric.
pub fn evaluate(
    set: &ScoreSet,
    metrics: &[impl AsRef<str>],
    protocol: Protocol,
) -> Result<Vec<Evaluation>, LabError> {
    let mut evaluations = Vec::new();
    for (codec, task) in set.groups() {
        let features = set.features(&codec, task);
        for metric in metrics {
            let index = set.metric_index(metric.as_ref())?;
            let sequences = sequences(&features, index, protocol.target);
            evaluations.push(Evaluation {
                codec: codec.clone(),
                task,
                metric: metric.as_ref().to_owned(),
                features: features.len(),
                records: features.values().map(Vec::len).sum(),
                per_feature: Correlation::ALL
                    .map(|correlation| per_feature(&sequences, correlation, protocol.bootstrap)),
                pooled: pooled(&sequences, protocol.bootstrap),
                plccs: coefficients(&sequences, Correlation::Plcc)
                    .into_iter()
                    .flatten()
                    .collect(),
            });
        }
    }
    Ok(evaluations)
}

/// One feature's levels: score and target, each where it is defined.
type Sequence = Vec<(Option<f64>, Option<f64>)>;

fn sequences(
    features: &BTreeMap<&str, Vec<&Record>>,
    metric: usize,
    target: Target,
) -> Vec<Sequence> {
    let point = |record: &&Record| {
        let value = match target {
            Target::Performance => record.performance,
            Target::Distortion => record.distortion,
        };
        (record.scores[metric], value)
    };
    let sequence = |records: &Vec<&Record>| records.iter().map(point).collect();
    features.values().map(sequence).collect()
}

/// Like the released script: one undefined value leaves the whole feature out.
fn coefficients(sequences: &[Sequence], correlation: Correlation) -> Vec<Option<f64>> {
    let of = |sequence: &Sequence| {
        let defined: Option<Vec<(f64, f64)>> = sequence.iter().map(|&(x, y)| x.zip(y)).collect();
        let (x, y): (Vec<f64>, Vec<f64>) = defined?.into_iter().unzip();
        correlation.of(&x, &y).ok()
    };
    sequences.iter().map(of).collect()
}

fn per_feature(
    sequences: &[Sequence],
    correlation: Correlation,
    bootstrap: Bootstrap,
) -> PerFeature {
    let coefficients = coefficients(sequences, correlation);
    let mean_of = |units: &mut dyn Iterator<Item = usize>| {
        let (mut sum, mut count) = (0.0, 0usize);
        for coefficient in units.filter_map(|unit| coefficients[unit]) {
            sum += coefficient;
            count += 1;
        }
        (count > 0).then(|| sum / count as f64)
    };
    let [interval] = bootstrap.intervals(coefficients.len(), |units| {
        [mean_of(&mut units.iter().copied())]
    });
    let counted = coefficients.iter().flatten().count();
    PerFeature {
        coefficient: correlation.name(),
        mean: mean_of(&mut (0..coefficients.len())),
        interval,
        counted,
        undefined: coefficients.len() - counted,
    }
}

fn pooled(sequences: &[Sequence], bootstrap: Bootstrap) -> Pooled {
    let records: usize = sequences.iter().map(Vec::len).sum();
    let everything: Vec<usize> = (0..sequences.len()).collect();
    let (x, y) = points(sequences, &everything);
    let curve = Logistic::fit(&x, &y);
    let statistics = |units: &[usize]| -> [Option<f64>; 4] {
        let (x, y) = points(sequences, units);
        let [plcc, srocc, krocc] = Correlation::ALL.map(|of| of.of(&x, &y).ok());
        let refitted = curve.and_then(|curve| curve.refit(&x, &y));
        [plcc, srocc, krocc, refitted.map(|curve| curve.rmse(&x, &y))]
    };
    let values = statistics(&everything);
    let intervals = bootstrap.intervals(sequences.len(), statistics);
    let estimate = |index: usize| Estimate {
        value: values[index],
        interval: values[index].and(intervals[index]),
    };
    Pooled {
        counted: x.len(),
        undefined: records - x.len(),
        plcc: estimate(0),
        srocc: estimate(1),
        krocc: estimate(2),
        rmse: estimate(3),
    }
}

/// The defined points of some features.
fn points(sequences: &[Sequence], units: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let points = units.iter().flat_map(|&unit| &sequences[unit]);
    points.filter_map(|&(x, y)| x.zip(y)).unzip()
}

impl Target {
    /// `performance` or `distortion`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Distortion => "distortion",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Performance, Self::Distortion]
            .into_iter()
            .find(|target| target.name() == name)
            .ok_or_else(|| format!("unknown target '{name}', expected performance or distortion"))
    }
}
