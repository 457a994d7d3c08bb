use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_model::{Package, RangeTable, ValueRange};
use splitsim_results::LoggedFrame;
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_vision::train::{TrainConfig, random_package};
use tempfile::TempDir;

use crate::{CloudRun, EdgeRun, Ended, Program, results};

/// A folder of one test: a model of random weights, identities, and the output of programs.
#[derive(Debug)]
pub struct Lab {
    directory: TempDir,
}

impl Lab {
    /// A model and one set of identities.
    #[must_use]
    pub fn new() -> Self {
        let lab = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        lab.make_package("random", 1);
        lab.make_identities("identities", &[]);
        lab
    }

    /// A file or folder of the lab.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the working directory of the programs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The model.
    #[must_use]
    pub fn package(&self) -> Package {
        Package::open(&self.path("random")).unwrap()
    }

    /// Makes a model of four narrow blocks, with a ladder of two rungs for every task.
    pub fn make_package(&self, name: &str, seed: u64) -> Package {
        random_package_with_ladder(&self.path(name), seed, &QPS)
    }

    /// Makes an authority, and identities for both sides.
    pub fn make_identities(&self, name: &str, hosts: &[&str]) {
        let options = IdentityOptions {
            names: hosts.iter().map(ToString::to_string).collect(),
            ..IdentityOptions::default()
        };
        identity::create(&self.path(name), &options).unwrap();
    }

    /// An identity directory put together from files of others.
    pub fn mix_identity(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let mixed = self.path(name);
        fs::create_dir_all(&mixed).unwrap();
        for (file, from) in files {
            fs::copy(self.path(from).join(file), mixed.join(file)).unwrap();
        }
        mixed
    }

    /// A cloud on any free port of this machine.
    #[must_use]
    pub fn cloud(&self) -> CloudRun {
        CloudRun {
            directory: self.directory().to_owned(),
            launcher: Vec::new(),
            listen: "127.0.0.1:0".parse().unwrap(),
            identity: self.path("identities/cloud"),
            model: self.path("random"),
            out: self.path("cloud-out"),
            ffmpeg: None,
        }
    }

    /// An edge with two pictures for classification, under no gate.
    #[must_use]
    pub fn edge(&self, cloud: SocketAddr) -> EdgeRun {
        EdgeRun {
            directory: self.directory().to_owned(),
            launcher: Vec::new(),
            connect: cloud,
            identity: self.path("identities/edge"),
            model: self.path("random"),
            task: Task::Cls,
            frames: 2,
            seed: EdgeRun::SEED,
            policy: "always:richest".to_owned(),
            run_id: "run".to_owned(),
            edge_id: "edge".to_owned(),
            retry_for: "60s",
            idle_timeout: "60s",
            in_flight: 1,
            references: None,
            ffmpeg: None,
        }
    }

    /// Runs `splitsim` to its end.
    pub fn splitsim(&self, arguments: &[&str]) -> Ended {
        let set_up = |command: &mut std::process::Command| {
            command.args(arguments);
        };
        Program::start("splitsim", &[], self.directory(), set_up).end()
    }

    /// All frames that the lab's cloud has recorded.
    #[must_use]
    pub fn logged(&self) -> Vec<LoggedFrame> {
        results::frames(&self.path("cloud-out"))
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// The quantisation parameters of the ladder: one coarse, one fine.
const QPS: [f64; 2] = [38.0, 22.0];

/// Makes a package of four narrow blocks of random weights, with ranges, and with this ladder of `hevc` for every
/// task.
pub fn random_package_with_ladder(root: &Path, seed: u64, qps: &[f64]) -> Package {
    let config = TrainConfig {
        seed,
        ..TrainConfig::miniature()
    };
    let package = random_package(&config, root).unwrap();
    let mut manifest = package.manifest().clone();
    for task in Task::ALL {
        let common = manifest.tasks.common_mut(task).unwrap();
        let range = ValueRange::new(-8.0, 8.0).unwrap();
        common.ranges = RangeTable(vec![range; common.taps.len()]);
        common.ladders.insert("hevc".to_owned(), qps.to_vec());
    }
    manifest.write(root).unwrap();
    Package::open(root).unwrap()
}
