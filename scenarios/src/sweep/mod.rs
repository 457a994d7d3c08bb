//! Running a sweep: every point a scenario file and a `splitsim run` of its own.
//!
//! - [`open`]: the folder of results, which belongs to one sweep;
//! - [`perform`]: the points, several at once if asked, past points that fail;
//! - [`Ledger`]: the states of the points, written after every point; as table, CSV and JSON;
//! - `recorded`: the results in a sweep's folder, as a page and as one table;
//! - `child`: one point's process.
//!
//! A process per point keeps libtorch's threads, crashes and results apart. The folder of a sweep
//! holds `points/SLUG.toml`, its results in `points/SLUG/`, what it said in `points/SLUG.log`, and
//! `sweep.json`, `sweep.csv` and `report.html` over all.

mod axis;
mod child;
mod figures;
mod ledger;
mod page;
mod recorded;
mod table;

use std::collections::VecDeque;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use splitsim_durable::Lock;
use splitsim_story::Limits;
use tokio::task::JoinSet;

use crate::commands::report::FILE as REPORT;
use crate::run::STOPPING;
use crate::run::folder::{LOCK, lock};
use crate::scenario::Sweep;
use crate::{Screen, Signals};
use child::Ended;
pub(crate) use child::end_with_parent;
pub use ledger::{Ledger, PointRecord, PointState};
pub(crate) use recorded::RecordedSweep;

/// The options of a sweep.
#[derive(Debug, Clone)]
pub struct SweepOrder {
    /// The folder for the results.
    pub out: PathBuf,
    /// Points at a time. More than one only where they do not take each other's time.
    pub jobs: NonZeroUsize,
    /// `true` to run finished points again, and to replace results of another scenario or model.
    pub force: bool,
    /// `true` to accept a sweep whose points are all finished; otherwise it is an error.
    pub resume: bool,
}

const POINTS: &str = "points";

/// Takes hold of the folder of a sweep, made if it is missing.
///
/// # Errors
/// When it belongs to something else, another process holds it, or it cannot be made.
pub fn open(sweep: &Sweep, order: &SweepOrder) -> Result<Folder> {
    Folder::open(sweep, order)
}

/// Runs what is not finished of a sweep. A point that fails is recorded with its reason and does not
/// stop the others; Ctrl-C lets points under way end their frames, and starts no more.
///
/// # Errors
/// When the folder cannot be written.
pub async fn perform(
    sweep: &Sweep,
    order: &SweepOrder,
    folder: Folder,
    screen: &Screen,
    signals: &Signals,
) -> Result<Ledger> {
    let mut ledger = Ledger::new(sweep, &order.out);
    // From the first moment on the folder says what it is of.
    ledger.write()?;
    let stop = signals.stop(STOPPING);
    let mut bar = screen.bar(
        format!("points of {}", sweep.name),
        sweep.points.len() as u64,
    );
    let mut waiting: VecDeque<usize> = (0..sweep.points.len()).collect();
    let mut running = JoinSet::new();
    loop {
        while running.len() < order.jobs.get() && !stop.is_cancelled() {
            let Some(index) = waiting.pop_front() else {
                break;
            };
            let point = child::Point::write(&folder.points, &sweep.points[index], order.force)?;
            let stop = stop.clone();
            running.spawn(async move {
                let begun = Instant::now();
                let ended = point.run(stop).await;
                (index, ended, begun.elapsed())
            });
        }
        let Some(joined) = running.join_next().await else {
            break;
        };
        let (index, ended, took) = joined.context("a point's task broke down")?;
        let slug = &sweep.points[index].slug;
        screen.note(&match &ended {
            Ended::Done => format!("{slug}: done in {:.1} s", took.as_secs_f64()),
            Ended::Failed(reason) => format!("{slug}: failed: {reason}"),
            Ended::Interrupted => format!("{slug}: interrupted"),
        });
        bar.advance();
        ledger.record(index, ended, took, &folder.points.join(slug))?;
        ledger.write()?;
    }
    bar.finish();
    ledger.write()?;
    let page = order.out.join(REPORT);
    let html = RecordedSweep::read(&order.out)?.html(&Limits::default(), &page)?;
    splitsim_durable::replace(&page, html)?;
    Ok(ledger)
}

/// The folder of a sweep, held by this process.
#[derive(Debug)]
pub struct Folder {
    points: PathBuf,
    _lock: Lock,
}

impl Folder {
    fn open(sweep: &Sweep, order: &SweepOrder) -> Result<Self> {
        let out = &order.out;
        let named = || format!("folder {}", out.display());
        fs::create_dir_all(out).with_context(named)?;
        check_owner(out, &sweep.name)?;
        if !order.force && !order.resume && ledger::is_done(out, sweep)? {
            bail!(
                "{} has all points of this sweep; choose another --out, or replace them with --force; \
                 --resume leaves them as they are",
                out.display()
            );
        }
        let lock = lock(out)?;
        let points = out.join(POINTS);
        fs::create_dir_all(&points).with_context(named)?;
        Ok(Self {
            points,
            _lock: lock,
        })
    }
}

/// Refuses a folder with other things in it than this scenario's sweep.
fn check_owner(out: &Path, name: &str) -> Result<()> {
    match ledger::name_in(out)? {
        Some(other) if other == name => Ok(()),
        Some(other) => bail!(
            "{} has the sweep '{other}'; choose another --out",
            out.display()
        ),
        None => {
            let ours = [LOCK, POINTS];
            for entry in fs::read_dir(out).with_context(|| out.display().to_string())? {
                let found = entry?.file_name();
                if !ours.iter().any(|name| found == *name) {
                    bail!(
                        "{} is not empty and has no sweep (found {}); choose another --out",
                        out.display(),
                        found.display()
                    );
                }
            }
            Ok(())
        }
    }
}
