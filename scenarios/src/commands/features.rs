//! `splitsim features`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use ndarray::ArrayD;
use serde_json::{Value, json};
use splitsim_feature::{Feature, FeatureShape, Task, npy};
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use crate::failure::OrRefuse;
use crate::{Failure, Output, Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// Extract features up to the split point
    Extract(Extract),
}

/// Per picture one NAME.npy, f32 [views, layers, tokens, dim].
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Extract {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task whose feature is wanted: cls, seg or dpt
    #[arg(long, value_name = "TASK")]
    task: Task,
    #[command(flatten)]
    input: Input,
    /// Where to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Element type of the backbone's products; features are f32 in any case
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Input {
    /// PNG or JPEG pictures, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    images: Vec<PathBuf>,
    /// scenes:SEED:COUNT, imagenet:DIR, voc:DIR, nyu:DIR, folder:DIR, or a path
    #[arg(long, value_name = "SOURCE")]
    source: Option<SourceSpec>,
    /// An input that is already normalised, .npy, f32 [views, 3, height, width]
    #[arg(long, value_name = "X.npy")]
    tensor: Option<PathBuf>,
}

/// Element type of the backbone's products.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Dtype {
    F32,
    Bf16,
}

impl Dtype {
    /// As it is typed.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl From<Dtype> for Compute {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::Bf16 => Self::Bf16,
        }
    }
}

impl FeaturesCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Extract(extract) => extract.run(screen),
        }
    }
}

/// What is to be extracted from.
enum Inputs {
    Pictures(Vec<Source>),
    Tensor { name: String, values: ArrayD<f32> },
}

/// What was written.
#[derive(Default)]
struct Done {
    files: Vec<Value>,
    names: BTreeSet<String>,
    problems: Vec<String>,
}

impl Extract {
    fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let (engine, inputs) = self.prepare().or_refuse()?;
        Ok(self.execute(&engine, inputs, screen)?)
    }

    fn prepare(&self) -> Result<(Engine, Inputs)> {
        let package = Package::find(&self.model)?;
        package.task(self.task)?;
        let inputs = self.input.open()?;
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: self.dtype.into(),
            threads: None,
        };
        let engine = Engine::load(&package, &[self.task], options)?;
        Ok((engine, inputs))
    }

    fn execute(&self, engine: &Engine, inputs: Inputs, screen: &Screen) -> Result<Output> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        let mut done = Done::default();
        match inputs {
            Inputs::Tensor { name, values } => {
                let feature = engine.extract_tensor(self.task, values)?.feature;
                self.write(&mut done, name, &feature)?;
            }
            Inputs::Pictures(sources) => self.pictures(engine, &sources, screen, &mut done),
        }
        let text = format!("{} features in {}", done.files.len(), self.out.display());
        let output = Output::new(text, &json!({ "features": done.files }))?;
        Ok(output.short_of((!done.problems.is_empty()).then(|| done.problems.join("; "))))
    }

    /// A picture that cannot be used does not keep the others from being extracted.
    fn pictures(&self, engine: &Engine, sources: &[Source], screen: &Screen, done: &mut Done) {
        let total: usize = sources.iter().map(Source::count).sum();
        let mut bar = screen.bar(format!("extracting {}", self.task), total as u64);
        for (source, index) in sources
            .iter()
            .flat_map(|source| (0..source.count()).map(move |index| (source, index)))
        {
            if let Err(error) = self.picture(engine, source, index, done) {
                done.problems.push(format!("{error:#}"));
            }
            bar.advance();
        }
        bar.finish();
    }

    fn picture(
        &self,
        engine: &Engine,
        source: &Source,
        index: usize,
        done: &mut Done,
    ) -> Result<()> {
        let item = source.item(index, self.task)?;
        let extraction = engine
            .extract(self.task, item.picture)
            .with_context(|| item.name.clone())?;
        self.write(done, stem(Path::new(&item.name)), &extraction.feature)
    }

    fn write(&self, done: &mut Done, name: String, feature: &Feature) -> Result<()> {
        if !done.names.insert(name.clone()) {
            bail!("{name}.npy: two pictures are called {name}, extract them to different folders");
        }
        let path = self.out.join(format!("{name}.npy"));
        npy::write(&path, feature)?;
        let shape: FeatureShape = feature.shape();
        let file = json!({ "name": name, "path": path, "shape": shape });
        done.files.push(file);
        Ok(())
    }
}

impl Input {
    fn open(&self) -> Result<Inputs> {
        if let Some(path) = &self.tensor {
            let name = stem(path);
            let values = npy::read_array::<f32>(path)?;
            if !matches!(values.shape(), [_, 3, _, _]) || values.is_empty() {
                let (path, shape) = (path.display(), values.shape());
                bail!("{path}: shape {shape:?}, expected [views, 3, height, width]");
            }
            return Ok(Inputs::Tensor { name, values });
        }
        let images = self.images.iter().cloned().map(SourceSpec::Path);
        let sources = self.source.iter().cloned().chain(images);
        let sources = sources.map(|spec| Source::open(&spec));
        Ok(Inputs::Pictures(sources.collect::<Result<_, _>>()?))
    }
}

/// A file's name without folders and ending.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

const EXAMPLES: &str = "\
Examples:
  splitsim features extract --model tiny-scenes --task cls --images room.png hall.jpg --out out/f
  splitsim features extract --model tiny-scenes --task dpt --source scenes:4:8 --out out/f
  splitsim features extract --model models/vitg --task seg --source voc:/data/VOC2012 --out out/f
  splitsim features extract --model models/mine --task cls --tensor x.npy --out out/f";
