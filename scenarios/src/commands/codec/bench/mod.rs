//! `splitsim codec bench`.

mod compare;
mod curve;
mod measure;
mod page;
mod table;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_table::write_csv;
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use self::curve::TaskBench;
use self::measure::{Coder, Measurement};
use super::args::{SoftwareArgs, StageArgs};
use crate::calibration::Criterion;
use crate::outputs::{Force, check_distinct};
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds, names};

/// Measure codecs level by level: rate, error, task performance, time.
///
/// Features of pictures are coded at every level, decoded from the very bytes and put through the task head.
/// Performance is the task's where pictures have ground truth; else it is agreement with what the head says of
/// the original feature; and the mean cosine where the package has no head. The first codec is the anchor that the others' rates are compared with
/// (BD-rate by two interpolations, once at equal mean squared error and once at equal performance).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// A codec; give it as often as needed, the first is the anchor
    #[arg(long = "codec", value_name = "CODEC", required = true, value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codecs: Vec<CodecId>,
    /// cls, seg or dpt; give it as often as needed [default: all of the model's; with labels for some
    /// tasks only, these]
    #[arg(long = "task", value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    tasks: Vec<Task>,
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Pictures: folder:DIR or a path, scenes:SEED:COUNT, imagenet:DIR, voc:DIR or nyu:DIR
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// QPs, cheapest first, in place of the model's ladders: 40,30,20
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    ladder: Option<Vec<f64>>,
    /// Features that are coded at once; more than 1 makes times those of a busy machine
    #[arg(long, value_name = "N", default_value = "1", value_parser = bounds::JOBS.parser::<NonZeroUsize>())]
    jobs: NonZeroUsize,
    /// CSV file for the figures
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Page for the rate-performance plots
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    software: SoftwareArgs,
}

/// Everything that a measurement needs.
struct Prepared {
    engine: Engine,
    source: Source,
    /// Each task with its codecs, in the order in which they were named.
    tasks: Vec<(Task, Vec<Box<dyn FeatureCodec>>)>,
}

impl Bench {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared, screen)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        check_distinct(&[
            ("--csv", self.csv.as_deref()),
            ("--html", self.html.as_deref()),
        ])?;
        for (option, path) in [("--csv", &self.csv), ("--html", &self.html)] {
            path.iter()
                .try_for_each(|path| self.force.check(option, path))?;
        }
        let package = Package::find(&self.model)?;
        let source = Source::open(&self.source)?.for_heads(package.manifest().tasks.classes());
        let tasks = self.tasks(&package, &source)?;
        let options = self.stage.options(&self.software);
        let codecs = |&task: &Task| {
            let open = |&codec: &CodecId| self.open(codec, &package, task, &options);
            Ok((task, self.codecs.iter().map(open).collect::<Result<_>>()?))
        };
        let codecs = tasks.iter().map(codecs).collect::<Result<_>>()?;
        let options = EngineOptions {
            parts: Parts::All,
            compute: Compute::F32,
            threads: None,
        };
        let with_head = |&task: &Task| package.manifest().has_head(task);
        let heads: Vec<Task> = tasks.into_iter().filter(with_head).collect();
        Ok(Prepared {
            engine: Engine::load(&package, &heads, options)?,
            source,
            tasks: codecs,
        })
    }

    fn tasks(&self, package: &Package, source: &Source) -> Result<Vec<Task>> {
        ensure!(source.count() > 0, "--source {}: no pictures", self.source);
        if !self.tasks.is_empty() {
            return Ok(self.tasks.clone());
        }
        let mut tasks = package.manifest().tasks.available();
        let labelled = |&task: &Task| source.has_truth(task);
        // A data set with the truth of one task is there for that task.
        if tasks.iter().any(labelled) {
            tasks.retain(labelled);
        }
        Ok(tasks)
    }

    fn open(
        &self,
        codec: CodecId,
        package: &Package,
        task: Task,
        options: &CodecOptions,
    ) -> Result<Box<dyn FeatureCodec>> {
        let Some(ladder) = &self.ladder else {
            return Ok(splitsim_hyperprior::open(codec, package, task, options)?);
        };
        let tables = splitsim_codec::picture::Tables::of(package, task)?;
        let setup = splitsim_codec::picture_codec::Setup {
            tables,
            ladder: ladder.clone(),
        };
        splitsim_codec::open_with(setup, codec, options).context("--ladder")
    }

    fn execute(&self, prepared: &Prepared, screen: &Screen) -> Result<Output> {
        let mut benches = Vec::new();
        let mut problems = Vec::new();
        for (task, codecs) in &prepared.tasks {
            let measurement = Measurement {
                engine: &prepared.engine,
                source: &prepared.source,
                task: *task,
                criterion: Criterion::of(prepared.engine.package(), &prepared.source, *task),
                jobs: self.jobs,
            };
            let coders: Vec<Coder<'_>> = codecs.iter().map(|codec| Coder::new(&**codec)).collect();
            let (bench, failed) = measurement.run(&coders, screen)?;
            benches.push(bench);
            problems.extend(failed);
        }
        self.write(&benches)?;
        let package = prepared.engine.package();
        let json = json!({
            "model": package.manifest().name,
            "model_digest": package.digest().to_string(),
            "source": self.source.to_string(),
            "stage": self.stage.describe(),
            "jobs": self.jobs,
            "tasks": benches,
            "problems": problems,
        });
        let output = Output::new(table::render(&benches), &json)?;
        let first = problems.first();
        Ok(output.short_of(first.map(|first| {
            format!(
                "{} features could not be measured; the first: {first}",
                problems.len()
            )
        })))
    }

    fn write(&self, benches: &[TaskBench]) -> Result<()> {
        if let Some(path) = &self.csv {
            write_csv(path, &table::columns(benches)?)?;
        }
        if let Some(path) = &self.html {
            let about = page::About {
                model: &self.model,
                source: &self.source.to_string(),
                stage: &self.stage.describe(),
            };
            splitsim_durable::replace(path, page::render(benches, &about))?;
        }
        Ok(())
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim codec bench --codec hevc --model tiny-scenes --source scenes:7:100
  splitsim codec bench --codec hevc --codec vvc --model tiny-scenes --task cls \\
      --source scenes:7:100 --csv cls.csv --html cls.html
  splitsim codec bench --codec hm --codec hevc --ladder 40,30,20,10 --model tiny-scenes \\
      --task seg --source scenes:7:20 --hm-dir ~/HM --cache out/hm --json
  splitsim codec bench --codec hevc --range feature --model models/mine --task cls \\
      --source folder:photos
Take pictures that the model was neither trained nor calibrated on.";
