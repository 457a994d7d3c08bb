use std::time::Duration;

use serde::Serialize;
use splitsim_feature::Task;
use splitsim_policy::PolicyConfig;

use crate::evaluate::Case;
use crate::statistics::mean;
use crate::{
    Evaluation, Level, Recording, ReplayError, Uplink, at_rungs, oracle, pareto_front, replay,
};

/// A policy or an oracle that is replayed under a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Contender {
    /// A policy that an edge can run.
    Policy {
        /// Its name.
        name: String,
        /// Its settings for this task.
        config: PolicyConfig,
    },
    /// The cheapest level within the limit, by the true distortion. Not deployable.
    Oracle {
        /// Its name.
        name: String,
    },
}

/// The conditions under which contenders are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The link.
    pub uplink: Uplink,
    /// The longest time from capture until a container has arrived; later ones are counted as misses.
    pub deadline: Option<Duration>,
    /// The share of frames that may exceed the limit although a level within it exists, or not be
    /// shipped, 0 to 1.
    pub permitted_violations: f64,
}

/// Every contender on every task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The link's rate in bits per second.
    pub rate_bits_per_second: u64,
    /// Its round-trip time.
    pub rtt_ms: f64,
    /// The time between two captures.
    pub interval_ms: Option<f64>,
    /// The latency in milliseconds above which a frame counts as late.
    pub deadline_ms: Option<f64>,
    /// See [`Rules::permitted_violations`].
    pub permitted_violations: f64,
    /// One per recording, in their order.
    pub tasks: Vec<TaskComparison>,
}

/// Every contender on one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskComparison {
    /// The task.
    pub task: Task,
    /// Unit of the distortion: ranks, percentage points or metres.
    pub unit: &'static str,
    /// The true distortion up to which a frame counts as whole.
    pub limit: f64,
    /// Frames of the recording.
    pub frames: usize,
    /// The pictures.
    pub source: String,
    /// The model that the recording is of.
    pub model: String,
    /// Its digest.
    pub model_digest: String,
    /// The codec.
    pub codec: String,
    /// Every level on its own, cheapest first: the rate-distortion curve.
    pub levels: Vec<LevelPoint>,
    /// Ranked: the admissible first, then by regret.
    pub contenders: Vec<Evaluation>,
}

/// A level, over all frames that the codec did not fail on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelPoint {
    /// The codec's label for it.
    pub label: String,
    /// Bytes of a container.
    pub bytes_mean: Option<f64>,
    /// Bits per feature point.
    pub bpfp_mean: Option<f64>,
    /// The true distortion.
    pub distortion_mean: Option<f64>,
    /// Coding and scoring at the edge, in milliseconds.
    pub compute_ms_mean: Option<f64>,
}

