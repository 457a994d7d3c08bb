//! `splitsim report`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use splitsim_feature::Task;
use splitsim_story::{Limits, RecordedReplay};

use crate::outputs::Force;
use crate::run::report;
use crate::sweep::RecordedSweep;
use crate::{Failure, Output, Screen, gallery, ladder};
use splitsim_cli::{OrRefuse, bounds};
use splitsim_display::printable;

/// Make report.html of the results of a run, a replay or a sweep.
///
/// One file that needs no network: what was run, what it cost and what it broke, with plots, a table of
/// every frame, the data, and pictures of the frames whose prediction was most wrong. Those are made
/// again with the model and codec of the run. A run that was ended early gives a report that says so.
/// Of policies that were replayed over recorded ladders it shows what they cost and break beside the
/// oracle, the ladder itself, and no pictures. Of a sweep it shows each figure over each swept key, with
/// links to the points' own reports.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Report {
    /// The folder that splitsim run, policies compare or cloud serve wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File for the report; report.html in the folder unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// True distortion up to which a frame is within its limit: cls in ranks, seg in mIoU points, dpt in
    /// m of RMSE; give it once per task
    #[arg(long = "limit", value_name = "TASK=VALUE", value_parser = limit)]
    limits: Vec<(Task, f64)>,
    /// Frames of a run shown in pictures, per task and for either surprise; 0 for none
    #[arg(long, value_name = "N", default_value = "2", value_parser = bounds::SHOWN.parser::<usize>())]
    pictures: usize,
    #[command(flatten)]
    force: Force,
}

impl Report {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        if RecordedSweep::is_in(&self.folder) {
            return self.of_sweep();
        }
        match RecordedReplay::is_in(&self.folder) {
            true => {
                let html = ladder::report(&self.folder, &self.limits).or_refuse()?;
                self.write(&html, Some(0))
            }
            false => self.of_run(screen),
        }
    }

    fn of_sweep(self) -> Result<Output, Failure> {
        let sweep = RecordedSweep::read(&self.folder).or_refuse()?;
        let limits = self.chosen();
        let out = self.destination();
        let html = sweep.html(&limits, &out)?;
        let missing = sweep.open().len();
        self.put(&out, &html, missing == 0)?;
        let text = format!("report: {}\n{}", printable(out.display()), sweep.progress());
        let json = json!({ "report": out, "bytes": html.len(), "missing_points": missing });
        Ok(Output::new(text, &json)?)
    }

    /// The limits that readers get unless they choose others.
    fn chosen(&self) -> Limits {
        let mut limits = Limits::default();
        for &(task, limit) in &self.limits {
            *limits.of_mut(task) = limit;
        }
        limits
    }

    fn of_run(self, screen: &Screen) -> Result<Output, Failure> {
        let run = report::read(&self.folder).or_refuse()?;
        let limits = self.chosen();
        let pictures = gallery::of_recorded(&run, self.pictures, screen);
        let html = run.page(&limits, pictures).render();
        self.write(&html, run.missing())
    }

    fn destination(&self) -> PathBuf {
        let usual = || self.folder.join(FILE);
        self.out.clone().unwrap_or_else(usual)
    }

    /// Writes the page. The page of unfinished results replaces an earlier one in their folder; any other
    /// existing page stays.
    fn put(&self, out: &Path, html: &str, finished: bool) -> Result<(), Failure> {
        if finished || self.out.is_some() {
            let check = self.force.check_content("--out", out, html.as_bytes());
            check.or_refuse()?;
        }
        Ok(splitsim_durable::replace(out, html).map_err(anyhow::Error::from)?)
    }

    /// `missing`: frames that the results lack, where that is known.
    fn write(self, html: &str, missing: Option<u64>) -> Result<Output, Failure> {
        let out = self.destination();
        self.put(&out, html, missing == Some(0))?;
        let text = format!("report: {}", printable(out.display()));
        let json = json!({ "report": out, "bytes": html.len(), "missing_frames": missing });
        Ok(Output::new(text, &json)?)
    }
}

/// The report's usual name in a folder of results.
pub(crate) const FILE: &str = "report.html";

fn limit(text: &str) -> Result<(Task, f64)> {
    let (task, value) = text.split_once('=').context("expected TASK=VALUE")?;
    let value: f64 = value.parse().context("the limit is no number")?;
    ensure!(value.is_finite(), "the limit must be finite");
    Ok((task.parse()?, value))
}

const EXAMPLES: &str = "\
Examples:
  splitsim report out/demo
  splitsim report out/demo --out demo.html --limit seg=2 --limit dpt=0.05
  splitsim report out/demo --pictures 4
  splitsim report out/policy-comparison --limit cls=1 --force";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_their_task() {
        assert_eq!(limit("seg=2.5").unwrap(), (Task::Seg, 2.5));
        for wrong in ["seg", "seg=", "seg=NaN", "mask=1"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
