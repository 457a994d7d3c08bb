use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use splitsim_codec::picture::{Assignment, Codebook, Tables, fit};
use splitsim_codec::quantise::BitDepth;
use splitsim_feature::{Feature, Task, npy};
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use crate::outputs::PackageTarget;
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, names};

/// Fit the codebook of a task and write it into a model's package.
///
/// A codebook is a list of values that stand for a feature's, dense where these are frequent:
/// one-dimensional k-means over all values of the features given. Codecs use it with
/// --transform codebook.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FitCodebook {
    /// The model package, a name or a folder; the codebook is written into it, or into a copy at --out
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task whose features are coded: cls, seg or dpt
    #[arg(long, value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    task: Task,
    #[command(flatten)]
    input: Input,
    /// Lists of centres: one per layer, or one for all layers
    #[arg(long, value_enum, default_value_t = Per::Layer)]
    per: Per,
    /// Bits of a symbol: 2^BITS centres
    #[arg(long, value_name = "BITS", default_value_t = 8,
          value_parser = clap::value_parser!(u8).range(1..=i64::from(Codebook::MAX_DEPTH)))]
    bits: u8,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: PackageTarget,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Input {
    /// Pictures whose features are taken: scenes:SEED:COUNT, or a path
    #[arg(long, value_name = "SOURCE")]
    source: Option<SourceSpec>,
    /// Features, .npy, f32 [views, layers, tokens, dim]
    #[arg(long, value_name = "F.npy", num_args = 1..)]
    features: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Per {
    Layer,
    Task,
}

/// The fit of one list of centres to its values.
#[derive(Debug, Serialize)]
struct ListFit {
    values: usize,
    /// The mean squared error with the nearest centre.
    mse: f64,
    /// The mean squared error with the centre to the left, as published.
    mse_left: f64,
    rounds: usize,
    least: f32,
    greatest: f32,
}

/// The features that centres are fitted to.
enum Features {
    Extracted { engine: Box<Engine>, source: Source },
    Files(Vec<PathBuf>),
}

impl FitCodebook {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let (package, features) = self.prepare().or_refuse()?;
        Ok(self.execute(&package, &features, screen)?)
    }

    fn prepare(&self) -> Result<(Package, Features)> {
        let package = Package::find(&self.model)?;
        package.task(self.task)?;
        if !self.dry_run {
            self.target.check(&package)?;
        }
        let features = match &self.input.source {
            None => Features::Files(self.input.features.clone()),
            Some(spec) => {
                let options = EngineOptions {
                    parts: Parts::Backbone,
                    compute: Compute::F32,
                    threads: None,
                };
                Features::Extracted {
                    source: Source::open(spec)?,
                    engine: Box::new(Engine::load(&package, &[self.task], options)?),
                }
            }
        };
        Ok((package, features))
    }

    fn execute(&self, package: &Package, features: &Features, screen: &Screen) -> Result<Output> {
        let layers = package.task(self.task)?.common().taps.len();
        let features = features.read(self.task, layers, screen)?;
        let layers_per_list = match self.per {
            Per::Layer => 1,
            Per::Task => layers,
        };
        let layers: Vec<usize> = (0..layers).collect();
        let lists = layers.chunks(layers_per_list);
        let depth = BitDepth::new(self.bits).context("--bits")?;
        let mut centres = Vec::new();
        let mut fits = Vec::new();
        let mut bar = screen.bar("fitting centres", lists.len() as u64);
        for list in lists {
            let values: Vec<f32> = list
                .iter()
                .flat_map(|&layer| values(&features, layer))
                .collect();
            let found = fit(&values, depth)?;
            fits.push(ListFit {
                values: values.len(),
                mse: found.mse,
                mse_left: Assignment::Left.mse(&found.centres, &values),
                rounds: found.rounds,
                least: found.centres[0],
                greatest: found.centres[found.centres.len() - 1],
            });
            centres.push(found.centres);
            bar.advance();
        }
        bar.finish();
        let codebook = Codebook::new(&centres)?;
        if !self.dry_run {
            self.write(package, &codebook)?;
        }
        self.output(features.len(), &codebook, &fits)
    }

    fn write(&self, package: &Package, codebook: &Codebook) -> Result<()> {
        let package = self.target.open(package)?;
        let path = package.root().join(self.file());
        let folder = path.parent().context("a codebook lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        splitsim_durable::replace(&path, codebook.to_bytes()?)?;
        let mut manifest = package.manifest().clone();
        let common = manifest.tasks.common_mut(self.task);
        let common = common.context("the task vanished from the manifest")?;
        let name = Tables::CODEBOOK.to_owned();
        common.tables.insert(name, vec![self.file()]);
        Ok(manifest.write(package.root())?)
    }

    /// Within the package.
    fn file(&self) -> String {
        format!("codecs/codebook-{}.safetensors", self.task)
    }

    fn output(&self, features: usize, codebook: &Codebook, fits: &[ListFit]) -> Result<Output> {
        let lines = fits.iter().enumerate().map(|(list, fit)| {
            format!(
                "list {list}: {} centres from {:.3} to {:.3} for {} values, mse {:.3e} \
                 (left {:.3e}), {} rounds",
                1u32 << self.bits,
                fit.least,
                fit.greatest,
                fit.values,
                fit.mse,
                fit.mse_left,
                fit.rounds
            )
        });
        let verb = if self.dry_run { "would go" } else { "went" };
        let end = format!(
            "{} of {features} features {verb} into {}",
            self.task,
            self.file()
        );
        let text: Vec<String> = lines.chain([end]).collect();
        let json = json!({
            "task": self.task,
            "features": features,
            "bits": self.bits,
            "digest": codebook.digest().to_string(),
            "file": (!self.dry_run).then(|| self.file()),
            "lists": fits,
        });
        Output::new(text.join("\n"), &json)
    }
}

impl Features {
    fn read(&self, task: Task, layers: usize, screen: &Screen) -> Result<Vec<Feature>> {
        let count = match self {
            Self::Extracted { source, .. } => source.count(),
            Self::Files(paths) => paths.len(),
        };
        let mut bar = screen.bar(format!("reading {task} features"), count as u64);
        let features = (0..count).map(|index| {
            let feature = self.one(task, index)?;
            let actual = feature.shape().layers();
            ensure!(
                actual == layers,
                "feature {index} has {actual} layers, {task} has {layers}"
            );
            bar.advance();
            Ok(feature)
        });
        let features = features.collect();
        bar.finish();
        features
    }

    fn one(&self, task: Task, index: usize) -> Result<Feature> {
        match self {
            Self::Extracted { engine, source } => {
                let item = source.item(index, task)?;
                Ok(engine.extract(task, item.picture)?.feature)
            }
            Self::Files(paths) => Ok(npy::read(&paths[index])?),
        }
    }
}

/// All values of a layer.
fn values(features: &[Feature], layer: usize) -> Vec<f32> {
    let maps = features.iter().flat_map(|feature| {
        let layers = feature.shape().layers();
        feature.maps().skip(layer).step_by(layers)
    });
    maps.flat_map(|map| map.iter().copied().collect::<Vec<_>>())
        .collect()
}

const EXAMPLES: &str = "\
Examples:
  splitsim codec fit-codebook --model tiny-scenes --task cls --source scenes:5:10 --out models/mine
  splitsim codec fit-codebook --model models/mine --task dpt --per layer --source scenes:5:10 --json
  splitsim codec fit-codebook --model models/mine --task seg --features out/*.npy --dry-run
The benchmark takes ten features. Take pictures that nothing is judged on later.";