/// Replays contenders over a recording, and ranks them.
///
/// The admissible come first: those whose avoidable violations and frames not shipped stay within the permitted
/// share. Both groups are ordered by regret, least first; contenders of equal regret are ordered by computing
/// time.
///
/// # Errors
/// When a contender does not suit the recording, or a frame has no true distortion.
pub fn compare(
    recording: &Recording,
    contenders: &[Contender],
    rules: &Rules,
    limit: f64,
) -> Result<TaskComparison, ReplayError> {
    let evaluated = contenders
        .iter()
        .map(|contender| evaluate(contender, recording, rules, limit));
    let mut contenders = evaluated.collect::<Result<Vec<_>, _>>()?;
    mark_front(&mut contenders);
    contenders.sort_by(|a, b| {
        rank(a)
            .partial_cmp(&rank(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let identity = recording.identity();
    Ok(TaskComparison {
        task: identity.task,
        unit: unit(identity.task),
        limit,
        frames: recording.frames().len(),
        source: identity.source.clone(),
        model: identity.model.clone(),
        model_digest: identity.model_digest.clone(),
        codec: identity.codec.clone(),
        levels: (0..identity.levels.len())
            .map(|level| point(recording, level))
            .collect(),
        contenders,
    })
}

impl Comparison {
    /// The file name of its JSON in a folder of results.
    pub const FILE_NAME: &str = "policies.json";

    /// Comparisons by the same rules.
    #[must_use]
    pub fn new(rules: &Rules, tasks: Vec<TaskComparison>) -> Self {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            rate_bits_per_second: rules.uplink.rate.0,
            rtt_ms: millis(rules.uplink.rtt),
            interval_ms: rules.uplink.interval.map(millis),
            deadline_ms: rules.deadline.map(millis),
            permitted_violations: rules.permitted_violations,
            tasks,
        }
    }
}

fn evaluate(
    contender: &Contender,
    recording: &Recording,
    rules: &Rules,
    limit: f64,
) -> Result<Evaluation, ReplayError> {
    let (case, replayed) = match contender {
        Contender::Policy { name, config } => {
            let mut policy = config.resolve(recording.ladder())?;
            let replayed = replay(recording, &mut policy, &rules.uplink)?;
            let case = Case {
                name,
                label: config.to_string(),
                deployable: true,
                criterion: config.criterion(),
            };
            (case, replayed)
        }
        Contender::Oracle { name } => {
            let rungs = oracle::rungs(recording, limit);
            let case = Case {
                name,
                label: format!("oracle:distortion<={limit}"),
                deployable: false,
                criterion: None,
            };
            (case, at_rungs(recording, &rungs, &rules.uplink))
        }
    };
    Evaluation::of(case, recording, &replayed, rules, limit)
}

/// Sorts ascending: inadmissible, without regret known, regret, computing.
fn rank(evaluation: &Evaluation) -> (bool, bool, f64, f64) {
    let regret = evaluation.regret.map(|regret| regret.bytes_mean);
    (
        !evaluation.admissible,
        regret.is_none(),
        regret.unwrap_or_default(),
        evaluation.compute_ms_mean.unwrap_or_default(),
    )
}

/// By bytes and mean distortion, of those that shipped anything.
fn mark_front(contenders: &mut [Evaluation]) {
    let coordinates = |e: &Evaluation| Some((e.bytes_mean?, e.distortion?.mean));
    let shipping: Vec<usize> = (0..contenders.len())
        .filter(|&index| coordinates(&contenders[index]).is_some())
        .collect();
    let points: Vec<(f64, f64)> = shipping
        .iter()
        .filter_map(|&index| coordinates(&contenders[index]))
        .collect();
    for (index, front) in shipping.into_iter().zip(pareto_front(&points)) {
        contenders[index].pareto = front;
    }
}

fn point(recording: &Recording, level: usize) -> LevelPoint {
    let coded = || {
        let frames = recording.frames().iter();
        frames.filter_map(move |frame| match frame.levels.get(level)? {
            Level::Coded {
                container,
                encode,
                decode,
                score,
                distortion,
                ..
            } => {
                let compute_ms = (*encode + *decode + *score).as_secs_f64() * 1e3;
                Some((
                    container.0 as f64,
                    frame.points as f64,
                    *distortion,
                    compute_ms,
                ))
            }
            Level::Failed { .. } => None,
        })
    };
    LevelPoint {
        label: recording
            .identity()
            .levels
            .get(level)
            .cloned()
            .unwrap_or_default(),
        bytes_mean: mean(coded().map(|(bytes, ..)| bytes)),
        bpfp_mean: mean(coded().map(|(bytes, points, ..)| 8.0 * bytes / points)),
        distortion_mean: mean(coded().filter_map(|(_, _, distortion, _)| distortion)),
        compute_ms_mean: mean(coded().map(|(.., compute_ms)| compute_ms)),
    }
}

/// As `splitsim-truth` measures it.
const fn unit(task: Task) -> &'static str {
    match task {
        Task::Cls => "ranks",
        Task::Seg => "percentage points",
        Task::Dpt => "metres",
    }
}
