//! `splitsim cfqa import`.

mod files;
mod logs;
mod rows;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use splitsim_cfqa::Metric;
use splitsim_display::printable;
use splitsim_feature::TokenLayout;
use splitsim_table::write_parquet;

use self::files::Files;
use self::logs::Logs;
use self::rows::Assembly;
use crate::benchmark::ROWS;
use crate::outputs::Force;
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds, names};

/// Read a published data set's features and logs.
///
/// Folders are searched for org_feat/TASK/NAME.npy, compressed_feat/CODEC/TASK/…/NAME.npy or .bin, and
/// log files whose names say codec and task (ARCH_trained_TRAIN_eval_TASK_all.txt, or CODEC_TASK.txt), with
/// lines NAME PERFORMANCE MSE COSINE CKA. Reconstructions (.npy) are scored against their originals,
/// bitstreams give sizes, logs give performances, and scores where there are no reconstructions.
///
/// What is not as published is listed, and the exit code is 1; what is there is imported all the same.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// Folders of a data set, or log files
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Folder for rows.parquet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Features that there should be per task
    #[arg(long, value_name = "N", default_value = "100", value_parser = bounds::PICTURES.parser::<usize>())]
    features: usize,
    /// Levels that there should be per codec and task
    #[arg(long, value_name = "N", default_value = "10", value_parser = bounds::LEVELS.parser::<usize>())]
    levels: usize,
    /// A metric that reconstructions are scored by, as often as needed; all unless given
    #[arg(long = "metric", value_name = "METRIC", value_parser = names::of(&Metric::ALL, Metric::name))]
    metrics: Vec<Metric>,
    /// Registers of the model that made the features: tokens after the class token that are no patches
    #[arg(long, value_name = "N", default_value = "0", value_parser = bounds::REGISTERS.parser::<usize>())]
    registers: usize,
    #[command(flatten)]
    force: Force,
}

impl Import {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let (files, logs) = self.prepare().or_refuse()?;
        Ok(self.import(&files, &logs, screen)?)
    }

    fn prepare(&self) -> Result<(Files, Logs)> {
        self.force.check("--out", &self.out.join(ROWS))?;
        for path in &self.paths {
            ensure!(path.exists(), "{} does not exist", path.display());
        }
        let files = Files::find(&self.paths)?;
        let logs = Logs::find(&self.paths)?;
        ensure!(
            !files.is_empty() || !logs.is_empty(),
            "no compressed_feat/CODEC/TASK and no logs there; a log's name says its codec and task, as in \
             hm_trained_hybrid_eval_cls_all.txt"
        );
        Ok((files, logs))
    }

    fn import(&self, files: &Files, logs: &Logs, screen: &Screen) -> Result<Output> {
        let metrics = match self.metrics.as_slice() {
            [] => Metric::ALL.to_vec(),
            named => named.to_vec(),
        };
        let assembly = Assembly {
            files,
            logs,
            metrics: &metrics,
            layout: TokenLayout {
                registers: self.registers,
            },
        };
        let (rows, mut gaps) = assembly.rows(screen)?;
        gaps.extend(files.gaps(self.features, self.levels));
        gaps.extend(logs.gaps(self.features, self.levels));
        gaps.extend(without_log(files, logs));
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let path = self.out.join(ROWS);
        write_parquet(&path, &rows)?;
        let mut text = format!("{} rows in {}\n", rows.rows(), printable(path.display()));
        text += &logs.describe();
        text += &gaps
            .iter()
            .map(|gap| format!("missing: {gap}\n"))
            .collect::<String>();
        let json = json!({ "rows": rows.rows(), "out": self.out, "missing": gaps });
        let shortfall = (!gaps.is_empty())
            .then(|| format!("{} things are not as published, listed above", gaps.len()));
        Ok(Output::new(text, &json)?.short_of(shortfall))
    }
}

/// Codecs and tasks with features but without performances.
fn without_log(files: &Files, logs: &Logs) -> Vec<String> {
    let groups = files.groups().into_iter();
    groups
        .filter(|(codec, task)| logs.of(codec, *task).is_none())
        .map(|(codec, task)| format!("{codec} {task}: no log, so no performances"))
        .collect()
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa import ~/cfqa_dataset ~/accuracy_log --out out/published
  splitsim cfqa import hm_trained_hybrid_eval_cls_all.txt --out out/hm-cls
  splitsim cfqa table out/published --mode cfqa2025";
