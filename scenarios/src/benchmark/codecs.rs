//! The codecs of a set, opened for each of its tasks.

use anyhow::{Context, Result, ensure};
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec};
use splitsim_feature::Task;
use splitsim_model::Package;

use super::identity::CodecIdentity;

/// Codecs by task.
pub(crate) struct Codecs {
    of_tasks: Vec<(Task, Vec<Box<dyn FeatureCodec>>)>,
}

/// Codecs that need no software but what setting up fetches.
const READY: [CodecId; 4] = [
    CodecId::Hevc,
    CodecId::Vvc,
    CodecId::Hyperprior,
    CodecId::HyperpriorTask,
];

impl Codecs {
    /// Opens the codecs named or, if none is, those that the package has a ladder for in every task. HM
    /// and VTM must be named.
    ///
    /// # Errors
    /// When a codec cannot be opened, or the package has no ladder at all.
    pub(crate) fn open(
        named: &[CodecId],
        package: &Package,
        tasks: &[Task],
        options: &CodecOptions,
    ) -> Result<Self> {
        let codecs = match named {
            [] => READY
                .into_iter()
                .filter(|codec| tasks.iter().all(|&task| has_ladder(package, task, *codec)))
                .collect(),
            named => {
                let mut once: Vec<CodecId> = Vec::new();
                for &codec in named {
                    if !once.contains(&codec) {
                        once.push(codec);
                    }
                }
                once
            }
        };
        ensure!(
            !codecs.is_empty(),
            "model '{}' has no codec's ladder for all of the tasks: name a codec with --codec",
            package.manifest().name
        );
        let open = |task, codec: CodecId| {
            splitsim_hyperprior::open(codec, package, task, options)
                .with_context(|| format!("codec {codec} for {task}"))
        };
        let of_tasks = tasks.iter().map(|&task| {
            let opened: Result<_> = codecs.iter().map(|&codec| open(task, codec)).collect();
            Ok((task, opened?))
        });
        Ok(Self {
            of_tasks: of_tasks.collect::<Result<_>>()?,
        })
    }

    /// The identities of all codecs, task by task.
    pub(crate) fn identities(&self) -> Vec<CodecIdentity> {
        let of_tasks = self.of_tasks.iter();
        of_tasks
            .flat_map(|(task, codecs)| {
                codecs
                    .iter()
                    .map(|codec| CodecIdentity::of(codec.as_ref(), *task))
            })
            .collect()
    }

    /// Returns the codecs of a task.
    pub(super) fn of(&self, task: Task) -> &[Box<dyn FeatureCodec>] {
        let of_task = self.of_tasks.iter().find(|(other, _)| *other == task);
        of_task.map_or(&[], |(_, codecs)| codecs)
    }

    /// Levels of all codecs of a task.
    pub(super) fn levels(&self, task: Task) -> usize {
        self.of(task).iter().map(|codec| codec.ladder().len()).sum()
    }
}

fn has_ladder(package: &Package, task: Task, codec: CodecId) -> bool {
    let spec = package.task(task);
    spec.is_ok_and(|spec| spec.common().ladders.contains_key(codec.name()))
}
