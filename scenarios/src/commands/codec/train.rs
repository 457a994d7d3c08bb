use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use splitsim_codec::picture::{Assignment, PictureStage, Tables};
use splitsim_codec::{CodecId, CodecOptions, Transform};
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_hyperprior::train::{self, Progress, TrainConfig, TrainingPicture, TrainingSet};
use splitsim_hyperprior::{Precision, TrainedLevel, install};
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};

use super::feature_cache::FeatureCache;
use crate::commands::settings::read_settings;
use crate::commands::training_log::TrainingLog;
use crate::outputs::PackageTarget;
use crate::{Failure, Output, Screen};
use splitsim_cli::{Bar, OrRefuse, bounds, names};

/// Train a ladder of hyperpriors on a model's features and write it into the model's package.
///
/// The codec `hyperprior` is trained on the features of all tasks, `hyperprior-task` on those of one
/// --task. Features become symbols by the package's codebooks (codec fit-codebook). An interrupted training
/// resumes from its last checkpoint in the working folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Train {
    /// hyperprior or hyperprior-task
    #[arg(long, value_name = "CODEC", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codec: CodecId,
    /// The model package, a name or a folder; the ladder is written into it
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task of a task-specific codec
    #[arg(long, value_name = "TASK", required_if_eq("codec", "hyperprior-task"), value_parser = names::of(&Task::ALL, Task::name))]
    task: Option<Task>,
    /// Pictures to train on: scenes:SEED:COUNT, or a path
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// Pictures kept for validation instead: the last N of these
    #[arg(long, value_name = "N", default_value = "16", value_parser = bounds::PICTURES.parser::<usize>())]
    validation: usize,
    /// Training settings: what to train, and for how long
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// Finished levels, a checkpoint and the log training.jsonl are kept here
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Features are kept here, to be used again [default: features in the working folder]
    #[arg(long, value_name = "DIR")]
    features: Option<PathBuf>,
    /// Start each level from the same level of the training in this folder
    #[arg(long, value_name = "DIR")]
    start: Option<PathBuf>,
    /// Keep weights as 32-bit floats, twice the size
    #[arg(long)]
    full_precision: bool,
    #[command(flatten)]
    target: PackageTarget,
}

/// Everything that a training needs.
struct Prepared {
    package: Package,
    tasks: Vec<Task>,
    config: TrainConfig,
    source: Source,
    /// One per task.
    stages: Vec<PictureStage>,
}

