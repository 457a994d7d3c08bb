//! The cloud and the edges of one process, with a real network between them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use serde_json::json;
use splitsim_cloud::{Cloud, CloudConfig, CloudError, CloudLimits, CloudReport};
use splitsim_edge::{EdgeConfig, EdgeError, EdgeReport};
use splitsim_feature::Task;
use splitsim_policy::{Criterion, PolicyConfig};
use splitsim_results::RunRecord;
use splitsim_source::Source;
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_transport::{Destination, HandshakeLimits, Identity, TransportOptions};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::live::{LiveEdge, LiveTask};
use super::wire::{self, PathSample, Wires};
use super::{Experiment, Prepared};
use crate::Screen;
use crate::scenario::{PlannedPolicy, Scenario};

/// A cloud that serves, and what edges need to reach it.
pub(super) struct Loopback {
    address: SocketAddr,
    edge_identity: Identity,
    cloud: JoinHandle<Result<CloudReport, CloudError>>,
    stop_cloud: CancellationToken,
}

impl Loopback {
    /// Starts the cloud on a free port, with identities that live as long as this process.
    pub(super) async fn start(experiment: &Experiment) -> Result<Self> {
        let (cloud_identity, edge_identity) = identities()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let out = experiment.ready.folder.path().to_owned();
        let scenario = &experiment.ready.scenario;
        let limits = CloudLimits::default();
        let config = CloudConfig {
            tasks: scenario.tasks.clone(),
            transport: TransportOptions {
                handshakes: HandshakeLimits::NONE,
                ..scenario.transport.clone()
            },
            // Its edges are this process' own, and share a certificate; windows are the scenario's.
            limits: CloudLimits {
                frames_in_flight: limits.frames_in_flight.max(scenario.transport.in_flight),
                connections_per_certificate: limits.connections,
                stream_window: scenario.transport.stream_window,
                ..limits
            },
            codec: scenario.codec_options.clone(),
            runs: runs(experiment),
            // Edges are listened to here, ten times as often.
            connection_samples: false,
            ..CloudConfig::new(listen, cloud_identity, out, &experiment.ready.package)
        };
        let cloud = Cloud::start(config, experiment.ready.heads.clone())
            .await
            .context("cannot start the cloud")?;
        let address = cloud.local_addr();
        let stop_cloud = CancellationToken::new();
        let stopped = stop_cloud.clone().cancelled_owned();
        Ok(Self {
            address,
            edge_identity,
            cloud: tokio::spawn(cloud.serve(stopped)),
            stop_cloud,
        })
    }

    /// Runs every policy, then ends the cloud. Returns what did not go well, which lies in the results
    /// as missing frames.
    pub(super) async fn run(
        self,
        experiment: &Experiment,
        screen: &Screen,
        stop: &CancellationToken,
    ) -> Result<Vec<String>> {
        let outcome = self.policies(experiment, screen, stop).await;
        self.stop_cloud.cancel();
        let ended = self.cloud.await.context("the cloud broke down")?;
        let shortfalls = outcome?;
        ended.context("the cloud did not end well")?;
        Ok(shortfalls)
    }

    async fn policies(
        &self,
        experiment: &Experiment,
        screen: &Screen,
        stop: &CancellationToken,
    ) -> Result<Vec<String>> {
        warm_up(experiment).await?;
        let mut shortfalls = Vec::new();
        for policy in &experiment.ready.scenario.policies {
            if stop.is_cancelled() {
                break;
            }
            self.policy(experiment, policy, screen, stop, &mut shortfalls)
                .await?;
        }
        if stop.is_cancelled() {
            shortfalls.push("interrupted".to_owned());
        }
        Ok(shortfalls)
    }

