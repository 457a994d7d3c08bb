//! From what was typed to what is needed.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use splitsim_codec::CodecOptions;
use splitsim_edge::EdgeConfig;
use splitsim_model::Package;
use splitsim_proto::Id;
use splitsim_transport::{Backoff, Destination, Identity, TransportOptions};
use splitsim_vision::{Engine, EngineOptions, Parts};

use crate::cli::RunArgs;

/// A configuration and a loaded model.
pub(crate) struct Setup {
    pub(crate) config: EdgeConfig,
    pub(crate) engine: Engine,
}

impl Setup {
    /// The cheap checks come first: weights are loaded last.
    pub(crate) fn prepare(args: &RunArgs) -> anyhow::Result<Self> {
        let config = config(args)?;
        let package = Package::find(&args.model)?;
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: args.compute,
            threads: args.threads,
        };
        let engine = Engine::load(&package, &[args.task], options)
            .with_context(|| format!("model {}", package.root().display()))?;
        Ok(Self { config, engine })
    }
}

fn config(args: &RunArgs) -> anyhow::Result<EdgeConfig> {
    splitsim_edge::decisive_metric(&args.policy)?;
    let name = args.server_name.as_deref();
    let beside = args.references_connect.as_deref();
    let run_id = args.run_id.clone().unwrap_or_else(new_run_id);
    let identity = Identity::load(&args.identity).context("identity")?;
    identity.check().context("identity")?;
    let edge_id = identity
        .edge_id(args.edge_id.as_ref())
        .context("identity")?;
    Ok(EdgeConfig {
        target: destination(&args.connect, name)?,
        reference_target: beside
            .map(|address| destination(address, name))
            .transpose()?,
        identity,
        out: out(args, &run_id, &edge_id),
        run_id,
        edge_id: edge_id.to_string(),
        task: args.task,
        source: args.source.clone(),
        codec: args.codec,
        codec_options: CodecOptions {
            range_mode: args.range.clone(),
            ..CodecOptions::default()
        },
        policy: args.policy.clone(),
        metrics: args.metrics.clone(),
        references: !args.no_references,
        transport: transport(args),
        retry: Backoff {
            total: args.retry_for,
            ..Backoff::default()
        },
        depth: args.queue,
    })
}

/// A short idle timeout needs more frequent signs of life than the default's.
fn transport(args: &RunArgs) -> TransportOptions {
    let default = TransportOptions::default();
    TransportOptions {
        idle_timeout: args.idle_timeout,
        reply_timeout: args.reply_timeout,
        keep_alive: default.keep_alive.min(args.idle_timeout / 3),
        in_flight: args.in_flight,
        priority: args.priority,
        ..default
    }
}

/// Each run has its own directory, unless one is named.
fn out(args: &RunArgs, run_id: &str, edge_id: &Id) -> PathBuf {
    let default = || Path::new("edge-out").join(run_id).join(edge_id.as_str());
    args.out.clone().unwrap_or_else(default)
}

/// A cloud that has an address now; it is asked for anew at every connection.
fn destination(address: &str, server_name: Option<&str>) -> anyhow::Result<Destination> {
    let destination = Destination::parse(address, server_name)?;
    destination
        .resolve()
        .with_context(|| format!("cannot resolve '{address}'"))?;
    Ok(destination)
}

/// The time, for people, and enough chance that two edges started together differ.
fn new_run_id() -> String {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let suffix = RandomState::new().hash_one(&time) & 0xff_ffff;
    format!("{}-{suffix:06x}", time.replace(['-', ':'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_run_id_is_a_valid_one_and_new() {
        let id = new_run_id();
        assert!(Id::new(id.clone()).is_ok(), "{id}");
        assert_ne!(id, new_run_id());
    }
}
