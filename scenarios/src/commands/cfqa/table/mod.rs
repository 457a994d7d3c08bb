//! `splitsim cfqa table`.

mod page;
mod text;
mod values;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use splitsim_durable::encode_name;
use splitsim_feature::Task;
use splitsim_lab::{
    Bootstrap, Evaluation, MetricMode, PlccHistogram, Protocol, ScoreSet, Target, evaluate,
    published,
};

use crate::benchmark::read_rows;
use crate::outputs::{Force, check_distinct};
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, bounds};

/// Say how well metrics predict true distortion: correlations with intervals.
///
/// As the benchmark's paper does: a coefficient per feature over its levels, averaged over the features
/// that have one; how many have none is said. Beside it, pooled: over all compressed features together,
/// with the error that is left after a monotone logistic fit. Intervals are 95 %, by resampling features.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Table {
    /// A set's folder, or its rows.parquet
    #[arg(value_name = "ROWS")]
    rows: PathBuf,
    /// The figure that scores are correlated with: performance (raw, as published) or distortion
    #[arg(long, value_name = "WHAT", default_value_t = Target::Performance)]
    target: Target,
    /// Definitions of the three metrics: standard, or cfqa2025 (CKA as the benchmark's script has it)
    #[arg(long, value_name = "MODE", default_value_t = MetricMode::Standard)]
    mode: MetricMode,
    /// A metric in place of the mode's, as often as needed
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<String>,
    /// Resamples behind the intervals; 0 for none
    #[arg(long, value_name = "N", default_value = "1000", value_parser = bounds::RESAMPLES.parser::<usize>())]
    bootstrap: usize,
    /// Seed of the resampling
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// CSV file for the figures
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Page for the tables, histograms and scatter plots
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Folder for logs in the published format, CODEC_TASK.txt; needs cka-cfqa2025
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

/// The evaluations of a set, and the settings that they were made with.
struct Evaluated {
    set: ScoreSet,
    evaluations: Vec<Evaluation>,
    metrics: Vec<String>,
    target: Target,
    /// The name of the metric mode, which defines the metrics.
    mode: String,
    /// The method of the intervals, in words.
    intervals: String,
}

/// A bar of figure 2.
#[derive(Serialize)]
struct Bin {
    plcc: f64,
    features: usize,
}

impl Table {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        check_distinct(&[
            ("--csv", self.csv.as_deref()),
            ("--html", self.html.as_deref()),
        ])
        .or_refuse()?;
        let evaluated = self.evaluate().or_refuse()?;
        let files = self.files(&evaluated)?;
        for (option, path, text) in &files {
            let check = self.force.check_content(option, path, text.as_bytes());
            check.or_refuse()?;
        }
        self.write(&files)?;
        let evaluations = evaluated.evaluations.iter();
        let evaluations = evaluations.map(|evaluation| {
            let bins: Vec<Bin> = PlccHistogram::of(evaluation.plccs.iter().copied())
                .bins()
                .map(|(plcc, features)| Bin { plcc, features })
                .collect();
            json!({ "evaluation": evaluation, "plcc_histogram": bins })
        });
        let json = json!({
            "target": evaluated.target,
            "mode": evaluated.mode,
            "intervals": evaluated.intervals,
            "evaluations": evaluations.collect::<Vec<_>>(),
        });
        Ok(Output::new(text::render(&evaluated), &json)?)
    }

    fn evaluate(&self) -> Result<Evaluated> {
        let named = || self.rows.display().to_string();
        let set = ScoreSet::from_table(&read_rows(&self.rows)?).with_context(named)?;
        ensure!(
            self.target == Target::Performance
                || set
                    .records()
                    .iter()
                    .any(|record| record.distortion.is_some()),
            "{}: no true distortions, only raw performances: correlate with --target performance",
            self.rows.display()
        );
        let metrics = match self.metrics.as_slice() {
            [] => self.mode.metrics().map(str::to_owned).to_vec(),
            named => named.to_vec(),
        };
        let protocol = Protocol {
            target: self.target,
            bootstrap: Bootstrap {
                samples: self.bootstrap,
                seed: self.seed,
            },
        };
        let evaluations = evaluate(&set, &metrics, protocol).with_context(named)?;
        Ok(Evaluated {
            set,
            evaluations,
            metrics,
            target: self.target,
            mode: match self.metrics.is_empty() {
                true => self.mode.to_string(),
                false => "metrics by name".to_owned(),
            },
            intervals: match self.bootstrap {
                0 => "no intervals".to_owned(),
                samples => format!(
                    "95 % intervals by {samples} resamples of the features, seed {}",
                    self.seed
                ),
            },
        })
    }

    /// The files that are asked for, each with its option.
    fn files(&self, evaluated: &Evaluated) -> Result<Vec<(&'static str, PathBuf, String)>> {
        let mut files = Vec::new();
        let csv = values::table(&evaluated.evaluations)?.to_csv();
        if let Some(path) = &self.html {
            files.push(("--html", path.clone(), page::render(evaluated, &csv)));
        }
        if let Some(path) = &self.csv {
            files.push(("--csv", path.clone(), csv));
        }
        if let Some(folder) = &self.logs {
            for (codec, task) in evaluated.set.groups() {
                let log = published::render(&evaluated.set, &codec, task)?;
                files.push(("--logs", log_path(folder, &codec, task), log));
            }
        }
        Ok(files)
    }

    fn write(&self, files: &[(&'static str, PathBuf, String)]) -> Result<()> {
        if let Some(folder) = &self.logs {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        for (_, path, text) in files {
            splitsim_durable::replace(path, text)?;
        }
        Ok(())
    }
}

/// The log of a codec, whose name comes out of a table.
fn log_path(folder: &Path, codec: &str, task: Task) -> PathBuf {
    folder.join(format!("{}_{task}.txt", encode_name(codec)))
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa table out/cfqa
  splitsim cfqa table out/cfqa --target distortion --metric cosine --metric gram-distance --json
  splitsim cfqa table out/published --mode cfqa2025 --csv table4.csv --html table4.html";
