//! One thread that owns a model, and the handle through which others use it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ndarray::ArrayD;
use splitsim_feature::{Feature, FeatureShape, Task, TokenLayout};
use splitsim_model::Package;
use splitsim_source::{ImageExtent, Picture};
use splitsim_truth::HeadOutput;
use tch::{Device, Kind, Tensor};

use crate::geometry::feature_shape;
use crate::heads::{Head, check_shape, copy_out};
use crate::{Backbone, VisionError, Weights, preprocess};

/// Requests that may wait for the model before callers block.
const QUEUE: usize = 4;

/// A handle to a loaded model; clones share the model's thread.
///
/// Calls block until the model has answered, so async code wraps them in `spawn_blocking`. The thread
/// ends when the last handle is dropped. A panic over one request costs that request its answer
/// ([`VisionError::BrokeDown`]) and no other.
#[derive(Debug, Clone)]
pub struct Engine {
    requests: SyncSender<Request>,
    package: Package,
    compute: Compute,
}

/// The weights to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// The backbone only: enough for an edge.
    Backbone,
    /// The task heads only: enough for a cloud.
    Heads,
    /// The backbone and the heads.
    All,
}

/// Element type of the backbone's matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compute {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16 products on a 32-bit residual stream.
    Bf16,
}

impl Compute {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::F32, Self::Bf16];

    /// The type's name in configurations and command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no element type has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown element type '{0}', expected f32 or bf16")]
pub struct UnknownCompute(String);

impl FromStr for Compute {
    type Err = UnknownCompute;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|compute| compute.name() == name);
        named.ok_or_else(|| UnknownCompute(name.to_owned()))
    }
}

/// The options for loading a model.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// The weights to load.
    pub parts: Parts,
    /// Element type of the backbone's products.
    pub compute: Compute,
    /// libtorch's intra-operation threads, process-wide; `None` leaves its default.
    pub threads: Option<NonZeroUsize>,
}

/// A feature and what it took.
#[derive(Debug, Clone)]
pub struct Extraction {
    /// The feature, `[views, taps, tokens, dim]`.
    pub feature: Feature,
    /// Time from the picture to the network's input.
    pub preprocess: Duration,
    /// Time from the network's input to the feature.
    pub forward: Duration,
}

enum Request {
    Extract(Task, Picture, SyncSender<Result<Extraction, VisionError>>),
    ExtractBatch(
        Task,
        Vec<Picture>,
        SyncSender<Result<Vec<Feature>, VisionError>>,
    ),
    ExtractTensor(
        Task,
        ArrayD<f32>,
        SyncSender<Result<Extraction, VisionError>>,
    ),
    RunHead(
        Task,
        Feature,
        ImageExtent,
        SyncSender<Result<HeadOutput, VisionError>>,
    ),
    /// Stands in for a defect.
    #[cfg(test)]
    Panic(SyncSender<Result<(), VisionError>>),
}

impl Engine {
    /// Loads a package's weights on a thread of their own, on a GPU when libtorch has one.
    ///
    /// # Errors
    /// When weights are missing, damaged or of another shape than the manifest says.
    pub fn load(
        package: &Package,
        tasks: &[Task],
        options: EngineOptions,
    ) -> Result<Self, VisionError> {
        let (requests, inbox) = sync_channel::<Request>(QUEUE);
        let (loaded, outcome) = sync_channel(1);
        let (owned, tasks) = (package.clone(), tasks.to_vec());
        std::thread::Builder::new()
            .name("model".to_owned())
            .spawn(move || match Model::load(owned, &tasks, options) {
                Ok(model) => {
                    if loaded.send(Ok(())).is_ok() {
                        model.serve(inbox);
                    }
                }
                // Nobody waits for the outcome any more: nothing to tell.
                Err(error) => drop(loaded.send(Err(error))),
            })
            .map_err(|source| VisionError::Io {
                path: "model thread".into(),
                source,
            })?;
        outcome.recv().map_err(|_| VisionError::EngineGone)??;
        Ok(Self {
            requests,
            package: package.clone(),
            compute: options.compute,
        })
    }

    /// The package that was loaded.
    #[must_use]
    pub const fn package(&self) -> &Package {
        &self.package
    }

    /// The element type of the backbone's products.
    #[must_use]
    pub const fn compute(&self) -> Compute {
        self.compute
    }

