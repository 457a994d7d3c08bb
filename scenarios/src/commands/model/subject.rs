//! What `eval` and `calibrate` work on: a loaded model and pictures with ground truth.

use std::num::NonZeroUsize;

use anyhow::{Result, ensure};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) model: &'a str,
    pub(super) source: &'a SourceSpec,
    /// None means all of the model's that the source knows the truth of.
    pub(super) tasks: &'a [Task],
    pub(super) compute: Compute,
    pub(super) threads: Option<NonZeroUsize>,
}

/// A model with its backbone and the heads of the tasks, and pictures with the truth for each of them.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) engine: Engine,
    pub(super) source: Source,
    pub(super) tasks: Vec<Task>,
}

impl Wanted<'_> {
    pub(super) fn open(self) -> Result<Subject> {
        let package = Package::find(self.model)?;
        let source = Source::open(self.source)?.for_heads(package.manifest().tasks.classes());
        let available = package.manifest().tasks.available();
        let with_truth = |&task: &Task| source.has_truth(task);
        let tasks: Vec<Task> = match self.tasks {
            [] => available.into_iter().filter(with_truth).collect(),
            named => named.to_vec(),
        };
        let without = tasks.iter().find(|&task| !with_truth(task));
        let lacking = match without {
            Some(task) => format!("no ground truth for {task}"),
            None => "no ground truth for any task of the model".to_owned(),
        };
        ensure!(
            without.is_none() && !tasks.is_empty(),
            "--source {}: {lacking}; scenes:SEED:COUNT has it for all tasks, imagenet:DIR for cls, \
             voc:DIR for seg, nyu:DIR for dpt",
            self.source
        );
        let options = EngineOptions {
            parts: Parts::All,
            compute: self.compute,
            threads: self.threads,
        };
        let engine = Engine::load(&package, &tasks, options)?;
        Ok(Subject {
            engine,
            source,
            tasks,
        })
    }
}