impl Train {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared, screen)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        if !self.codec.is_learned() {
            bail!(
                "--codec {}: only hyperprior and hyperprior-task are trained",
                self.codec
            );
        }
        let package = Package::find(&self.model)?;
        self.target.check(&package)?;
        let tasks = match (self.codec, self.task) {
            (CodecId::HyperpriorTask, Some(task)) => vec![task],
            (_, None) => package.manifest().tasks.available(),
            (_, Some(_)) => bail!("--task: hyperprior is trained on every task of the model"),
        };
        let config = read_settings(&self.config, TrainConfig::parse)?;
        let source = Source::open(&self.source)?;
        let (validation, pictures) = (self.validation, source.count());
        ensure!(
            (1..pictures).contains(&validation),
            "--validation {validation}: the source has {pictures} pictures"
        );
        let options = CodecOptions {
            transform: Transform::Codebook(Assignment::Nearest),
            ..CodecOptions::default()
        };
        let stage = |&task| Ok(PictureStage::new(Tables::of(&package, task)?, &options)?);
        let stages = tasks.iter().map(stage).collect::<Result<_>>()?;
        Ok(Prepared {
            package,
            tasks,
            config,
            source,
            stages,
        })
    }

    fn execute(&self, prepared: &Prepared, screen: &Screen) -> Result<Output> {
        std::fs::create_dir_all(&self.work)
            .with_context(|| format!("cannot make {}", self.work.display()))?;
        let set = self.training_set(prepared, screen)?;
        let Prepared {
            package,
            tasks,
            config,
            ..
        } = prepared;
        let mut watch = Watch::begin(&self.work, screen)?;
        let start = self.start.as_deref();
        let mut report = |progress: &Progress| watch.hear(progress);
        let trained = train::run(config, &set, &self.work, start, &mut report)?;
        watch.end()?;
        let levels: Vec<TrainedLevel> = trained
            .into_iter()
            .zip(&config.levels)
            .map(|(parameters, level)| TrainedLevel {
                lambda: level.lambda,
                parameters,
            })
            .collect();
        let precision = if self.full_precision {
            Precision::Full
        } else {
            Precision::Half
        };
        let package = &self.target.open(package)?;
        let files = install(package, self.codec, tasks, &levels, precision)?;
        let text = format!(
            "{} levels of {} in {}",
            files.len(),
            self.codec,
            printable(package.root().display())
        );
        let json = json!({
            "codec": self.codec,
            "tasks": tasks,
            "levels": config.levels,
            "files": files,
        });
        Output::new(text, &json)
    }

    fn training_set(&self, prepared: &Prepared, screen: &Screen) -> Result<TrainingSet> {
        let Prepared {
            package,
            tasks,
            source,
            stages,
            ..
        } = prepared;
        let folder = self
            .features
            .clone()
            .unwrap_or_else(|| self.work.join("features"));
        let mut features = FeatureCache::of(package, folder)?;
        let mut set = TrainingSet::default();
        let first_validation = source.count() - self.validation;
        for (&task, stage) in tasks.iter().zip(stages) {
            let mut bar = screen.bar(format!("features of {task}"), source.count() as u64);
            for index in 0..source.count() {
                let item = source.item(index, task)?;
                let feature = features.get(task, item.picture)?;
                let picture = stage.forward(&feature)?;
                let picture = TrainingPicture {
                    task,
                    symbols: picture.symbols,
                    bits: picture.depth.bits(),
                };
                let part = if index < first_validation {
                    &mut set.training
                } else {
                    &mut set.validation
                };
                part.push(picture);
                bar.advance();
            }
            bar.finish();
        }
        Ok(set)
    }
}

/// Shows and logs how a training goes.
struct Watch {
    screen: Screen,
    log: TrainingLog,
    /// The level that the bar is of.
    bar: Option<(usize, Bar)>,
}

impl Watch {
    fn begin(work: &Path, screen: &Screen) -> Result<Self> {
        Ok(Self {
            screen: screen.clone(),
            log: TrainingLog::open(work)?,
            bar: None,
        })
    }

    fn hear(&mut self, progress: &Progress) {
        self.log.write(progress);
        match *progress {
            Progress::Step {
                level,
                lambda,
                step,
                total,
                figures,
                ..
            } => {
                let bar = self.bar(level, lambda, total);
                bar.message(&format!(
                    "loss {:.3}, {:.3} bits a point, MSE {:.2e}",
                    figures.loss, figures.bits_per_point, figures.mse
                ));
                bar.set(step as u64);
            }
            Progress::Validation { .. } => {}
            Progress::Level {
                level,
                lambda,
                steps,
                figures,
            } => {
                self.close_bar();
                self.screen.note(&format!(
                    "level {level}, lambda {lambda}: {:.3} bits a point, MSE {:.2e} after {steps} steps",
                    figures.bits_per_point, figures.mse
                ));
            }
        }
    }

    fn end(mut self) -> Result<Duration> {
        self.close_bar();
        self.log.end()
    }

    fn bar(&mut self, level: usize, lambda: f64, total: usize) -> &mut Bar {
        if self.bar.as_ref().is_some_and(|(shown, _)| *shown != level) {
            self.close_bar();
        }
        let screen = &self.screen;
        let begin = || {
            (
                level,
                screen.bar(format!("level {level}, lambda {lambda}"), total as u64),
            )
        };
        &mut self.bar.get_or_insert_with(begin).1
    }

    fn close_bar(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim codec train --codec hyperprior --model models/mine --source scenes:6:300 \\
      --config models/tiny-scenes/codecs/hyperprior.train.toml --work out/hyperprior
  splitsim codec train --codec hyperprior-task --task dpt --model models/mine --source scenes:6:300 \\
      --config models/tiny-scenes/codecs/hyperprior-task.train.toml --start out/hyperprior \\
      --work out/hyperprior-dpt --features out/hyperprior/features";
