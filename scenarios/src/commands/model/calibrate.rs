use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use splitsim_codec::CodecId;
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::SourceSpec;
use splitsim_vision::Compute;

use super::subject::{Subject, Wanted};
use crate::calibration::{Plan, TaskCalibration, calibrate};
use crate::outputs::PackageTarget;
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, names};

/// Find value ranges, a codec's ladders and gate thresholds, and write them into the package.
///
/// Ranges and ladders go into model.toml; everything that was measured on the way, and the gate
/// thresholds, go into calibration.json beside it (of hevc; calibration-CODEC.json of others). New
/// ranges make other codecs' ladders wrong: calibrate these with --keep-ranges afterwards.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Calibrate {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Pictures with ground truth: scenes:SEED:COUNT, or imagenet:DIR, voc:DIR or nyu:DIR for one task
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// The codec whose ladders are found: hevc, vvc, hm or vtm
    #[arg(long, value_name = "CODEC", default_value = "hevc", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codec: CodecId,
    /// Keep the package's value ranges
    #[arg(long)]
    keep_ranges: bool,
    /// Mean distortion that the cls gate may let through, ranks
    #[arg(long, value_name = "RANKS", default_value_t = 0.05)]
    cls_limit: f64,
    /// Mean distortion that the seg gate may let through, percentage points of mIoU
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    seg_limit: f64,
    /// Mean distortion that the dpt gate may let through, metres of RMSE
    #[arg(long, value_name = "METRES", default_value_t = 0.01)]
    dpt_limit: f64,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: PackageTarget,
}

impl Calibrate {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let subject = self.prepare().or_refuse()?;
        Ok(self.execute(&subject, screen)?)
    }

    fn prepare(&self) -> Result<Subject> {
        let wanted = Wanted {
            model: &self.model,
            source: &self.source,
            tasks: &[],
            compute: Compute::F32,
            threads: None,
        };
        ensure!(
            self.codec.qps().is_some(),
            "--codec {}: its levels are trained, see 'splitsim codec train'; hevc, vvc, hm and vtm have \
             QPs to calibrate",
            self.codec
        );
        let subject = wanted.open()?;
        if !self.dry_run {
            self.target.check(subject.engine.package())?;
        }
        Ok(subject)
    }

    fn execute(&self, subject: &Subject, screen: &Screen) -> Result<Output> {
        let Subject {
            engine,
            source,
            tasks,
        } = subject;
        let mut calibrations = Vec::new();
        for &task in tasks {
            let bar = std::sync::Mutex::new(screen.bar(format!("calibrating {task}"), 0));
            let progress = |done: usize, total: usize| {
                if let Ok(mut bar) = bar.lock() {
                    bar.set_total(total as u64);
                    bar.set(done as u64);
                }
            };
            let plan = Plan {
                task,
                codec: self.codec,
                keep_ranges: self.keep_ranges,
                distortion_limit: self.limit(task),
            };
            let found = calibrate(engine, source, plan, &progress)?;
            calibrations.push(found);
            if let Ok(bar) = bar.into_inner() {
                bar.finish();
            }
        }
        if !self.dry_run {
            self.write(engine.package(), &calibrations)?;
        }
        Output::new(table(&calibrations), &calibrations)
    }

    const fn limit(&self, task: Task) -> f64 {
        match task {
            Task::Cls => self.cls_limit,
            Task::Seg => self.seg_limit,
            Task::Dpt => self.dpt_limit,
        }
    }

    fn write(&self, package: &Package, calibrations: &[TaskCalibration]) -> Result<()> {
        let package = self.target.open(package)?;
        let mut manifest = package.manifest().clone();
        for calibration in calibrations {
            let common = manifest
                .tasks
                .common_mut(calibration.task)
                .context("the task vanished from the manifest")?;
            common.ranges = calibration.ranges.clone();
            let qps = calibration.ladder.iter().map(|rung| rung.qp).collect();
            common.ladders.insert(self.codec.to_string(), qps);
        }
        let record = serde_json::json!({
            "command": self.command_line(),
            "tasks": calibrations,
        });
        let path: PathBuf = package.root().join(self.record());
        splitsim_durable::replace(&path, format!("{record:#}\n"))?;
        manifest.write(package.root())?;
        Ok(())
    }

    /// The file beside the manifest that tells how it was calibrated.
    fn record(&self) -> String {
        match self.codec {
            CodecId::Hevc => "calibration.json".to_owned(),
            codec => format!("calibration-{codec}.json"),
        }
    }

    fn command_line(&self) -> String {
        let Self {
            model,
            source,
            codec,
            cls_limit,
            seg_limit,
            dpt_limit,
            ..
        } = self;
        let keep_ranges = if self.keep_ranges {
            " --keep-ranges"
        } else {
            ""
        };
        format!(
            "splitsim model calibrate --model {model} --source {source} --codec {codec}{keep_ranges} \
             --cls-limit {cls_limit} --seg-limit {seg_limit} --dpt-limit {dpt_limit}"
        )
    }
}

fn table(calibrations: &[TaskCalibration]) -> String {
    calibrations
        .iter()
        .map(section)
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn section(calibration: &TaskCalibration) -> String {
    let TaskCalibration {
        task,
        original_performance,
        ladder,
        threshold,
        ..
    } = calibration;
    let mut lines = vec![
        format!("{task}: original performance {original_performance:.3}"),
        "level  qp     bpfp   cosine  performance   lost".to_owned(),
    ];
    lines.extend(ladder.iter().enumerate().map(|(level, rung)| {
        format!(
            "{level:>5}  {:>2}  {:>7.4}  {:>7.4}  {:>11.3}  {:>4.1} %",
            rung.qp,
            rung.bpfp,
            rung.cosine,
            rung.performance,
            100.0 * rung.loss
        )
    }));
    lines.push(format!(
        "gate: cosine >= {:.4} ships a mean distortion of {:.4} in {:.1} attempts from the cheapest level",
        threshold.cosine, threshold.mean_distortion, threshold.mean_attempts
    ));
    lines.join("\n")
}

const EXAMPLES: &str = "\
Examples:
  splitsim model calibrate --model tiny-scenes --source scenes:3:100 --out models/mine
  splitsim model calibrate --model models/mine --source scenes:3:100 --codec vvc --keep-ranges
  splitsim model calibrate --model models/mine --source scenes:3:40 --dry-run --json
Take scenes that are neither trained on nor shown later.";
