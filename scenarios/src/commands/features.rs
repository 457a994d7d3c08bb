//! `splitsim features`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use ndarray::ArrayD;
use serde_json::{Value, json};
use splitsim_durable::{encode_name, file_names};
use splitsim_feature::{Feature, FeatureShape, Task, npy};
use splitsim_model::Package;
use splitsim_source::{Picture, Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts, VisionError};

use crate::outputs::{Force, write_feature};
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds, names};
use splitsim_display::printable;

#[derive(Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// Extract features up to the split point
    Extract(Extract),
}

/// Per picture one NAME.npy, f32 [views, layers, tokens, dim]. NAME is the picture's without its ending,
/// or with it where two would be the same; characters that no file name has are written as %XX.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Extract {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task whose feature is wanted: cls, seg or dpt
    #[arg(long, value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    task: Task,
    #[command(flatten)]
    input: Input,
    /// Folder for the features
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
    /// Element type of the backbone's products; features are f32 in any case
    #[arg(
        long,
        alias = "dtype",
        value_name = "TYPE",
        default_value_t,
        value_parser = names::of(&Compute::ALL, Compute::name)
    )]
    compute: Compute,
    /// Pictures per forward pass; more suits a GPU, and may change features in their last digits
    #[arg(long, value_name = "N", default_value = "1", value_parser = bounds::BATCH.parser::<NonZeroUsize>())]
    batch: NonZeroUsize,
    /// libtorch's threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::THREADS.parser::<NonZeroUsize>())]
    threads: Option<NonZeroUsize>,
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

impl FeaturesCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Extract(extract) => extract.run(screen),
        }
    }
}

/// The inputs of an extraction: pictures, or one tensor.
enum Inputs {
    Pictures(Vec<Place>),
    Tensor { name: String, values: ArrayD<f32> },
}

/// One picture, and the file that its feature goes to.
struct Place {
    source: Rc<Source>,
    index: usize,
    name: String,
    file: PathBuf,
}

/// The files written, and the pictures that failed.
#[derive(Default)]
struct Done {
    files: Vec<Value>,
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
        let inputs = self.input.open(&self.out)?;
        // In a folder that is not there nothing is in the way.
        if self.out.symlink_metadata().is_ok() {
            let mut files = inputs.files(&self.out);
            files.try_for_each(|file| self.force.check("--out", &file))?;
        }
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: self.compute,
            threads: self.threads,
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
                done.write(&name, &file_of(&self.out, &name), &feature)?;
            }
            Inputs::Pictures(places) => self.pictures(engine, &places, screen, &mut done),
        }
        let text = format!(
            "{} features in {}",
            done.files.len(),
            printable(self.out.display())
        );
        let output = Output::new(text, &json!({ "features": done.files }))?;
        Ok(output.short_of((!done.problems.is_empty()).then(|| done.problems.join("; "))))
    }

    /// A picture that cannot be used does not keep the others from being extracted.
    fn pictures(&self, engine: &Engine, places: &[Place], screen: &Screen, done: &mut Done) {
        let mut bar = screen.bar(format!("extracting {}", self.task), places.len() as u64);
        let mut seen = 0;
        for batch in places.chunks(self.batch.get()) {
            self.batch(engine, batch, done);
            seen += batch.len();
            bar.set(seen as u64);
        }
        bar.finish();
    }

    fn batch(&self, engine: &Engine, places: &[Place], done: &mut Done) {
        let (mut read, mut pictures) = (Vec::new(), Vec::new());
        for place in places {
            match place.source.item(place.index, self.task) {
                Ok(item) => {
                    read.push(place);
                    pictures.push(item.picture);
                }
                Err(error) => done.problems.push(error.to_string()),
            }
        }
        let together = match pictures.len() {
            0 | 1 => None,
            // If one of them is at fault, each says by itself whether it is.
            _ => engine.extract_batch(self.task, pictures.clone()).ok(),
        };
        let features: Vec<_> = match together {
            Some(features) => features.into_iter().map(Ok).collect(),
            None => self.one_by_one(engine, pictures).collect(),
        };
        for (Place { name, file, .. }, feature) in read.into_iter().zip(features) {
            let written = match feature {
                Ok(feature) => done.write(name, file, &feature),
                Err(error) => Err(error).context(name.clone()),
            };
            if let Err(error) = written {
                done.problems.push(splitsim_cli::causes(&error));
            }
        }
    }

    fn one_by_one(
        &self,
        engine: &Engine,
        pictures: Vec<Picture>,
    ) -> impl Iterator<Item = Result<Feature, VisionError>> {
        let extract = |picture| Ok(engine.extract(self.task, picture)?.feature);
        pictures.into_iter().map(extract)
    }
}

impl Done {
    fn write(&mut self, name: &str, path: &Path, feature: &Feature) -> Result<()> {
        write_feature(path, feature)?;
        let shape: FeatureShape = feature.shape();
        let file = json!({ "name": name, "path": path, "shape": shape });
        self.files.push(file);
        Ok(())
    }
}

impl Inputs {
    /// The files that features go to.
    fn files(&self, out: &Path) -> Box<dyn Iterator<Item = PathBuf> + '_> {
        match self {
            Self::Pictures(places) => Box::new(places.iter().map(|place| place.file.clone())),
            Self::Tensor { name, .. } => Box::new(std::iter::once(file_of(out, name))),
        }
    }
}

impl Input {
    fn open(&self, out: &Path) -> Result<Inputs> {
        if let Some(path) = &self.tensor {
            let values = npy::read_array(path)?;
            if !matches!(values.shape(), [_, 3, _, _]) || values.is_empty() {
                let (path, shape) = (path.display(), values.shape());
                bail!("{path}: shape {shape:?}, expected [views, 3, height, width]");
            }
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            let name = stem.to_string_lossy().into_owned();
            return Ok(Inputs::Tensor { name, values });
        }
        let images = self.images.iter().cloned().map(SourceSpec::Path);
        let sources = self.source.iter().cloned().chain(images);
        let sources = sources.map(|spec| Ok(Rc::new(Source::open(&spec)?)));
        Ok(Inputs::Pictures(places(
            &sources.collect::<Result<Vec<_>>>()?,
            out,
        )?))
    }
}

/// All pictures of some sources, with a file for each.
fn places(sources: &[Rc<Source>], out: &Path) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for source in sources {
        for index in 0..source.count() {
            places.push(Place {
                source: Rc::clone(source),
                index,
                name: source.name(index).unwrap_or_default(),
                file: PathBuf::new(),
            });
        }
    }
    let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    let files = file_names(&names).map_err(|name| {
        anyhow!("two pictures are called {name}: extract them to different folders")
    })?;
    for (place, name) in places.iter_mut().zip(files) {
        place.file = out.join(format!("{name}.npy"));
    }
    Ok(places)
}

/// The file of a single feature.
fn file_of(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{}.npy", encode_name(name)))
}

const EXAMPLES: &str = "\
Examples:
  splitsim features extract --model tiny-scenes --task cls --images room.png hall.jpg --out out/f
  splitsim features extract --model tiny-scenes --task dpt --source scenes:4:8 --out out/f
  splitsim features extract --model models/vitg --task seg --source voc:/data/VOC2012 --batch 4 \\
      --compute bf16 --out out/f
  splitsim features extract --model models/mine --task cls --tensor x.npy --out out/f";
