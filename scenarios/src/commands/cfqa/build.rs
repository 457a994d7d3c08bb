//! `splitsim cfqa build`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use splitsim_cfqa::{Bank, Metric};
use splitsim_codec::CodecId;
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_truth::GroundTruth;
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use super::super::codec::args::{SoftwareArgs, StageArgs};
use crate::benchmark::{
    BankIdentity, Builder, Built, Codecs, Identity, Keep, ROWS, Scoring, SetFolder, Shard,
};
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds, names};

/// Build a benchmark set: features, bitstreams, scores and true distortions.
///
/// Every picture's feature, by every codec at every level, one row each: bytes, scores by all metrics,
/// the task's performance and how much of it was lost. Rows are in DIR/rows.parquet, what they depend on
/// in DIR/manifest.json. Columns: docs/cfqa.md.
///
/// The same command resumes an interrupted build; finished parts are not built again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Build {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Pictures with ground truth: scenes:SEED:COUNT, imagenet:DIR, voc:DIR or nyu:DIR
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// The set's folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// cls, seg or dpt, as often as needed; all that the source has ground truth for unless given
    #[arg(long = "task", value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    tasks: Vec<Task>,
    /// A codec, as often as needed; all that the model has ladders for unless given
    #[arg(long = "codec", value_name = "CODEC", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codecs: Vec<CodecId>,
    /// A metric, as often as needed; all unless given
    #[arg(long = "metric", value_name = "METRIC", value_parser = names::of(&Metric::ALL, Metric::name))]
    metrics: Vec<Metric>,
    /// Files kept beside the rows, in the layout of the published data set
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    keep: Vec<Keep>,
    /// Labelled pictures, not those of --source, whose features DIS and COMBINED compare with
    #[arg(long, value_name = "SOURCE")]
    bank: Option<SourceSpec>,
    /// The margin of DIS, on the scale of squared feature values
    #[arg(long, value_name = "ALPHA", default_value_t = Bank::MARGIN, requires = "bank")]
    margin: f64,
    /// Only every n-th feature, beginning with the i-th; see splitsim cfqa merge
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Features that are coded at once [default: all cores, or what --memory allows]
    #[arg(long, value_name = "N", value_parser = bounds::JOBS.parser::<NonZeroUsize>())]
    jobs: Option<NonZeroUsize>,
    /// Memory for the features under way, such as 8GB; each takes about eight times its own size
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Element type of the backbone's products
    #[arg(
        long,
        alias = "dtype",
        value_name = "TYPE",
        default_value_t,
        value_parser = names::of(&Compute::ALL, Compute::name)
    )]
    compute: Compute,
    /// Replace another set in the folder
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    software: SoftwareArgs,
}

/// The memory that a feature takes while it is processed, in multiples of its own size: the original, the
/// centred copy and Gram matrices that CKA keeps, symbols, the reconstruction, and intermediates of scoring.
const COPIES: usize = 8;

