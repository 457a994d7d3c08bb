//! From what was written to what is run.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use splitsim_cfqa::Metric;
use splitsim_codec::{CodecId, CodecOptions};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_proto::Id;
use splitsim_source::SourceSpec;
use splitsim_transport::{Backoff, InvalidOptions, Priority, Reuse, TransportOptions};
use splitsim_vision::Compute;

use super::file::{
    ComputeKind, ConnectionKind, LinkSection, PolicySection, ReplaySection, ScenarioFile,
    TransportSection,
};
use super::link::LinkPlan;
use super::policy::{PlannedPolicy, ThresholdSources, Thresholds, criterion};
use super::replay::ReplayPlan;
use super::units::{Size, TimeSpan};
use super::{Draft, ScenarioError, bounds, deadlines};

/// A scenario with every default spelt out and no contradiction left.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// Its name, safe as a file name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The model package, a name or a folder.
    pub model: String,
    /// The seed of the scenes, and the one that the run is recorded with.
    pub seed: u64,
    /// The pictures that every edge goes through.
    pub source: SourceSpec,
    /// One edge each.
    pub tasks: Vec<Task>,
    /// The codec of the features.
    pub codec: CodecId,
    /// The options of the codec.
    pub codec_options: CodecOptions,
    /// Metrics that are recorded beside the policies' own.
    pub metrics: Vec<Metric>,
    /// Element type of the backbone's products.
    pub compute: Compute,
    /// libtorch's threads.
    pub threads: NonZeroUsize,
    /// Frames that may wait between two stages of an edge.
    pub queue: NonZeroUsize,
    /// The settings of connections.
    pub transport: TransportOptions,
    /// `true` if edges write qlog files of their connections.
    pub qlog: bool,
    /// The waits between attempts to reach an absent cloud, and their limit.
    pub retry: Backoff,
    /// Edges of each task, all with the same pictures.
    pub edges_per_task: NonZeroUsize,
    /// The emulated link between edges and cloud; without, they meet on the loopback interface.
    pub link: Option<LinkPlan>,
    /// `true` if every level of every frame is recorded.
    pub record_ladders: bool,
    /// The replay of policies over recorded ladders; `None` if policies run live.
    pub replay: Option<ReplayPlan>,
    /// In the order in which they run.
    pub policies: Vec<PlannedPolicy>,
    thresholds: Thresholds,
}

impl Draft {
    /// The scenario that is meant, for this model and this machine.
    ///
    /// # Errors
    /// When values contradict each other or the model.
    pub fn resolve(self, package: &Package) -> Result<Scenario, ScenarioError> {
        let Self(file) = self;
        bounds::check(&file)?;
        let tasks = tasks(file.tasks.as_deref(), package)?;
        let policies = policies(&file, &tasks, package)?;
        let replay = file.replay.as_ref().map(|section| section.plan(&tasks));
        let replay = replay.transpose()?;
        let source = source(&file)?;
        if replay.is_some() {
            check_truth(&source, &tasks)?;
        }
        let link = file.link.as_ref().map(|link| link.plan(file.seed));
        let link = link.transpose()?;
        deadlines::check(&policies, link.as_ref(), replay.as_ref())?;
        let time_limit = file.codec_time_limit;
        let codec_options = CodecOptions {
            range_mode: file.range.clone(),
            time_limit: time_limit.map_or(CodecOptions::default().time_limit, |span| span.0),
            ..CodecOptions::default()
        };
        let cores = std::thread::available_parallelism();
        Ok(Scenario {
            source,
            transport: transport(&file.transport)?,
            qlog: file.transport.qlog.unwrap_or(false),
            retry: retry(&file.transport),
            edges_per_task: file.edges_per_task.unwrap_or(NonZeroUsize::MIN),
            link,
            compute: match file.compute {
                ComputeKind::F32 => Compute::F32,
                ComputeKind::Bf16 => Compute::Bf16,
            },
            threads: file.threads.or(cores.ok()).unwrap_or(NonZeroUsize::MIN),
            metrics: distinct("metrics", file.metrics)?,
            name: file.name,
            description: file.description,
            model: file.model,
            seed: file.seed,
            tasks,
            codec: file.codec,
            codec_options,
            queue: file.queue,
            record_ladders: file.record_ladders || replay.is_some(),
            replay,
            policies,
            thresholds: file.thresholds,
        })
    }
}

