use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use splitsim_codec::CodecId;
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::SourceSpec;
use splitsim_vision::Compute;

use super::opened::{Opened, Wanted};
use crate::calibration::{Criterion, Plan, TaskCalibration, calibrate};
use crate::outputs::PackageTarget;
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, names};

/// Find value ranges, a codec's ladders and gate thresholds, and write them into the package.
///
/// Any pictures will do. Reconstructions are judged per task by the best of three criteria that pictures and
/// package allow: truth, the task's performance; agreement with the answer that the head gives to the original
/// feature; or, where the package has no head, the mean cosine to the original feature.
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
    /// Pictures: folder:DIR or a path, scenes:SEED:COUNT, imagenet:DIR, voc:DIR or nyu:DIR
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// cls, seg or dpt; give it as often as needed [default: all of the model's; with labels for some
    /// tasks only, these]
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<Task>,
    /// Standard by which reconstructions are judged [default: the best that pictures and package allow]
    #[arg(long, value_enum, value_name = "CRITERION")]
    by: Option<Criterion>,
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
        let opened = self.prepare().or_refuse()?;
        Ok(self.execute(&opened, screen)?)
    }

    fn prepare(&self) -> Result<Opened> {
        let wanted = Wanted {
            model: &self.model,
            source: &self.source,
            tasks: &self.tasks,
            compute: Compute::F32,
            threads: None,
        };
        ensure!(
            self.codec.qps().is_some(),
            "--codec {}: its levels are trained, see 'splitsim codec train'; hevc, vvc, hm and vtm have \
             QPs to calibrate",
            self.codec
        );
        let mut opened = wanted.open_unlabelled()?;
        let Opened { source, tasks, .. } = &mut opened;
        // A data set with the truth of one task is there for that task.
        if self.tasks.is_empty() && self.by.is_none_or(|by| by == Criterion::Truth) {
            let labelled = |&task: &Task| source.has_truth(task);
            if tasks.iter().any(labelled) {
                tasks.retain(labelled);
            }
        }
        if !self.dry_run {
            self.target.check(opened.engine.package())?;
        }
        for &task in &opened.tasks {
            self.check(&opened, task)?;
        }
        Ok(opened)
    }

    /// Refuses a criterion that pictures or package do not allow.
    fn check(&self, opened: &Opened, task: Task) -> Result<()> {
        let Opened { engine, source, .. } = opened;
        let by = self.by.unwrap_or(Criterion::Cosine);
        ensure!(
            by != Criterion::Truth || source.has_truth(task),
            "--by truth: {} has no ground truth for {task}",
            self.source
        );
        if by != Criterion::Cosine {
            engine.package().head_path(task)?;
        }
        Ok(())
    }

    fn execute(&self, opened: &Opened, screen: &Screen) -> Result<Output> {
        let Opened {
            engine,
            source,
            tasks,
        } = opened;
        let mut calibrations = Vec::new();
        for &task in tasks {
            let bar = std::sync::Mutex::new(screen.bar(format!("calibrating {task}"), 0));
            let progress = |done: usize, total: usize| {
                if let Ok(mut bar) = bar.lock() {
                    bar.set_total(total as u64);
                    bar.set(done as u64);
                }
            };
            let best = || Criterion::of(engine.package(), source, task);
            let plan = Plan {
                task,
                criterion: self.by.unwrap_or_else(best),
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
        let tasks = self.tasks.iter().map(|task| format!(" --task {task}"));
        let tasks: String = tasks.collect();
        let by = self.by.map_or_else(String::new, |by| format!(" --by {by}"));
        let keep_ranges = if self.keep_ranges {
            " --keep-ranges"
        } else {
            ""
        };
        format!(
            "splitsim model calibrate --model {model} --source {source}{tasks}{by} --codec {codec}\
             {keep_ranges} --cls-limit {cls_limit} --seg-limit {seg_limit} --dpt-limit {dpt_limit}"
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
        criterion,
        pictures,
        performance_is,
        original_performance,
        ladder,
        threshold,
        note,
        ..
    } = calibration;
    let mut lines = vec![
        format!(
            "{task}: {pictures} pictures, judged by {criterion}: {performance_is}, of the originals \
             {original_performance:.3}"
        ),
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
    lines.extend(note.clone());
    lines.extend(threshold.as_ref().map(|threshold| {
        format!(
            "gate: cosine >= {:.4} ships a mean distortion of {:.4} in {:.1} attempts from the cheapest level",
            threshold.cosine, threshold.mean_distortion, threshold.mean_attempts
        )
    }));
    lines.join("\n")
}

const EXAMPLES: &str = "\
Examples:
  splitsim model calibrate --model tiny-scenes --source scenes:3:100 --out models/mine
  splitsim model calibrate --model models/mine --source scenes:3:100 --codec vvc --keep-ranges
  splitsim model calibrate --model models/mine --source folder:photos --task cls
  splitsim model calibrate --model models/mine --source scenes:3:40 --dry-run --json
Take pictures that are neither trained on nor shown later, and of the kind that will be coded.";
