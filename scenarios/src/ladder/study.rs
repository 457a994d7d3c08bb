//! A scenario's ladders from its pictures, and its policies over them.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use splitsim_feature::Task;
use splitsim_replay::{Comparison, Recording};
use tokio_util::sync::CancellationToken;

use super::{Recorder, Recordings, compare, report, write};
use crate::commands::report::FILE as REPORT;
use crate::run::{Order, Prepared, STOPPING};
use crate::{Screen, Signals};

/// A scenario whose ladders can be recorded.
#[derive(Debug)]
pub struct Study {
    ready: Prepared,
}

/// The outcome of a study.
#[derive(Debug)]
pub struct Studied {
    /// The ranking, if the scenario has `[replay]` and everything is recorded.
    pub comparison: Option<Comparison>,
    /// Frames recorded, per task.
    pub frames: Vec<(Task, usize)>,
    /// The folder of the results.
    pub out: PathBuf,
    /// A description of what is missing, and why; `None` if nothing is.
    pub shortfall: Option<String>,
}

impl Study {
    /// Reads the scenario, loads the model, and takes hold of the folder of results.
    ///
    /// # Errors
    /// When anything does not fit, or everything is there already and neither the order's `force` nor
    /// `resume` says that this is fine; nothing has been replaced then.
    pub fn prepare(order: &Order, resume: bool) -> Result<Self> {
        let study = Self {
            ready: Prepared::open(order)?,
        };
        if !order.force && !resume && study.is_finished() {
            bail!("{}", study.ready.folder.in_the_way(""));
        }
        Ok(study)
    }

    /// `true` if the folder has the results of a run, or all that [`perform`](Self::perform) would leave.
    fn is_finished(&self) -> bool {
        let Prepared {
            scenario,
            folder,
            frames,
            ..
        } = &self.ready;
        let recorded = |&task: &Task| {
            let path = folder.ladders().join(Recording::file_name(task));
            Recording::read(&path).is_ok_and(|recording| recording.frames().len() == *frames)
        };
        let compared = || {
            let files = [Comparison::FILE_NAME, REPORT];
            files.iter().all(|file| folder.path().join(file).exists())
        };
        folder.is_finished()
            || scenario.tasks.iter().all(recorded) && (scenario.replay.is_none() || compared())
    }

    /// Records what is not recorded yet, then compares the policies if the scenario says how, and
    /// writes the report.
    ///
    /// Ctrl-C ends it early: the frame under way is finished, and the same command resumes.
    ///
    /// # Errors
    /// When recording fails, a policy does not suit the recording, or results cannot be written.
    pub async fn perform(mut self, screen: &Screen, signals: &Signals) -> Result<Studied> {
        self.ready.folder.begin()?;
        screen.note(&format!("results: {}", self.ready.folder.path().display()));
        let stop = signals.stop(STOPPING);
        let screen = screen.clone();
        tokio::task::spawn_blocking(move || self.work(&stop, &screen))
            .await
            .context("the recording broke down")?
    }

    fn work(self, stop: &CancellationToken, screen: &Screen) -> Result<Studied> {
        let recorder = Recorder {
            scenario: &self.ready.scenario,
            package: &self.ready.package,
            backbone: &self.ready.backbone,
            heads: &self.ready.heads,
            stop,
        };
        let Recordings {
            of_tasks,
            interrupted,
        } = recorder.record(&self.ready.folder.ladders(), screen)?;
        let frames = of_tasks
            .iter()
            .map(|r| (r.identity().task, r.frames().len()))
            .collect();
        let out = self.ready.folder.path().to_owned();
        if interrupted {
            return Ok(Studied {
                comparison: None,
                frames,
                out,
                shortfall: Some("interrupted; the same command goes on".to_owned()),
            });
        }
        let comparison = match &self.ready.scenario.replay {
            Some(plan) => Some(compare(
                &self.ready.scenario,
                plan,
                &self.ready.package,
                &of_tasks,
            )?),
            None => None,
        };
        if let Some(comparison) = &comparison {
            write(comparison, &out)?;
            self.ready.folder.report(&report(&out, &[])?)?;
        }
        Ok(Studied {
            comparison,
            frames,
            out,
            shortfall: None,
        })
    }
}
