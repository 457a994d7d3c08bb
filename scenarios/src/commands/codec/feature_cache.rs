//! Features that a training has extracted, kept as files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use splitsim_feature::{Feature, Task, npy};
use splitsim_model::{Architecture, Digest, Package, TaskSpec};
use splitsim_source::Picture;
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use crate::outputs::write_feature;

/// Features as files, extracted where they are missing.
///
/// A file's place is made of everything that the feature depends on: backbone, taps, preprocessing and the
/// picture's samples. The picture's name and its place in the source are no part of it, so one folder may
/// serve any number of sources, and a picture that has changed has no feature yet.
pub(super) struct FeatureCache<'a> {
    folder: PathBuf,
    package: &'a Package,
    /// The digest of the backbone's weights.
    weights: Digest,
    /// Loaded when the first feature is missing.
    engine: Option<Engine>,
}

/// The way from a picture to its feature.
#[derive(Serialize)]
struct Recipe<'a> {
    weights: Digest,
    architecture: &'a Architecture,
    compute: &'a str,
    task: Task,
    taps: &'a [usize],
    preprocess: serde_json::Value,
}

/// The element type of the backbone's products.
const COMPUTE: Compute = Compute::F32;

impl<'a> FeatureCache<'a> {
    /// The features of a package in a folder, which need not be there.
    ///
    /// # Errors
    /// When the backbone's weights cannot be read.
    pub(super) fn of(package: &'a Package, folder: PathBuf) -> Result<Self> {
        let weights = Digest::of_file(&package.backbone_path())?;
        Ok(Self {
            folder,
            package,
            weights,
            engine: None,
        })
    }

    /// The feature of a picture.
    ///
    /// # Errors
    /// When it cannot be extracted, kept, or read where it is kept.
    pub(super) fn get(&mut self, task: Task, picture: Picture) -> Result<Feature> {
        let path = self.path(task, &picture)?;
        if path.exists() {
            return Ok(npy::read(&path)?);
        }
        let feature = self.engine()?.extract(task, picture)?.feature;
        write(&path, &feature)?;
        Ok(feature)
    }

    fn path(&self, task: Task, picture: &Picture) -> Result<PathBuf> {
        let recipe = Digest::of(&serde_json::to_vec(&self.recipe(task)?)?);
        let picture = Digest::from(picture.digest());
        let folder = self.folder.join(beginning(recipe)).join(task.name());
        Ok(folder.join(format!("{picture}.npy")))
    }

    fn recipe(&self, task: Task) -> Result<Recipe<'_>> {
        let spec = self.package.task(task)?;
        let preprocess = match spec {
            TaskSpec::Cls(cls) => serde_json::to_value(cls.preprocess),
            TaskSpec::Seg(seg) => serde_json::to_value(seg.preprocess),
            TaskSpec::Dpt(dpt) => serde_json::to_value(dpt.preprocess),
        };
        Ok(Recipe {
            weights: self.weights,
            architecture: &self.package.manifest().architecture,
            compute: COMPUTE.name(),
            task,
            taps: &spec.common().taps,
            preprocess: preprocess?,
        })
    }

    fn engine(&mut self) -> Result<Engine> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: COMPUTE,
            threads: None,
        };
        let tasks = self.package.manifest().tasks.available();
        let engine = Engine::load(self.package, &tasks, options)?;
        self.engine = Some(engine.clone());
        Ok(engine)
    }
}

/// The file appears whole or not at all.
fn write(path: &Path, feature: &Feature) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write_feature(path, feature)
}

/// The beginning of a digest, enough for a handful of recipes.
fn beginning(digest: Digest) -> String {
    let mut name = digest.to_string();
    name.truncate(16);
    name
}