impl Scenario {
    /// The scenario as a scenario file that says everything.
    ///
    /// # Panics
    /// Never: everything that a scenario holds can be written as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.to_file())
            .expect("numbers, texts and tables with text keys can be written as TOML")
    }

    /// The run that a policy is recorded as.
    #[must_use]
    pub fn run_id(&self, policy: &PlannedPolicy) -> String {
        format!("{}-{}", self.name, policy.name)
    }

    fn to_file(&self) -> ScenarioFile {
        let (frames, images) = match &self.source {
            SourceSpec::Scenes { count, .. } => (NonZeroUsize::new(*count), None),
            images => (None, Some(images.to_string())),
        };
        ScenarioFile {
            name: self.name.clone(),
            description: self.description.clone(),
            model: self.model.clone(),
            seed: self.seed,
            frames,
            images,
            tasks: Some(self.tasks.clone()),
            codec: self.codec,
            range: self.codec_options.range_mode.clone(),
            codec_time_limit: Some(TimeSpan(self.codec_options.time_limit)),
            metrics: self.metrics.clone(),
            compute: match self.compute {
                Compute::F32 => ComputeKind::F32,
                Compute::Bf16 => ComputeKind::Bf16,
            },
            threads: Some(self.threads),
            queue: self.queue,
            transport: TransportSection {
                keep_alive: Some(TimeSpan(self.transport.keep_alive)),
                idle_timeout: Some(TimeSpan(self.transport.idle_timeout)),
                congestion: Some(self.transport.congestion.name().to_owned()),
                initial_window: self.transport.initial_window.map(Size),
                connection: Some(match self.transport.reuse {
                    Reuse::Warm => ConnectionKind::Warm,
                    Reuse::Cold => ConnectionKind::Cold,
                }),
                in_flight: Some(self.transport.in_flight),
                priority: Some(self.transport.priority.name().to_owned()),
                zero_rtt: Some(self.transport.zero_rtt),
                qlog: Some(self.qlog),
                retry_for: Some(TimeSpan(self.retry.total)),
                reply_timeout: Some(TimeSpan(self.transport.reply_timeout)),
            },
            edges_per_task: Some(self.edges_per_task),
            link: self.link.as_ref().map(LinkSection::from),
            thresholds: self.used_thresholds(),
            record_ladders: self.record_ladders,
            replay: self.replay.as_ref().map(ReplaySection::from),
            policies: self.sections(),
            include: Vec::new(),
            repeats: None,
            sweep: toml::Table::new(),
            provenance: toml::Table::new(),
        }
    }

    fn sections(&self) -> Vec<PolicySection> {
        let sections = self.policies.iter().map(|policy| policy.section.clone());
        sections.collect()
    }

    /// Those that a policy relies on, of the scenario's tasks.
    fn used_thresholds(&self) -> Thresholds {
        let mut used = self.thresholds.clone();
        used.retain(|&metric, _| self.policies.iter().any(|policy| policy.borrows(metric)));
        for of_tasks in used.values_mut() {
            of_tasks.retain(|task, _| self.tasks.contains(task));
        }
        used
    }
}

fn tasks(named: Option<&[Task]>, package: &Package) -> Result<Vec<Task>, ScenarioError> {
    let Some(named) = named else {
        return Ok(package.manifest().tasks.available());
    };
    if named.is_empty() {
        return Err(ScenarioError::value("tasks", "empty, name at least one"));
    }
    for &task in named {
        package
            .task(task)
            .map_err(|error| ScenarioError::value("tasks", error))?;
    }
    distinct("tasks", named.to_vec())
}

fn distinct<T: Ord + Copy + std::fmt::Display>(
    key: &str,
    values: Vec<T>,
) -> Result<Vec<T>, ScenarioError> {
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| !seen.insert(**value)) {
        Some(twice) => Err(ScenarioError::value(key, format!("'{twice}' stands twice"))),
        None => Ok(values),
    }
}

/// Refuses pictures that a replay cannot use: it compares true distortions.
fn check_truth(source: &SourceSpec, tasks: &[Task]) -> Result<(), ScenarioError> {
    match tasks.iter().find(|&&task| !source.has_truth(task)) {
        None => Ok(()),
        Some(task) => {
            let reason = format!(
                "a replay compares true distortions, and {source} has no ground truth for {task}"
            );
            Err(ScenarioError::value("images", reason))
        }
    }
}

fn source(file: &ScenarioFile) -> Result<SourceSpec, ScenarioError> {
    match (file.frames, &file.images) {
        (Some(frames), None) => {
            // The text form has the bounds of a source.
            let text = format!("scenes:{}:{frames}", file.seed);
            text.parse()
                .map_err(|error| ScenarioError::value("frames", error))
        }
        (None, Some(images)) => match images.parse() {
            Ok(SourceSpec::Scenes { .. }) => {
                let reason = "rendered scenes are asked for by frames and seed";
                Err(ScenarioError::value("images", reason))
            }
            parsed => parsed.map_err(|error| ScenarioError::value("images", error)),
        },
        (Some(_), Some(_)) => {
            let reason =
                "either frames (rendered scenes) or images (a folder or data set), not both";
            Err(ScenarioError::value("images", reason))
        }
        (None, None) => {
            let reason =
                "missing: how many rendered scenes, or name a folder or data set with images";
            Err(ScenarioError::value("frames", reason))
        }
    }
}