    /// Runs the edges of one policy together. An edge that fails ends the others too: they share its machine
    /// and its cloud.
    async fn policy(
        &self,
        experiment: &Experiment,
        policy: &PlannedPolicy,
        screen: &Screen,
        stop: &CancellationToken,
        shortfalls: &mut Vec<String>,
    ) -> Result<()> {
        let stop = stop.child_token();
        let scenario = &experiment.ready.scenario;
        let ids = edge_ids(scenario);
        let wires = match &scenario.link {
            Some(plan) => Some(Wires::start(
                plan,
                self.address,
                ids.iter().map(|(id, _)| id.as_str()),
                &experiment.ready.folder.edge(&policy.name, "packets"),
            )?),
            None => None,
        };
        let mut edges = Vec::new();
        let bars = bars(experiment, policy, screen);
        for (id, task) in &ids {
            let (Some(config), Some(bar)) = (policy.of_task.get(task), bars.get(task)) else {
                continue;
            };
            let label = format!("{} {id}", policy.name);
            let live = LiveTask::edge(bar, label.clone());
            let entry = wires.as_ref().and_then(|wires| wires.entry(id));
            let config = self.edge(experiment, policy, (id, *task), config, entry)?;
            let work = edge(
                config,
                experiment.ready.backbone.clone(),
                live,
                stop.clone(),
            );
            edges.push((id, label, tokio::spawn(work)));
        }
        let (mut failure, mut connections) = (None, Vec::new());
        let run_id = scenario.run_id(policy);
        for (id, label, edge) in edges {
            let (outcome, paths) = edge
                .await
                .with_context(|| format!("edge {label} broke down"))?;
            connections.extend(wire::connections(&run_id, id, &paths));
            match outcome {
                Ok(report) => {
                    experiment
                        .ready
                        .folder
                        .failed(&policy.name, id, &report.failed)?;
                    shortfalls.extend(shortfall(&label, &report));
                }
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    failure.get_or_insert(error.context(format!("edge {label}")));
                }
            }
        }
        let (links, notes) = match wires {
            Some(wires) => wires.stop(&run_id)?,
            None => (Vec::new(), Vec::new()),
        };
        notes.iter().for_each(|note| screen.note(note));
        let results = experiment.ready.folder.results();
        let store = move || wire::store(&results, &links, &connections);
        tokio::task::spawn_blocking(store)
            .await
            .context("storing samples broke down")?
            .context("cannot store how the link was")?;
        failure.map_or(Ok(()), Err)
    }

    /// One edge, sending to `entry` where that is not the cloud itself.
    fn edge(
        &self,
        experiment: &Experiment,
        policy: &PlannedPolicy,
        (edge_id, task): (&str, Task),
        config: &PolicyConfig,
        entry: Option<SocketAddr>,
    ) -> Result<EdgeConfig> {
        let scenario = &experiment.ready.scenario;
        let target = |address| Destination::new(vec![address], self.address.ip().to_string());
        let out = experiment.ready.folder.edge(&policy.name, edge_id);
        let mut transport = scenario.transport.clone();
        if scenario.qlog {
            let folder = out.join("qlog");
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("folder {}", folder.display()))?;
            transport.qlog = Some(folder);
        }
        Ok(EdgeConfig {
            target: target(entry.unwrap_or(self.address)),
            reference_target: entry.map(|_| target(self.address)),
            identity: self.edge_identity.clone(),
            run_id: scenario.run_id(policy),
            edge_id: edge_id.to_owned(),
            task,
            source: scenario.source.clone(),
            codec: scenario.codec,
            codec_options: scenario.codec_options.clone(),
            policy: config.clone(),
            metrics: scenario.metrics.clone(),
            references: true,
            out,
            transport,
            retry: scenario.retry,
            depth: scenario.queue,
        })
    }
}

/// A bar for each task of the policy.
fn bars(
    experiment: &Experiment,
    policy: &PlannedPolicy,
    screen: &Screen,
) -> BTreeMap<Task, Arc<Mutex<LiveTask>>> {
    let edges = experiment.ready.scenario.edges_per_task.get();
    let tasks = policy.of_task.keys();
    tasks
        .map(|&task| {
            let label = format!("{} {task}", policy.name);
            let bar = LiveTask::new(screen, label, experiment.ready.frames, edges);
            (task, Arc::new(Mutex::new(bar)))
        })
        .collect()
}

