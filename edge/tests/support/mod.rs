//! A model of random weights, and a cloud that only keeps what it is sent.

#![allow(dead_code, reason = "every test file uses its part of this")]

mod cloud;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use splitsim_codec::{CodecId, CodecOptions, RangeMode};
use splitsim_edge::{EdgeConfig, EdgeError, EdgeEvent, EdgeReport};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_transport::{Backoff, Identity, Target, TransportOptions};
use splitsim_vision::train::{TrainConfig, random_package};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};
use tempfile::TempDir;

#[allow(unused_imports, reason = "every test file uses its part of this")]
pub(crate) use cloud::{FakeCloud, Faults, Odd};

/// Identities, a directory for the edge, and a cloud's address that nobody listens on yet.
pub(crate) struct World {
    directory: TempDir,
    pub(crate) target: Target,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        identity::create(directory.path(), &IdentityOptions::default()).unwrap();
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        Self {
            directory,
            target: Target {
                address: free.local_addr().unwrap(),
                server_name: "localhost".to_owned(),
            },
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    pub(crate) fn edge_identity(&self) -> PathBuf {
        self.path().join("edge")
    }

    pub(crate) fn cloud(&self, faults: Faults) -> FakeCloud {
        let identity = Identity::load(&self.path().join("cloud")).unwrap();
        FakeCloud::start(self.target.address, &identity, package(), faults)
    }

    pub(crate) fn config(&self, source: &str) -> EdgeConfig {
        EdgeConfig {
            target: self.target.clone().into(),
            reference_target: None,
            identity: Identity::load(&self.edge_identity()).unwrap(),
            run_id: "run-1".to_owned(),
            edge_id: "edge-1".to_owned(),
            task: Task::Cls,
            source: source.parse().unwrap(),
            codec: CodecId::Hevc,
            codec_options: CodecOptions {
                range_mode: RangeMode::Feature,
                ..CodecOptions::default()
            },
            policy: "threshold:cosine>=0.9".parse().unwrap(),
            metrics: Vec::new(),
            references: true,
            out: self.out(),
            transport: TransportOptions {
                handshake_timeout: Duration::from_millis(500),
                ..TransportOptions::default()
            },
            retry: Backoff {
                initial: Duration::from_millis(20),
                max: Duration::from_millis(200),
                total: Duration::from_secs(20),
            },
            depth: NonZeroUsize::new(2).unwrap(),
        }
    }

    /// Frames that wait in the spool.
    pub(crate) fn spooled(&self) -> usize {
        std::fs::read_dir(self.out().join("spool")).map_or(0, Iterator::count)
    }
}

/// Runs an edge to its end, and returns what it said on the way too.
pub(crate) async fn run(config: EdgeConfig) -> (Result<EdgeReport, EdgeError>, Vec<EdgeEvent>) {
    let mut events = Vec::new();
    let outcome = splitsim_edge::run(
        config,
        engine().clone(),
        |event| events.push(event.clone()),
        std::future::pending(),
    )
    .await;
    (outcome, events)
}

/// Frames of which a feature was extracted.
pub(crate) fn extracted(events: &[EdgeEvent]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, EdgeEvent::Extracted { .. }))
        .count()
}

pub(crate) fn package() -> &'static Package {
    engine().package()
}

pub(crate) fn shared_engine() -> Engine {
    engine().clone()
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: Compute::F32,
            threads: NonZeroUsize::new(1),
        };
        Engine::load(&random_model(), &Task::ALL, options).unwrap()
    })
}

/// A package of random weights with a ladder of four levels.
fn random_model() -> Package {
    let file = std::env::current_exe().unwrap();
    let name = file.file_name().unwrap();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let package = random_package(&TrainConfig::miniature(), &directory).unwrap();
    let mut manifest = package.manifest().clone();
    for task in Task::ALL {
        let common = manifest.tasks.common_mut(task).unwrap();
        let ladder = vec![40.0, 30.0, 20.0, 10.0];
        common.ladders.insert("hevc".to_owned(), ladder);
    }
    manifest.write(&directory).unwrap();
    Package::open(&directory).unwrap()
}
