//! The loaded model and the pictures that `eval` and `calibrate` work on.

use std::num::NonZeroUsize;

use anyhow::{Result, ensure};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

/// The model, the source and the tasks that a command asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) model: &'a str,
    pub(super) source: &'a SourceSpec,
    /// None means all of the model's; where ground truth is needed, those that the source knows the truth of.
    pub(super) tasks: &'a [Task],
    pub(super) compute: Compute,
    pub(super) threads: Option<NonZeroUsize>,
}

/// A model with its backbone and the tasks' heads, and pictures.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) source: Source,
    pub(super) tasks: Vec<Task>,
}

impl Wanted<'_> {
    /// With the head of every task, of pictures whose truth for it is known.
    pub(super) fn open(self) -> Result<Opened> {
        let package = Package::find(self.model)?;
        let source = Source::open(self.source)?.for_heads(package.manifest().tasks.classes());
        let with_truth = |&task: &Task| source.has_truth(task);
        let tasks = self.tasks_of(&package, |task| source.has_truth(task));
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
        for &task in &tasks {
            package.head_path(task)?;
        }
        self.load(&package, source, tasks)
    }

    /// Opens pictures with or without ground truth, and the heads that the package has.
    pub(super) fn open_unlabelled(self) -> Result<Opened> {
        let package = Package::find(self.model)?;
        let source = Source::open(self.source)?.for_heads(package.manifest().tasks.classes());
        let tasks = self.tasks_of(&package, |_| true);
        self.load(&package, source, tasks)
    }

    /// The tasks asked for, or those of the model that serve.
    fn tasks_of(&self, package: &Package, serves: impl Fn(Task) -> bool) -> Vec<Task> {
        match self.tasks {
            [] => {
                let available = package.manifest().tasks.available().into_iter();
                available.filter(|&task| serves(task)).collect()
            }
            named => named.to_vec(),
        }
    }

    fn load(&self, package: &Package, source: Source, tasks: Vec<Task>) -> Result<Opened> {
        ensure!(source.count() > 0, "--source {}: no pictures", self.source);
        for &task in &tasks {
            package.task(task)?;
        }
        let options = EngineOptions {
            parts: Parts::All,
            compute: self.compute,
            threads: self.threads,
        };
        let with_head = |&task: &Task| package.manifest().has_head(task);
        let heads: Vec<Task> = tasks.iter().copied().filter(with_head).collect();
        Ok(Opened {
            engine: Engine::load(package, &heads, options)?,
            source,
            tasks,
        })
    }
}
