//! One point of a sweep as a process.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::scenario;

/// The longest log of a point that is searched for a reason.
const MAX_LOG_BYTES: u64 = 1 << 28;

/// The outcome of a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything is in its results.
    Done,
    /// It is not, for this reason.
    Failed(String),
    /// It was asked to end.
    Interrupted,
}

/// A point whose scenario file is written.
pub(super) struct Point {
    scenario: PathBuf,
    out: PathBuf,
    log: PathBuf,
    force: bool,
}

impl Point {
    /// Writes the point's scenario file into `folder`.
    pub(super) fn write(folder: &Path, point: &scenario::Point, force: bool) -> Result<Self> {
        let path = |ending: &str| folder.join(format!("{}{ending}", point.slug));
        let scenario = path(".toml");
        splitsim_durable::replace(&scenario, point.to_toml()?)?;
        Ok(Self {
            scenario,
            out: path(""),
            log: path(".log"),
            force,
        })
    }

    pub(super) async fn run(&self, stop: CancellationToken) -> Ended {
        match self.try_run(&stop).await {
            Ok(status) if status.success() => Ended::Done,
            Ok(_) if stop.is_cancelled() => Ended::Interrupted,
            Ok(status) => Ended::Failed(self.reason(status)),
            Err(error) => Ended::Failed(splitsim_cli::causes(&error)),
        }
    }

    async fn try_run(&self, stop: &CancellationToken) -> Result<ExitStatus> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let log = splitsim_durable::create(&self.log)?;
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(&self.scenario)
            .arg("--out")
            .arg(&self.out)
            .arg(if self.force { "--force" } else { "--resume" })
            .args(["--pictures", "0", "--tied"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // A terminal's Ctrl-C reaches this process alone, which passes it on once.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a point")?;
        tokio::select! {
            status = child.wait() => return Ok(status?),
            () = stop.cancelled() => {}
        }
        terminate(&child);
        Ok(child.wait().await?)
    }

    /// The last thing that it said.
    fn reason(&self, status: ExitStatus) -> String {
        let said = splitsim_text::read(&self.log, MAX_LOG_BYTES).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        match last {
            Some(line) => line.trim_start_matches("error: ").to_owned(),
            None => format!("ended with {status} and said nothing"),
        }
    }
}

/// Lets this process end with the one that started it, whatever that one ends of: a sweep that was
/// killed leaves no point running that would hold its folder. What is recorded is durable.
pub(crate) fn end_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("cannot ask to end with the process that started this one")
}

/// Asks a process to end; one that has ended needs no asking.
fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        // The child may have ended of itself meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
}