impl Build {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let builder = self.prepare().or_refuse()?;
        let built = builder.build(screen)?;
        Ok(self.output(&built)?)
    }

    fn prepare(&self) -> Result<Builder> {
        let package = Package::find(&self.model)?;
        let source = Source::open(&self.source)?.for_heads(package.manifest().tasks.classes());
        let tasks = self.tasks(&package, &source)?;
        let options = self.stage.options(&self.software);
        let codecs = Codecs::open(&self.codecs, &package, &tasks, &options)?;
        let engine = Engine::load(
            &package,
            &tasks,
            EngineOptions {
                parts: Parts::All,
                compute: self.compute,
                threads: None,
            },
        )?;
        let bank = match &self.bank {
            Some(spec) => Some(self.bank(&engine, spec)?),
            None => None,
        };
        let scoring = self.scoring(&package, &tasks, bank)?;
        let mut keep = self.keep.clone();
        keep.sort_unstable();
        keep.dedup();
        let identity = Identity {
            format: Identity::FORMAT,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            model: package.manifest().name.clone(),
            model_digest: package.digest().to_string(),
            compute: self.compute.name().to_owned(),
            source: self.source.to_string(),
            codecs: codecs.identities(),
            symbols: self.stage.describe(),
            metrics: scoring.names(),
            bank: self.bank.as_ref().map(|spec| BankIdentity {
                source: spec.to_string(),
                margin: self.margin,
            }),
            keep,
            tasks,
        };
        let jobs = self.jobs(&engine, &source, &identity.tasks)?;
        let folder = SetFolder::open(&self.out)?;
        if !self.force {
            folder.require(&identity, self.shard)?;
        }
        Ok(Builder {
            jobs,
            engine,
            source,
            codecs,
            scoring,
            identity,
            shard: self.shard,
            folder,
        })
    }

    fn tasks(&self, package: &Package, source: &Source) -> Result<Vec<Task>> {
        let available = package.manifest().tasks.available();
        let tasks: Vec<Task> = Task::ALL
            .into_iter()
            .filter(|task| match self.tasks.as_slice() {
                [] => available.contains(task) && source.has_truth(*task),
                named => named.contains(task),
            })
            .collect();
        for &task in &tasks {
            package.task(task)?;
        }
        let judged = tasks.iter().all(|&task| source.has_truth(task));
        ensure!(
            judged && !tasks.is_empty(),
            "--source {}: no ground truth for the tasks; scenes:SEED:COUNT has it for all, \
             imagenet:DIR for cls, voc:DIR for seg, nyu:DIR for dpt",
            self.source
        );
        Ok(tasks)
    }

    fn scoring(&self, package: &Package, tasks: &[Task], bank: Option<Bank>) -> Result<Scoring> {
        let metrics = match self.metrics.as_slice() {
            [] => Metric::ALL.to_vec(),
            named => named.to_vec(),
        };
        let layered = Metric::STANDARD.into_iter();
        let layered = layered.filter(|metric| metrics.contains(metric)).collect();
        let mut layers = 0;
        for &task in tasks {
            layers = layers.max(package.task(task)?.common().taps.len());
        }
        Ok(Scoring {
            metrics,
            layered,
            layers: if layers > 1 { layers } else { 0 },
            bank,
        })
    }

    fn bank(&self, engine: &Engine, spec: &SourceSpec) -> Result<Bank> {
        let named = || format!("--bank {spec}");
        ensure!(
            *spec != self.source,
            "--bank {spec}: these are the pictures that are to be judged, name others"
        );
        let source = Source::open(spec).with_context(named)?;
        ensure!(source.has_truth(Task::Cls), "--bank {spec}: no labels");
        let mut entries = Vec::new();
        for index in 0..source.count() {
            let item = source.item(index, Task::Cls)?;
            if let Some(GroundTruth::Cls { label }) = item.truth {
                let feature = engine.extract(Task::Cls, item.picture)?.feature;
                entries.push((label, feature));
            }
        }
        Bank::new(entries, self.margin).with_context(named)
    }

    /// As many as there are cores, within what --memory allows for the largest first feature of a task.
    fn jobs(&self, engine: &Engine, source: &Source, tasks: &[Task]) -> Result<NonZeroUsize> {
        let cores = std::thread::available_parallelism()?;
        let wanted = self.jobs.unwrap_or(cores);
        let Some(Bytes(memory)) = self.memory else {
            return Ok(wanted);
        };
        let mut each = 0;
        for &task in tasks {
            let extent = source.item(0, task)?.picture.extent();
            let bytes = engine.feature_shape(task, extent)?.points() * size_of::<f32>();
            each = each.max((bytes * COPIES) as u64);
        }
        let allowed = usize::try_from(memory / each)
            .ok()
            .and_then(NonZeroUsize::new);
        let allowed = allowed.with_context(|| {
            format!(
                "--memory {}: a single feature takes about {}",
                Bytes(memory),
                Bytes(each)
            )
        })?;
        Ok(wanted.min(allowed))
    }

    fn output(&self, built: &Built) -> Result<Output> {
        let Built {
            manifest,
            reused,
            parts,
        } = built;
        let text = format!(
            "{} rows of {} features in {}\nparts: {parts}, {reused} of them there already\ncontent: {}",
            manifest.rows,
            manifest.features,
            printable(self.out.join(ROWS).display()),
            manifest.content
        );
        let json =
            json!({ "out": self.out, "parts": parts, "reused": reused, "manifest": manifest });
        let failed = (manifest.failed > 0).then(|| {
            format!(
                "{} compressed features could not be made, see the column error",
                manifest.failed
            )
        });
        let missing = (!manifest.missing.is_empty())
            .then(|| format!("features are missing: {}", manifest.missing.join("; ")));
        let problems: Vec<String> = failed.into_iter().chain(missing).collect();
        let shortfall = (!problems.is_empty())
            .then(|| format!("{}; the same command tries them again", problems.join("; ")));
        Ok(Output::new(text, &json)?.short_of(shortfall))
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa build --model tiny-scenes --source scenes:7:100 --out out/cfqa
  splitsim cfqa build --model tiny-scenes --source scenes:7:100 --codec hevc --task cls \\
      --bank scenes:70:240 --keep originals,bitstreams --out out/cls
  splitsim cfqa build --model tiny-scenes --source scenes:7:100 --shard 2/4 --out out/cfqa-2";