fn transport(section: &TransportSection) -> Result<TransportOptions, ScenarioError> {
    let default = TransportOptions::default();
    let congestion = section.congestion.as_deref().map(str::parse).transpose();
    let priority = section.priority.as_deref().map(str::parse).transpose();
    let options = TransportOptions {
        keep_alive: section.keep_alive.map_or(default.keep_alive, |span| span.0),
        idle_timeout: section
            .idle_timeout
            .map_or(default.idle_timeout, |span| span.0),
        congestion: congestion
            .map_err(|error| ScenarioError::value("transport.congestion", error))?
            .unwrap_or(default.congestion),
        initial_window: section.initial_window.map(|size| size.0),
        reuse: match section.connection {
            None | Some(ConnectionKind::Warm) => Reuse::Warm,
            Some(ConnectionKind::Cold) => Reuse::Cold,
        },
        in_flight: section.in_flight.unwrap_or(default.in_flight),
        priority: priority
            .map_err(|error| ScenarioError::value("transport.priority", error))?
            .unwrap_or(default.priority),
        zero_rtt: section.zero_rtt.unwrap_or(default.zero_rtt),
        reply_timeout: section
            .reply_timeout
            .map_or(default.reply_timeout, |span| span.0),
        ..default
    };
    options.check().map_err(contradiction)?;
    Ok(options)
}

/// A contradiction of options, by the keys that they have here.
fn contradiction(error: InvalidOptions) -> ScenarioError {
    match error {
        InvalidOptions::KeepAlive { .. } => ScenarioError::value(
            "transport.keep-alive",
            "must be shorter than transport.idle-timeout, or connections die between frames",
        ),
        InvalidOptions::Priority { priority } => ScenarioError::value(
            "transport.priority",
            format!(
                "'{priority}' orders frames that are under way at once, but transport.in-flight is \
                 1; raise it, or leave the priority at '{}'",
                Priority::Equal
            ),
        ),
        InvalidOptions::Cold { in_flight } => ScenarioError::value(
            "transport.in-flight",
            format!("{in_flight} frames need transport.connection = \"warm\": a cold one has one"),
        ),
        error @ InvalidOptions::OutOfRange { .. } => ScenarioError::value("transport", error),
    }
}

fn retry(section: &TransportSection) -> Backoff {
    let default = Backoff::default();
    Backoff {
        total: section.retry_for.map_or(default.total, |span| span.0),
        ..default
    }
}

fn policies(
    file: &ScenarioFile,
    tasks: &[Task],
    package: &Package,
) -> Result<Vec<PlannedPolicy>, ScenarioError> {
    if file.policies.is_empty() {
        return Err(ScenarioError::value("policies", "empty, name at least one"));
    }
    Id::new(file.name.clone()).map_err(|error| ScenarioError::value("name", error))?;
    check_thresholds(&file.thresholds)?;
    let mut names = BTreeSet::new();
    for policy in &file.policies {
        let name = &policy.name;
        if !names.insert(name) {
            let reason = format!("'{name}' stands twice");
            return Err(ScenarioError::value("policies.name", reason));
        }
        Id::new(name.clone())
            .and_then(|_| Id::new(format!("{}-{name}", file.name)))
            .map_err(|error| ScenarioError::value(format!("name of policy '{name}'"), error))?;
    }
    let calibrated = |metric: Metric, task: Task, tau: f64, alpha: f64| {
        let (codec, metric) = (file.codec.name(), metric.name());
        let threshold = package.calibrated_threshold(codec, task, metric, tau, alpha);
        threshold.map_err(|error| error.to_string())
    };
    let sources = ThresholdSources {
        table: &file.thresholds,
        calibrated: &calibrated,
    };
    let plan = |section: &PolicySection| {
        let planned = PlannedPolicy::plan(section.clone(), tasks, &sources)?;
        match planned.is_oracle() && file.replay.is_none() {
            true => Err(ScenarioError::value(
                format!("policies.{}.kind", planned.name),
                "an oracle knows the true distortion, which no edge does: it needs [replay]",
            )),
            false => Ok(planned),
        }
    };
    file.policies.iter().map(plan).collect()
}

fn check_thresholds(thresholds: &Thresholds) -> Result<(), ScenarioError> {
    for (&metric, of_tasks) in thresholds {
        for (task, &threshold) in of_tasks {
            criterion(metric, threshold).map_err(|reason| {
                ScenarioError::value(format!("thresholds.{metric}.{task}"), reason)
            })?;
        }
    }
    Ok(())
}