    /// Extracts a picture's feature for a task.
    ///
    /// # Errors
    /// When the engine has no backbone, the picture does not suit the task, or libtorch fails.
    pub fn extract(&self, task: Task, picture: Picture) -> Result<Extraction, VisionError> {
        self.ask(|reply| Request::Extract(task, picture, reply))
    }

    /// Extracts the features of pictures in as few forward passes as their sizes allow: pictures
    /// whose network inputs are equally large share one.
    ///
    /// Products over more rows may be summed in another order than for one picture alone: features
    /// equal [`extract`](Self::extract)'s to rounding.
    ///
    /// # Errors
    /// As [`extract`](Self::extract), for any of the pictures.
    pub fn extract_batch(
        &self,
        task: Task,
        pictures: Vec<Picture>,
    ) -> Result<Vec<Feature>, VisionError> {
        self.ask(|reply| Request::ExtractBatch(task, pictures, reply))
    }

    /// Extracts features from an input that is already normalised, `[batch, 3, height, width]`;
    /// the batch becomes the feature's views.
    ///
    /// # Errors
    /// When the engine has no backbone, the input has another shape, or libtorch fails.
    pub fn extract_tensor(
        &self,
        task: Task,
        input: ArrayD<f32>,
    ) -> Result<Extraction, VisionError> {
        self.ask(|reply| Request::ExtractTensor(task, input, reply))
    }

    /// Runs a task head on a feature of a picture of `extent`.
    ///
    /// # Errors
    /// When the engine has no such head, the feature's shape is not that of such a picture, or
    /// libtorch fails.
    pub fn run_head(
        &self,
        task: Task,
        feature: &Feature,
        extent: ImageExtent,
    ) -> Result<HeadOutput, VisionError> {
        let expected = self.feature_shape(task, extent)?;
        check_shape(task, expected, feature)?;
        self.ask(|reply| Request::RunHead(task, feature.clone(), extent, reply))
    }

    /// The shape of the feature that a picture of `extent` gives.
    ///
    /// # Errors
    /// When the package has no such task.
    pub fn feature_shape(
        &self,
        task: Task,
        extent: ImageExtent,
    ) -> Result<FeatureShape, VisionError> {
        feature_shape(&self.package, task, extent)
    }

    fn ask<T>(
        &self,
        request: impl FnOnce(SyncSender<Result<T, VisionError>>) -> Request,
    ) -> Result<T, VisionError> {
        let (reply, answer) = sync_channel(1);
        self.requests
            .send(request(reply))
            .map_err(|_| VisionError::EngineGone)?;
        answer.recv().map_err(|_| VisionError::BrokeDown)?
    }
}

/// The state of the engine's thread.
struct Model {
    package: Package,
    device: Device,
    compute: Kind,
    backbone: Option<Backbone>,
    heads: BTreeMap<Task, Head>,
}

impl Model {
    fn load(package: Package, tasks: &[Task], options: EngineOptions) -> Result<Self, VisionError> {
        if let Some(threads) = options.threads {
            tch::set_num_threads(i32::try_from(threads.get()).unwrap_or(i32::MAX));
        }
        let device = Device::cuda_if_available();
        let compute = match options.compute {
            Compute::F32 => Kind::Float,
            Compute::Bf16 => Kind::BFloat16,
        };
        let architecture = &package.manifest().architecture;
        let backbone = match options.parts {
            Parts::Backbone | Parts::All => {
                let weights = Weights::read(&package.backbone_path(), device)?;
                let mut backbone = Backbone::new(architecture, weights)?;
                backbone.prepare(compute)?;
                Some(backbone)
            }
            Parts::Heads => None,
        };
        let mut heads = BTreeMap::new();
        if matches!(options.parts, Parts::Heads | Parts::All) {
            for &task in tasks {
                let weights = Weights::read(&package.head_path(task)?, device)?;
                heads.insert(task, Head::new(architecture, package.task(task)?, weights)?);
            }
        }
        Ok(Self {
            package,
            device,
            compute,
            backbone,
            heads,
        })
    }

    /// Answers requests until the last handle is gone.
    ///
    /// A panic leaves the model as it was: it is only read, and libtorch's own exceptions end at its C
    /// interface. The panic hook reports it, and its request is answered by the loss of its channel.
    fn serve(&self, inbox: Receiver<Request>) {
        for request in inbox {
            let _ = catch_unwind(AssertUnwindSafe(|| self.answer(request)));
        }
    }

