use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use splitsim_display::printable;
use splitsim_model::Package;
use splitsim_vision::train::{self, Held, PackageNote, Progress, TrainConfig};

use crate::commands::settings::read_settings;
use crate::commands::training_log::TrainingLog;
use crate::outputs::Force;
use crate::{Failure, Output, Screen};
use splitsim_cli::{Bar, OrRefuse};

/// Train a small model on rendered scenes and write its package.
///
/// Value ranges and ladders are not calibrated yet. An interrupted training resumes from its last
/// checkpoint in the working folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrainDefault {
    /// Training settings: what to train, and for how long
    #[arg(
        long,
        value_name = "FILE.toml",
        default_value = "models/tiny-scenes/train.toml"
    )]
    config: PathBuf,
    /// Rendered scenes, checkpoints and the log training.jsonl are kept here
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Folder for the package; the folder's name becomes the model's
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
}

impl TrainDefault {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let (config, note) = self.prepare().or_refuse()?;
        Ok(self.execute(&config, note, screen)?)
    }

    fn prepare(&self) -> Result<(TrainConfig, PackageNote)> {
        let config = read_settings(&self.config, TrainConfig::parse)?;
        let name = self.out.file_name().and_then(|name| name.to_str());
        let name = name.context("--out needs a folder name, which becomes the model's")?;
        let manifest = self.out.join(Package::MANIFEST);
        self.force.check("--out", &manifest)?;
        let note = PackageNote {
            name: name.to_owned(),
            description: "DINOv2's architecture at small size, trained on rendered scenes; none \
                          of DINOv2's weights"
                .to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            provenance: format!(
                "splitsim {} model train-default with {}, seed {}",
                env!("CARGO_PKG_VERSION"),
                self.config.display(),
                config.seed
            ),
        };
        Ok((config, note))
    }

    fn execute(&self, config: &TrainConfig, note: PackageNote, screen: &Screen) -> Result<Output> {
        let mut watch = Watch::begin(self, screen)?;
        let tensors = train::run(config, &self.work, &mut |progress| watch.hear(progress))?;
        let held_out = watch.end()?;
        let package = train::export(config, &tensors, note, &self.out)?;
        let figures = held_out.map_or_else(String::new, |held| format!(": {}", figures(&held)));
        let text = format!("{}{figures}", printable(self.out.display()));
        let json = json!({
            "package": self.out,
            "digest": package.digest().to_string(),
            "steps": config.total_steps(),
            "held_out": held_out,
        });
        Output::new(text, &json)
    }
}

/// Shows and logs how a training goes.
struct Watch {
    screen: Screen,
    log: TrainingLog,
    bar: Option<(Phase, Bar)>,
    held_out: Option<Held>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Rendering,
    Training,
}

impl Watch {
    fn begin(job: &TrainDefault, screen: &Screen) -> Result<Self> {
        std::fs::create_dir_all(&job.work)
            .with_context(|| format!("cannot make {}", job.work.display()))?;
        Ok(Self {
            screen: screen.clone(),
            log: TrainingLog::open(&job.work)?,
            bar: None,
            held_out: None,
        })
    }

    fn hear(&mut self, progress: &Progress) {
        self.log.write(progress);
        match *progress {
            Progress::Rendering { done, total } => {
                self.bar(Phase::Rendering, total).set(done as u64);
                if done == total {
                    self.close_bar();
                }
            }
            Progress::Step {
                step,
                total,
                losses,
                images_per_second,
                eta_seconds,
                ..
            } => {
                let [cls, seg, dpt, _] = losses;
                let left = Duration::from_secs(eta_seconds.max(0.0) as u64);
                let left = humantime::format_duration(left);
                let bar = self.bar(Phase::Training, total);
                bar.message(&format!(
                    "cls {cls:.2} seg {seg:.2} dpt {dpt:.2}, {images_per_second:.0} images/s, {left} left"
                ));
                bar.set(step as u64);
            }
            Progress::HeldOut { step, held_out } => {
                self.held_out = Some(held_out);
                let figures = figures(&held_out);
                self.screen
                    .note(&format!("step {step}, held out: {figures}"));
            }
        }
    }

    /// The figures of the last evaluation.
    fn end(mut self) -> Result<Option<Held>> {
        self.close_bar();
        self.log.end()?;
        Ok(self.held_out)
    }

    fn bar(&mut self, phase: Phase, total: usize) -> &mut Bar {
        if self.bar.as_ref().is_some_and(|(shown, _)| *shown != phase) {
            self.close_bar();
        }
        let screen = &self.screen;
        let begin = || match phase {
            Phase::Rendering => screen.bar("rendering scenes", total as u64),
            // Steps of later stages take longer: the training's own estimate knows.
            Phase::Training => screen.bar("training", total as u64).without_estimate(),
        };
        let (_, bar) = self.bar.get_or_insert_with(|| (phase, begin()));
        bar
    }

    fn close_bar(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}

fn figures(held: &Held) -> String {
    format!(
        "top-1 {:.1} %, mIoU {:.1} %, depth RMSE {:.3} m on {} scenes",
        held.top1_percent, held.miou_percent, held.depth_rmse_m, held.scenes
    )
}

const EXAMPLES: &str = "\
Examples:
  splitsim model train-default --work out/training --out models/tiny-scenes --force
  splitsim model train-default --config mine.toml --work out/training --out models/mine";
