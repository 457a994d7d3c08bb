//! `splitsim heads`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use splitsim_feature::{Feature, Task, npy};
use splitsim_model::Package;
use splitsim_source::DepthScale;
use splitsim_truth::{
    DepthCrop, DepthMap, GroundTruth, HeadOutput, Logits, Performance, SegPrediction,
};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use super::image_size::ImageSizeArg;
use super::truth_file;
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, names};

/// Classes of a classification that are shown.
const RANKED: usize = 5;

#[derive(Debug, Subcommand)]
pub(crate) enum HeadsCommand {
    /// Run a task head on a feature
    Run(Run),
}

/// Run a task head on a feature.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The head: cls, seg or dpt
    #[arg(long, value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    task: Task,
    /// The feature, .npy, f32 [views, layers, tokens, dim]
    #[arg(long, value_name = "F.npy")]
    feature: PathBuf,
    /// Size of the picture that the feature is of, pixels; the default is that of rendered scenes
    #[arg(long, value_name = "WxH", default_value = "224x224")]
    image_size: ImageSizeArg,
    /// Ground truth of the picture. cls: class number or a scene's .json; seg: palette or 8-bit grey .png
    /// of classes; dpt: 16-bit grey .png of millimetres
    #[arg(long, value_name = "TRUTH")]
    truth: Option<String>,
    /// Samples per metre of a depth map, whatever they look like [default: 1000, if they may be]
    #[arg(long, value_name = "N")]
    depth_scale: Option<NonZeroU32>,
    /// Pixels of a depth map that are judged
    #[arg(long, value_enum, default_value_t = Crop::Full)]
    depth_crop: Crop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Crop {
    /// All with valid truth
    Full,
    /// Eigen's crop of 640x480 NYU pictures
    Eigen,
}

impl From<Crop> for DepthCrop {
    fn from(crop: Crop) -> Self {
        match crop {
            Crop::Full => Self::Full,
            Crop::Eigen => Self::Eigen,
        }
    }
}

/// Everything that a head needs.
struct Prepared {
    engine: Engine,
    feature: Feature,
    truth: Option<GroundTruth>,
}

impl HeadsCommand {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        match self {
            Self::Run(run) => run.run(),
        }
    }
}

impl Run {
    fn depth_scale(&self) -> DepthScale {
        self.depth_scale
            .map_or_else(DepthScale::default, DepthScale::PerMetre)
    }

    fn run(self) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        let package = Package::find(&self.model)?;
        let feature = npy::read(&self.feature)?;
        let truth = self.truth.as_deref();
        let truth = truth
            .map(|named| truth_file::read(self.task, named, self.depth_scale()))
            .transpose()?;
        let options = EngineOptions {
            parts: Parts::Heads,
            compute: Compute::F32,
            threads: None,
        };
        let engine = Engine::load(&package, &[self.task], options)?;
        let expected = engine.feature_shape(self.task, self.image_size.0)?;
        if feature.shape() != expected {
            bail!(
                "{}: a feature of {}, but that of a {} picture for {} is {expected}; name the \
                 picture's size with --image-size",
                self.feature.display(),
                feature.shape(),
                self.image_size,
                self.task,
            );
        }
        Ok(Prepared {
            engine,
            feature,
            truth,
        })
    }

    fn execute(&self, prepared: &Prepared) -> Result<Output> {
        let Prepared {
            engine,
            feature,
            truth,
        } = prepared;
        let result = engine.run_head(self.task, feature, self.image_size.0)?;
        let crop = self.depth_crop.into();
        let performance = truth
            .as_ref()
            .map(|truth| Performance::of(truth, &result, crop))
            .transpose()
            .with_context(|| format!("--truth {}", self.truth.as_deref().unwrap_or_default()))?;
        let (mut text, description) = describe(&result);
        if let Some(performance) = performance {
            text = format!("{text}\nagainst the truth: {performance}");
        }
        let json = json!({
            "task": self.task,
            "image_size": self.image_size.to_string(),
            "result": description,
            "performance": performance.map(|performance| json!({
                "value": performance.value(),
                "unit": performance.unit(),
            })),
        });
        Output::new(text, &json)
    }
}

/// A head's output for people and for programs.
fn describe(output: &HeadOutput) -> (String, Value) {
    match output {
        HeadOutput::Cls(logits) => ranked(logits),
        HeadOutput::Seg(prediction) => areas(prediction),
        HeadOutput::Dpt(depth) => depths(depth),
    }
}

fn ranked(logits: &Logits) -> (String, Value) {
    let mut classes: Vec<_> = logits.values().iter().copied().enumerate().collect();
    classes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    classes.truncate(RANKED);
    let text = classes
        .iter()
        .map(|(class, logit)| format!("class {class:>4}: logit {logit:.3}"));
    let json = classes
        .iter()
        .map(|(class, logit)| json!({ "class": class, "logit": logit }));
    let text = text.collect::<Vec<_>>().join("\n");
    (text, json!({ "ranked": json.collect::<Vec<_>>() }))
}

fn areas(prediction: &SegPrediction) -> (String, Value) {
    let mut pixels = vec![0u64; usize::from(prediction.classes().get())];
    for &class in prediction.mask().view() {
        pixels[usize::from(class)] += 1;
    }
    let total: u64 = pixels.iter().sum();
    let found = || pixels.iter().enumerate().filter(|&(_, &pixels)| pixels > 0);
    let text = found().map(|(class, &pixels)| {
        let percent = 100.0 * pixels as f64 / total as f64;
        format!("class {class:>4}: {percent:5.1} % of the picture")
    });
    let json = found().map(|(class, pixels)| json!({ "class": class, "pixels": pixels }));
    let text = text.collect::<Vec<_>>().join("\n");
    (text, json!({ "classes": json.collect::<Vec<_>>() }))
}

fn depths(depth: &DepthMap) -> (String, Value) {
    let metres = depth.view();
    let min = metres.iter().copied().fold(f32::INFINITY, f32::min);
    let max = metres.iter().copied().fold(0.0, f32::max);
    let mean = metres.iter().map(|&metres| f64::from(metres)).sum::<f64>() / metres.len() as f64;
    let text = format!("depth from {min:.3} m to {max:.3} m, {mean:.3} m on average");
    (text, json!({ "min_m": min, "mean_m": mean, "max_m": max }))
}

const EXAMPLES: &str = "\
Examples:
  splitsim scenes render --count 2 --seed 4 --out out/scenes
  splitsim features extract --model tiny-scenes --task cls \\
      --source scenes:4:2 --out out/cls
  splitsim heads run --model tiny-scenes --task cls \\
      --feature out/cls/scene-4-000000.npy --truth out/scenes/000000.json
  splitsim features extract --model tiny-scenes --task dpt \\
      --source scenes:4:2 --out out/dpt
  splitsim heads run --model tiny-scenes --task dpt \\
      --feature out/dpt/scene-4-000000.npy --truth out/scenes/000000.depth.png
  splitsim features extract --model tiny-scenes --task seg \\
      --images photo.jpg --out out/seg
  splitsim heads run --model tiny-scenes --task seg \\
      --feature out/seg/photo.npy --image-size 640x480";