    /// Answers one request; a caller that has gone away needs no answer.
    fn answer(&self, request: Request) {
        let _no_grad = tch::no_grad_guard();
        match request {
            Request::Extract(task, picture, reply) => {
                drop(reply.send(self.extract(task, &picture)));
            }
            Request::ExtractBatch(task, pictures, reply) => {
                drop(reply.send(self.extract_batch(task, &pictures)));
            }
            Request::ExtractTensor(task, input, reply) => {
                drop(reply.send(self.extract_tensor(task, &input)));
            }
            Request::RunHead(task, feature, extent, reply) => {
                drop(reply.send(self.run_head(task, &feature, extent)));
            }
            #[cfg(test)]
            Request::Panic(_reply) => panic!("a defect"),
        }
    }

    fn extract(&self, task: Task, picture: &Picture) -> Result<Extraction, VisionError> {
        let start = Instant::now();
        let architecture = &self.package.manifest().architecture;
        let pixels = preprocess::views(picture, self.package.task(task)?, architecture)?;
        let preprocess = start.elapsed();
        self.forward(task, &pixels, preprocess)
    }

    fn extract_batch(&self, task: Task, pictures: &[Picture]) -> Result<Vec<Feature>, VisionError> {
        let architecture = &self.package.manifest().architecture;
        let inputs = pictures
            .iter()
            .map(|picture| preprocess::views(picture, self.package.task(task)?, architecture))
            .collect::<Result<Vec<_>, _>>()?;
        let mut features = Vec::with_capacity(inputs.len());
        for alike in inputs.chunk_by(|one, next| one.size()[1..] == next.size()[1..]) {
            let layers = self.layers(task, &Tensor::f_cat(alike, 0)?)?;
            let mut first = 0;
            for input in alike {
                let views = input.size()[0];
                features.push(self.feature(&layers, first..first + views)?);
                first += views;
            }
        }
        Ok(features)
    }

    fn extract_tensor(&self, task: Task, input: &ArrayD<f32>) -> Result<Extraction, VisionError> {
        let start = Instant::now();
        let shape: Vec<i64> = input.shape().iter().map(|&extent| extent as i64).collect();
        if let [0, ..] | [] = shape[..] {
            let reason = format!("shape {shape:?}, expected [batch, 3, height, width]");
            return Err(VisionError::Input { task, reason });
        }
        let values = input.as_standard_layout();
        let pixels = match values.as_slice() {
            Some(values) => Tensor::f_from_slice(values)?,
            None => Tensor::f_from_slice(&values.iter().copied().collect::<Vec<_>>())?,
        };
        self.forward(task, &pixels.f_reshape(&shape)?, start.elapsed())
    }

    fn forward(
        &self,
        task: Task,
        pixels: &Tensor,
        preprocess: Duration,
    ) -> Result<Extraction, VisionError> {
        let start = Instant::now();
        let layers = self.layers(task, pixels)?;
        let feature = self.feature(&layers, 0..pixels.size()[0])?;
        Ok(Extraction {
            feature,
            preprocess,
            forward: start.elapsed(),
        })
    }

    /// The task's taps, each `[views, tokens, dim]` on the device.
    fn layers(&self, task: Task, pixels: &Tensor) -> Result<Vec<Tensor>, VisionError> {
        let backbone = self
            .backbone
            .as_ref()
            .ok_or_else(|| VisionError::NotLoaded {
                what: "a backbone".to_owned(),
            })?;
        let taps = &self.package.task(task)?.common().taps;
        backbone.taps(&pixels.f_to_device(self.device)?, taps, self.compute)
    }

    /// The feature of some of a batch's views.
    fn feature(&self, layers: &[Tensor], views: Range<i64>) -> Result<Feature, VisionError> {
        let layout = self.package.manifest().architecture.token_layout();
        to_feature(layers, views, layout)
    }

    fn run_head(
        &self,
        task: Task,
        feature: &Feature,
        extent: ImageExtent,
    ) -> Result<HeadOutput, VisionError> {
        let head = self
            .heads
            .get(&task)
            .ok_or_else(|| VisionError::NotLoaded {
                what: format!("the {task} head"),
            })?;
        let patch = self.package.manifest().architecture.patch;
        head.run(
            self.package.task(task)?,
            patch,
            feature,
            extent.into(),
            self.device,
        )
    }
}

