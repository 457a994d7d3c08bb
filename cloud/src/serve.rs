//! `cloud serve`: resolve the arguments, load, serve, report.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::json;
use splitsim_cli::{Console, Failure, OrRefuse};
use splitsim_cloud::{Cloud, CloudConfig, CloudLimits, CloudReport};
use splitsim_codec::CodecOptions;
use splitsim_display::{printable, printable_json};
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_model::Package;
use splitsim_transport::identity::Roster;
use splitsim_transport::{Identity, TransportOptions};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};
use tokio::runtime::Runtime;

use crate::cli::ServeArgs;

/// The time to wait for a decoder process that outlives the shutdown.
const STRAGGLERS: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &ServeArgs, console: &mut Console) -> Result<(), Failure> {
    let package = Package::find(&args.model).or_refuse()?;
    let config = configure(args, &package).or_refuse()?;
    let engine = load(args, &package, &config.tasks).or_refuse()?;
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let outcome = runtime.block_on(serve(config, engine, args.json, console));
    runtime.shutdown_timeout(STRAGGLERS);
    let report = outcome?;
    match (report.write_failures, report.missing) {
        (0, 0) => Ok(()),
        (failures, missing) => Err(Failure::Failed(anyhow!(
            "{failures} results could not be written and {missing} are missing at the end, see the log"
        ))),
    }
}

fn configure(args: &ServeArgs, package: &Package) -> anyhow::Result<CloudConfig> {
    let identity = Identity::load(&args.identity)?;
    identity.check()?;
    Roster::of(identity.directory()).read()?;
    let mut config = CloudConfig::new(args.listen, identity, args.out.clone(), package);
    config.references = args.references.clone();
    config.transport = TransportOptions {
        keep_alive: args.keep_alive,
        idle_timeout: args.idle_timeout,
        ..TransportOptions::default()
    };
    config.limits = CloudLimits {
        connections: args.connections,
        connections_per_certificate: args.connections_per_certificate,
        runs_per_certificate: args.runs_per_certificate,
        body_memory: Bytes(u64::from(args.body_memory_mib) << 20),
        request_patience: args.request_timeout,
        reference_memory: Bytes(u64::from(args.reference_memory_mib) << 20),
        ..CloudLimits::default()
    };
    config.codec = CodecOptions {
        time_limit: args.codec_time_limit,
        decoder_memory: args
            .decoder_memory_mib
            .map(|mib| Bytes(u64::from(mib) << 20)),
        ..CodecOptions::default()
    };
    if let Some(workers) = args.workers {
        config.workers = workers;
    }
    Ok(config)
}

fn load(args: &ServeArgs, package: &Package, tasks: &[Task]) -> anyhow::Result<Engine> {
    let options = EngineOptions {
        parts: Parts::Heads,
        compute: Compute::default(),
        threads: args.threads,
    };
    Engine::load(package, tasks, options)
        .with_context(|| format!("model '{}' cannot be loaded", package.manifest().name))
}

async fn serve(
    config: CloudConfig,
    engine: Engine,
    json: bool,
    console: &mut Console,
) -> Result<CloudReport, Failure> {
    let model = engine.package().manifest().name.clone();
    let tasks = config.tasks.clone();
    let stop = console.signals.stop(STOPPING);
    let cloud = Cloud::start(config, engine).await;
    let cloud = cloud.map_err(|error| match error.is_configuration() {
        true => Failure::Refused(error.into()),
        false => Failure::Failed(error.into()),
    })?;
    let results = cloud.results_path().display().to_string();
    let ready = Ready {
        model: &model,
        tasks: &tasks,
        cloud: &cloud,
    };
    console.stdout.line(&match json {
        true => printable_json(&ready.to_json().to_string()),
        false => printable(&ready).to_string(),
    });
    let report = cloud.serve(stop.cancelled_owned()).await;
    let report = report.map_err(|error| Failure::Failed(error.into()))?;
    console.stdout.line(&match json {
        true => printable_json(&json!({ "event": "done", "report": report }).to_string()),
        false => printable(summary(&report, &results)).to_string(),
    });
    Ok(report)
}

/// The message that acknowledges a request to stop.
const STOPPING: &str = "ending: frames in flight are finished; once more to end at once";

/// The message printed once edges may connect.
struct Ready<'a> {
    model: &'a str,
    tasks: &'a [Task],
    cloud: &'a Cloud,
}

impl Ready<'_> {
    fn to_json(&self) -> serde_json::Value {
        json!({
            "event": "ready",
            "model": self.model,
            "tasks": self.tasks,
            "listen": self.cloud.local_addr().to_string(),
            "results": self.cloud.results_path(),
        })
    }
}

impl fmt::Display for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: Vec<&str> = self.tasks.iter().map(|task| task.name()).collect();
        write!(
            f,
            "serving {} ({}) on {}, results in {}",
            self.model,
            tasks.join(", "),
            self.cloud.local_addr(),
            self.cloud.results_path().display()
        )
    }
}

fn summary(report: &CloudReport, results: &str) -> String {
    let CloudReport {
        frames,
        duplicates,
        errors,
        write_failures,
        missing,
        references,
        settlements,
        edges,
    } = report;
    format!(
        "{frames} frames of {edges} edges recorded, {duplicates} sent again, {errors} refused \
         ({write_failures} not writable); {references} references, {settlements} settlements; \
         results in {results}{}",
        match missing {
            0 => String::new(),
            _ => format!(", where {missing} recorded frames are missing"),
        }
    )
}
