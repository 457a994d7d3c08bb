//! A scenario made ready for work.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use splitsim_model::Package;
use splitsim_vision::{Engine, EngineOptions, Parts};

use super::folder::{Folder, Owner};
use super::provenance::Provenance;
use crate::scenario::{self, Scenario};

/// A scenario and where its results go, as they were typed.
#[derive(Debug, Clone)]
pub struct Order {
    /// The scenario file.
    pub scenario: PathBuf,
    /// `key=value`, applied to it in their order.
    pub settings: Vec<String>,
    /// The folder for the results; `out/NAME` unless given.
    pub out: Option<PathBuf>,
    /// `true` to replace existing results, those of another scenario or model included.
    pub force: bool,
}

/// A scenario of which everything is known to be there, its model loaded, its folder of results held.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) scenario: Scenario,
    pub(crate) package: Package,
    pub(crate) provenance: Provenance,
    pub(crate) frames: usize,
    pub(crate) folder: Folder,
    pub(crate) backbone: Engine,
    pub(crate) heads: Engine,
}

impl Prepared {
    /// Reads the scenario, loads the model, and takes hold of the folder of results.
    ///
    /// # Errors
    /// When anything does not fit; nothing has been replaced then.
    pub(crate) fn open(order: &Order) -> Result<Self> {
        let named = || format!("scenario {}", order.scenario.display());
        let draft = scenario::read(&order.scenario, &order.settings)?;
        let package = Package::find(draft.model()).with_context(named)?;
        let scenario = draft.resolve(&package).with_context(named)?;
        let frames = super::check(&scenario, &package).with_context(named)?;
        let provenance = Provenance::gather(&package)?;
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
        let owner = Owner {
            scenario: &scenario,
            provenance: &provenance,
            frames,
        };
        let folder = Folder::open(&out, &owner, order.force)?;
        Ok(Self {
            scenario,
            package,
            provenance,
            frames,
            folder,
            backbone,
            heads,
        })
    }
}