/// The feature of some of a batch's views, copied out of libtorch once.
fn to_feature(
    layers: &[Tensor],
    views: Range<i64>,
    layout: TokenLayout,
) -> Result<Feature, VisionError> {
    let [_, tokens, dim] = layers.first().map_or(Ok([0; 3]), |layer| {
        layer
            .size3()
            .map(|(views, tokens, dim)| [views, tokens, dim])
    })?;
    let extents = [views.end - views.start, layers.len() as i64, tokens, dim];
    let shape = FeatureShape::try_from(extents.map(|extent| extent as usize))?;
    let mut values = vec![0.0f32; shape.points()];
    let planes = values.chunks_exact_mut((tokens * dim) as usize);
    let sources = views.flat_map(|view| layers.iter().map(move |layer| layer.f_get(view)));
    for (plane, source) in planes.zip(sources) {
        copy_out(&source?, plane)?;
    }
    Ok(Feature::new(shape, values)?.with_layout(layout))
}

#[cfg(test)]
mod tests {
    use splitsim_source::{Source, SourceSpec};

    use super::*;
    use crate::train::{TrainConfig, random_package};

    fn engine(registers: usize) -> Engine {
        let dir = tempfile::tempdir().unwrap();
        let mut config = TrainConfig::miniature();
        config.architecture.registers = registers;
        let package = random_package(&config, dir.path()).unwrap();
        let options = EngineOptions {
            parts: Parts::Backbone,
            compute: Compute::F32,
            threads: None,
        };
        Engine::load(&package, &Task::ALL, options).unwrap()
    }

    #[test]
    fn a_panic_costs_one_request_its_answer_and_no_other() {
        let engine = engine(0);
        let broken = engine.ask(Request::Panic);
        assert!(matches!(broken, Err(VisionError::BrokeDown)), "{broken:?}");
        let scenes = Source::open(&SourceSpec::Scenes { seed: 9, count: 1 }).unwrap();
        let picture = scenes.item(0, Task::Cls).unwrap().picture;
        assert!(engine.extract(Task::Cls, picture).is_ok());
    }

    /// 16 × 16 patches of a classification's input, one class token, and the registers.
    #[test]
    fn features_know_their_registers() {
        let engine = engine(4);
        let scenes = Source::open(&SourceSpec::Scenes { seed: 9, count: 1 }).unwrap();
        let picture = scenes.item(0, Task::Cls).unwrap().picture;
        let alone = engine.extract(Task::Cls, picture.clone()).unwrap().feature;
        let batch = engine.extract_batch(Task::Cls, vec![picture]).unwrap();
        for feature in [&alone, &batch[0]] {
            assert_eq!(feature.shape().tokens(), 1 + 4 + 16 * 16);
            assert_eq!(feature.layout(), TokenLayout { registers: 4 });
        }
    }

    #[test]
    fn a_batch_gives_what_its_pictures_give_alone() {
        let engine = engine(0);
        let scenes = Source::open(&SourceSpec::Scenes { seed: 9, count: 2 }).unwrap();
        let extent = ImageExtent::new(90, 60).unwrap();
        let samples = (0..90 * 60 * 3).map(|index| (index * 7 % 251) as u8);
        let small = Picture::from_rgb(extent, samples.collect()).unwrap();
        for task in Task::ALL {
            let scene = |index| scenes.item(index, task).unwrap().picture;
            let pictures = vec![scene(0), small.clone(), scene(1), scene(0)];
            let together = engine.extract_batch(task, pictures.clone()).unwrap();
            assert_eq!(together.len(), pictures.len());
            for (picture, batched) in pictures.into_iter().zip(together) {
                let alone = engine.extract(task, picture).unwrap().feature;
                assert_eq!(alone.shape(), batched.shape());
                let pairs = || alone.values().iter().zip(batched.values());
                let error: f32 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
                let norm: f32 = alone.values().iter().map(|a| a * a).sum();
                assert!(
                    (error / norm).sqrt() < 1e-5,
                    "{task}: {}",
                    (error / norm).sqrt()
                );
            }
        }
    }
}
