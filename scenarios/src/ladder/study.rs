//! A scenario's ladders from its pictures, and its policies over them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use splitsim_model::Package;
use splitsim_replay::Comparison;
use splitsim_vision::{Engine, EngineOptions, Parts};
use tokio_util::sync::CancellationToken;

use super::{Recorder, Recordings, compare, write};
use crate::Screen;
use crate::run::{self, Folder, Owner, Provenance, interrupt};
use crate::scenario::{self, Scenario};

/// What is to be recorded and compared, as it was typed.
#[derive(Debug, Clone)]
pub struct StudyOrder {
    /// The scenario file.
    pub scenario: PathBuf,
    /// `key=value`, applied to it in their order.
    pub settings: Vec<String>,
    /// Where results go; `out/NAME` unless given.
    pub out: Option<PathBuf>,
    /// Whether results of another scenario or model that are there are replaced.
    pub force: bool,
}

/// A scenario whose ladders can be recorded.
#[derive(Debug)]
pub struct Study {
    scenario: Scenario,
    package: Package,
    folder: Folder,
    backbone: Engine,
    heads: Engine,
}

/// What came of a study.
#[derive(Debug)]
pub struct Studied {
    /// The ranking, if the scenario has `[replay]` and everything is recorded.
    pub comparison: Option<Comparison>,
    /// Frames recorded, per task.
    pub frames: Vec<(splitsim_feature::Task, usize)>,
    /// Where the results are.
    pub out: PathBuf,
    /// What is missing, and why.
    pub shortfall: Option<String>,
}

impl Study {
    /// Reads the scenario, loads the model, and takes hold of the folder of results.
    ///
    /// # Errors
    /// When anything does not fit; nothing has been replaced then.
    pub fn prepare(order: &StudyOrder) -> Result<Self> {
        let named = || format!("scenario {}", order.scenario.display());
        let draft = scenario::read(&order.scenario, &order.settings)?;
        let package = Package::find(draft.model()).with_context(named)?;
        let scenario = draft.resolve(&package).with_context(named)?;
        let frames = run::check(&scenario, &package).with_context(named)?;
        let load = |parts| {
            let options = EngineOptions {
                parts,
                compute: scenario.compute,
                threads: Some(scenario.threads),
            };
            Engine::load(&package, &scenario.tasks, options)
        };
        let (backbone, heads) = (load(Parts::Backbone)?, load(Parts::Heads)?);
        let out = order.out.clone();
        let out = out.unwrap_or_else(|| Path::new("out").join(&scenario.name));
        let provenance = Provenance::gather(&package)?;
        let owner = Owner {
            scenario: &scenario,
            provenance: &provenance,
            frames,
        };
        let folder = Folder::open(&out, &owner, order.force)?;
        Ok(Self {
            scenario,
            package,
            folder,
            backbone,
            heads,
        })
    }

    /// Records what is not recorded yet, then compares the policies if the scenario says how.
    ///
    /// Ctrl-C ends it early: the frame under way is finished, and the same command goes on.
    ///
    /// # Errors
    /// When recording fails, a policy does not suit the recording, or results cannot be written.
    pub async fn perform(mut self, screen: &Screen) -> Result<Studied> {
        self.folder.begin()?;
        screen.note(&format!("results: {}", self.folder.path().display()));
        let stop = CancellationToken::new();
        interrupt::watch(stop.clone(), screen.clone())?;
        let screen = screen.clone();
        tokio::task::spawn_blocking(move || self.work(&stop, &screen))
            .await
            .context("the recording broke down")?
    }

    fn work(self, stop: &CancellationToken, screen: &Screen) -> Result<Studied> {
        let recorder = Recorder {
            scenario: &self.scenario,
            package: &self.package,
            backbone: &self.backbone,
            heads: &self.heads,
            stop,
        };
        let Recordings {
            of_tasks,
            interrupted,
        } = recorder.record(&self.folder.ladders(), screen)?;
        let frames = of_tasks
            .iter()
            .map(|r| (r.identity().task, r.frames().len()))
            .collect();
        let out = self.folder.path().to_owned();
        if interrupted {
            return Ok(Studied {
                comparison: None,
                frames,
                out,
                shortfall: Some("interrupted; the same command goes on".to_owned()),
            });
        }
        let comparison = match &self.scenario.replay {
            Some(plan) => Some(compare(&self.scenario, plan, &self.package, &of_tasks)?),
            None => None,
        };
        if let Some(comparison) = &comparison {
            write(comparison, &out)?;
        }
        Ok(Studied {
            comparison,
            frames,
            out,
            shortfall: None,
        })
    }
}
