//! Everything that can be found wrong before any work starts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use splitsim_codec::container::Limits;
use splitsim_feature::units;
use splitsim_policy::{DecidedFrame, Decision};
use splitsim_proto::{CodecTables, Digest, Hello, Id, ModelIdentity, Name, PROTOCOL_VERSION};
use splitsim_source::Source;
use splitsim_transport::TransportError;
use splitsim_vision::Engine;

use crate::capture::Capture;
use crate::decisions::{DecisionLog, is_shipped};
use crate::gate::Gate;
use crate::outbox::{Backlog, Outbox};
use crate::stages::GateSettings;
use crate::{EdgeConfig, EdgeError, EdgeEvent, EdgeReport};

/// A run that can begin.
pub(crate) struct Plan {
    pub(crate) hello: Hello,
    pub(crate) capture: Capture,
    pub(crate) settings: GateSettings,
    pub(crate) outbox: Outbox,
    pub(crate) backlog: Backlog,
    /// Frames of which an earlier process' policy ships nothing.
    pub(crate) dropped: BTreeSet<u64>,
    pub(crate) frames: usize,
}

impl Plan {
    /// Opens all that the configuration names. Nothing is written before everything else has been
    /// found right. Blocks: the codec's program is asked for its abilities.
    pub(crate) fn prepare(config: &EdgeConfig, engine: Engine) -> Result<Self, EdgeError> {
        config.transport.check().map_err(TransportError::from)?;
        let package = engine.package();
        package.task(config.task)?;
        let mut source = Source::open(&config.source)?;
        if config.references {
            source = source.for_heads(package.manifest().tasks.classes());
        }
        let codec =
            splitsim_hyperprior::open(config.codec, package, config.task, &config.codec_options)?;
        let mut gate = Gate::new(codec, &config.policy, &config.metrics)?;
        let codec = name("codec", config.codec.name())?;
        let frames = source.count();
        // A picture whose name cannot travel would fail at its turn, and again at every continuation.
        for picture in (0..frames).filter_map(|index| source.name(index)) {
            name("picture", &picture)?;
        }
        let settings = config.settings(&engine, frames);
        let hello = hello(config, &engine, &gate, &settings)?;
        let (outbox, mut backlog) = Outbox::open(&config.out, &settings)?;
        if !config.references {
            backlog.unsettled.clear();
        }
        let (decisions, decided) = DecisionLog::open(&config.out)?;
        gate.resume(&decided);
        Ok(Self {
            hello,
            capture: Capture {
                source,
                engine,
                task: config.task,
                references: config.references,
            },
            settings: GateSettings {
                gate,
                task: config.task,
                codec,
                decisions,
                elapsed: elapsed(&decided),
                standing: standing(&decided),
            },
            outbox,
            backlog,
            dropped: dropped(&decided),
            frames,
        })
    }

    /// The frames that are neither answered nor spooled nor dropped.
    pub(crate) fn to_make(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let done: BTreeSet<u64> = self
            .backlog
            .answered
            .union(&self.backlog.spooled)
            .chain(&self.dropped)
            .copied()
            .collect();
        (0..self.frames as u64).filter(move |frame| !done.contains(frame))
    }

    pub(crate) fn is_done(&self) -> bool {
        let done = self.backlog.answered.len() + self.dropped.len();
        done == self.frames && self.backlog.unsettled.is_empty()
    }

    pub(crate) fn started(&self) -> EdgeEvent {
        EdgeEvent::Started {
            frames: self.frames,
            answered_before: self.backlog.answered.len(),
            spooled_before: self.backlog.spooled.len(),
        }
    }

    /// A report to which the courier's tally is added.
    pub(crate) fn report(&self, config: &EdgeConfig) -> EdgeReport {
        EdgeReport {
            run_id: config.run_id.clone(),
            edge_id: config.edge_id.clone(),
            frames: self.frames,
            answered_before: self.backlog.answered.len(),
            dropped: self.dropped.iter().copied().collect(),
            ..EdgeReport::default()
        }
    }
}

/// The frames of which nothing is shipped.
fn dropped(decided: &[DecidedFrame]) -> BTreeSet<u64> {
    let dropped = decided.iter().filter(|frame| frame.end == Decision::Drop);
    dropped.map(|frame| frame.frame).collect()
}

/// Returns the decisions to ship, by frame. Those of frames that were sent already are never looked up, since
/// such frames are not made again.
fn standing(decided: &[DecidedFrame]) -> BTreeMap<u64, DecidedFrame> {
    let shipped = decided.iter().filter(|decided| is_shipped(decided));
    shipped
        .map(|decided| (decided.frame, decided.clone()))
        .collect()
}

/// Returns the length of the run up to its last decision.
fn elapsed(decided: &[DecidedFrame]) -> Duration {
    decided
        .last()
        .map_or(Duration::ZERO, |frame| frame.conditions.now)
}

fn hello(
    config: &EdgeConfig,
    engine: &Engine,
    gate: &Gate,
    settings: &Value,
) -> Result<Hello, EdgeError> {
    let package = engine.package();
    Ok(Hello {
        protocol_version: PROTOCOL_VERSION,
        run_id: id("run id", &config.run_id)?,
        edge_id: id("edge id", &config.edge_id)?,
        policy: name("policy", &gate.label())?,
        model: ModelIdentity {
            name: name("model", &package.manifest().name)?,
            digest: Digest::new(*package.digest().bytes()),
        },
        tasks: vec![config.task],
        codecs: vec![CodecTables {
            name: name("codec", config.codec.name())?,
            task: config.task,
            tables_digest: Digest::new(*gate.tables_digest().bytes()),
        }],
        software_version: name("software version", SOFTWARE)?,
        references: config.references,
        max_container_bytes: units::Bytes(Limits::default().payload_bytes as u64),
        settings_digest: Some(settings_digest(settings)),
        // A label: the digest covers it, whatever characters it has.
        source: Name::new(config.source.to_string()).ok(),
    })
}

/// The digest of the settings in the order of their names.
fn settings_digest(settings: &Value) -> Digest {
    let sorted: BTreeMap<&String, &Value> = settings.as_object().into_iter().flatten().collect();
    let text: String = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    Digest::new(*splitsim_model::Digest::of(text.as_bytes()).bytes())
}

fn name(what: &'static str, text: &str) -> Result<Name, EdgeError> {
    Name::new(text).map_err(|error| invalid(what, text, &error))
}

fn id(what: &'static str, text: &str) -> Result<Id, EdgeError> {
    Id::new(text).map_err(|error| invalid(what, text, &error))
}

fn invalid(what: &'static str, text: &str, error: &dyn std::error::Error) -> EdgeError {
    EdgeError::Name {
        what,
        text: text.to_owned(),
        reason: error.to_string(),
    }
}

const SOFTWARE: &str = concat!("splitsim-edge ", env!("CARGO_PKG_VERSION"));
