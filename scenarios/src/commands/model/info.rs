use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_model::{Manifest, Package, TaskCommon};
use splitsim_source::ImageExtent;

use crate::{Failure, Output};
use splitsim_cli::OrRefuse;

/// Side of the picture whose feature shapes are shown, pixels: that of rendered scenes.
const EXAMPLE_SIDE: usize = 224;

/// Say what a model package is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Info {
    /// The model package, a name or a folder
    #[arg(value_name = "MODEL")]
    model: String,
}

impl Info {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let package = Package::find(&self.model).or_refuse()?;
        Ok(Output::new(text(&package), &json(&package))?)
    }
}

/// The shape of a feature of a scene, if the task takes such a picture.
fn scene_shape(package: &Package, task: Task) -> Option<String> {
    let extent = ImageExtent::new(EXAMPLE_SIDE, EXAMPLE_SIDE)?;
    let shape = splitsim_vision::feature_shape(package, task, extent).ok()?;
    Some(shape.to_string())
}

fn tasks(manifest: &Manifest) -> impl Iterator<Item = (Task, &TaskCommon)> {
    let common = |task| Some((task, manifest.tasks.common(task)?));
    Task::ALL.into_iter().filter_map(common)
}

fn text(package: &Package) -> String {
    let manifest = package.manifest();
    let a = &manifest.architecture;
    let mut text = format!(
        "{}: {}\n  folder      {}\n  digest      {}\n  licence     {}\n  provenance  {}\n  \
         backbone    {} blocks of {} channels, {} heads, patch {}, {} registers\n",
        printable(&manifest.name),
        printable(&manifest.description),
        printable(package.root().display()),
        package.digest(),
        printable(&manifest.licence),
        printable(&manifest.provenance),
        a.depth,
        a.embed_dim,
        a.heads,
        a.patch,
        a.registers,
    );
    for (task, common) in tasks(manifest) {
        let shape = scene_shape(package, task).unwrap_or_else(|| "unknown".to_owned());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {task}         taps {:?}, feature of a {EXAMPLE_SIDE}x{EXAMPLE_SIDE} picture {shape}",
            common.taps
        );
        if common.ranges.is_empty() {
            text.push_str(
                "              no value ranges: find them with 'splitsim model calibrate', or code with range \
                 'feature'\n",
            );
        }
        if !manifest.has_head(task) {
            text.push_str("              no head: features only\n");
        }
        for (codec, ladder) in &common.ladders {
            let _ = writeln!(
                text,
                "              {codec} ladder {ladder:?}, cheapest first"
            );
        }
    }
    text
}

fn json(package: &Package) -> Value {
    let manifest = package.manifest();
    let shapes = tasks(manifest).map(|(task, _)| {
        let shape = scene_shape(package, task);
        (task.name().to_owned(), json!(shape))
    });
    json!({
        "root": package.root(),
        "digest": package.digest().to_string(),
        "manifest": manifest,
        "uncalibrated": tasks(manifest)
            .filter(|(_, common)| common.ranges.is_empty())
            .map(|(task, _)| task)
            .collect::<Vec<_>>(),
        "scene_feature_shapes": shapes.collect::<serde_json::Map<_, _>>(),
    })
}

const EXAMPLES: &str = "\
Examples:
  splitsim model info tiny-scenes
  splitsim model info models/mine --json";
