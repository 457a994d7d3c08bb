//! `cloud serve`: resolve what was typed, load, serve, report.

use std::fmt;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use splitsim_cloud::{Cloud, CloudConfig, CloudLimits, CloudReport};
use splitsim_codec::CodecOptions;
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_model::Package;
use splitsim_transport::identity::Roster;
use splitsim_transport::{Identity, TransportOptions};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;

/// Why the program ends, and with which code.
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) code: ExitCode,
}

/// How long a decoder process that outlives the shutdown is waited for.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// What cannot be right before anything is served.
fn misconfigured(error: impl Into<anyhow::Error>) -> Failure {
    Failure {
        error: error.into(),
        code: ExitCode::from(2),
    }
}

fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure {
        error: error.into(),
        code: ExitCode::FAILURE,
    }
}

pub(crate) fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    start_log(&args.log).map_err(misconfigured)?;
    let package = Package::find(&args.model).map_err(misconfigured)?;
    let config = configure(&args, &package).map_err(misconfigured)?;
    let engine = load(&args, &package, &config.tasks).map_err(misconfigured)?;
    let runtime = Runtime::new()
        .context("cannot start the runtime")
        .map_err(failed)?;
    let outcome = runtime.block_on(serve(config, engine, args.json));
    runtime.shutdown_timeout(STRAGGLERS);
    let report = outcome?;
    Ok(match (report.write_failures, report.missing) {
        (0, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("log filter '{filter}' is not valid"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    Ok(())
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
        reference_memory: Bytes(u64::from(args.reference_memory_mib) << 20),
        ..CloudLimits::default()
    };
    config.codec = CodecOptions {
        time_limit: args.decode_limit,
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

async fn serve(config: CloudConfig, engine: Engine, json: bool) -> Result<CloudReport, Failure> {
    let model = engine.package().manifest().name.clone();
    let tasks = config.tasks.clone();
    let interrupted = interruption().map_err(failed)?;
    let cloud =
        Cloud::start(config, engine)
            .await
            .map_err(|error| match error.is_configuration() {
                true => misconfigured(error),
                false => failed(error),
            })?;
    let results = cloud.results_path().display().to_string();
    let ready = Ready {
        model: &model,
        tasks: &tasks,
        cloud: &cloud,
    };
    match json {
        true => println!("{}", ready.to_json()),
        false => println!("{ready}"),
    }
    let report = cloud.serve(interrupted).await.map_err(failed)?;
    match json {
        true => println!("{}", json!({ "event": "done", "report": report })),
        false => println!("{}", summary(&report, &results)),
    }
    Ok(report)
}

/// Ready when the program is asked to end. Listens from the call on, so that no signal is missed.
#[cfg(unix)]
fn interruption() -> anyhow::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ready when the program is asked to end.
#[cfg(not(unix))]
fn interruption() -> anyhow::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen for Ctrl-C, stopping");
        }
    })
}

/// What is said once edges may connect.
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