/// One edge from start to end; an error of its own stops its neighbours.
async fn edge(
    config: EdgeConfig,
    engine: splitsim_vision::Engine,
    mut live: LiveEdge,
    stop: CancellationToken,
) -> (Result<EdgeReport, EdgeError>, Vec<PathSample>) {
    let stopped = stop.clone().cancelled_owned();
    let outcome = splitsim_edge::run(config, engine, |event| live.hear(event), stopped).await;
    if outcome.is_err() {
        stop.cancel();
    }
    (outcome, live.finish())
}

/// The edges of a policy with their tasks: named after the task, and numbered where it has several.
pub(super) fn edge_ids(scenario: &Scenario) -> Vec<(String, Task)> {
    let count = scenario.edges_per_task.get();
    let of_task = |&task: &Task| {
        (0..count).map(move |number| match count {
            1 => (task.name().to_owned(), task),
            _ => (format!("{task}-{number}"), task),
        })
    };
    scenario.tasks.iter().flat_map(of_task).collect()
}

/// Identities are loaded into memory; their files need not outlive that.
fn identities() -> Result<(Identity, Identity)> {
    let folder = tempfile::tempdir().context("cannot make a folder for certificates")?;
    let created = identity::create(folder.path(), &IdentityOptions::default())?;
    Ok((
        Identity::load(&created.cloud)?,
        Identity::load(&created.edge)?,
    ))
}

/// The runs as they are recorded, with what the hello of an edge cannot tell.
fn runs(experiment: &Experiment) -> Vec<RunRecord> {
    let mut runs = Vec::new();
    for policy in &experiment.ready.scenario.policies {
        for (edge_id, task) in edge_ids(&experiment.ready.scenario) {
            if let Some(config) = policy.of_task.get(&task) {
                runs.push(run(experiment, policy, (edge_id, task), config));
            }
        }
    }
    runs
}

fn run(
    experiment: &Experiment,
    policy: &PlannedPolicy,
    (edge_id, task): (String, Task),
    config: &PolicyConfig,
) -> RunRecord {
    let Prepared {
        scenario,
        package,
        provenance,
        folder,
        ..
    } = &experiment.ready;
    RunRecord {
        run_id: scenario.run_id(policy),
        edge_id,
        policy: config.to_string(),
        task: Some(task),
        model: package.manifest().name.clone(),
        model_digest: package.digest().to_string(),
        codec: scenario.codec.name().to_owned(),
        metric: config.criterion().map(|pass| pass.metric().to_owned()),
        threshold: config.criterion().map(Criterion::threshold),
        bound: config.criterion().map(Criterion::bound),
        source: Some(scenario.source.to_string()),
        // Its hello tells it.
        settings_digest: None,
        seed: scenario.seed,
        started_at: provenance.begun_at.clone(),
        software_version: provenance.splitsim.clone(),
        host: json!(provenance),
        scenario: folder.resolved().to_owned(),
    }
}

/// The first extraction and the first run of a head are slow: libtorch sets itself up.
async fn warm_up(experiment: &Experiment) -> Result<()> {
    let (backbone, heads) = (
        experiment.ready.backbone.clone(),
        experiment.ready.heads.clone(),
    );
    let source = experiment.ready.scenario.source.clone();
    let tasks = experiment.ready.scenario.tasks.clone();
    let work = move || -> Result<()> {
        let source = Source::open(&source)?;
        for task in tasks {
            let picture = source.item(0, task)?.picture;
            let extent = picture.extent();
            let feature = backbone.extract(task, picture)?.feature;
            heads.run_head(task, &feature, extent)?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the warm-up broke down")?
        .context("warm-up")
}

/// Describes the frames that failed at an edge; `None` if there are none.
fn shortfall(label: &str, report: &EdgeReport) -> Option<String> {
    let failed = report.failed.first();
    failed.map(|first| {
        let (count, frame, reason) = (report.failed.len(), first.frame, &first.reason);
        format!("{label}: {count} frames failed, the first was {frame}: {reason}")
    })
}
