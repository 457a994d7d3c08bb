//! Recording ladders, and comparing policies over the recordings.
//!
//! - `Recorder`: every frame of a scenario at every level, with the truth of what arrives;
//! - [`Study`]: a scenario with `[replay]`, from its recordings to the ranking;
//! - `compare`: a scenario's policies over given recordings;
//! - `Destination`: the folder that such a comparison goes to;
//! - `report`: what a folder of recordings and a comparison says, as a page.

mod destination;
mod recorder;
mod study;

pub(crate) use destination::Destination;
pub(crate) use recorder::{Recorder, Recordings};
pub use study::{Studied, Study};

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_replay::{Comparison, Contender, Recording, Rules, Uplink};
use splitsim_story::RecordedReplay;

use crate::scenario::{ReplayPlan, Scenario};

/// Reads recordings from files, or from folders of them. Recordings of the same task are joined.
///
/// # Errors
/// When there is none, one cannot be read, or two of one task are of different models, codecs or software.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Recording>> {
    let mut recordings: Vec<Recording> = Vec::new();
    for path in files(paths)? {
        let named = || format!("recording {}", path.display());
        let recording = Recording::read(&path).with_context(named)?;
        let task = recording.identity().task;
        let same_task = recordings
            .iter_mut()
            .find(|other| other.identity().task == task);
        match same_task {
            Some(other) => other.append(recording).with_context(named)?,
            None => recordings.push(recording),
        }
    }
    recordings.sort_by_key(|recording| recording.identity().task);
    Ok(recordings)
}

/// Files as they are, folders as the recordings in them, a recording's whole folder among these.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let inside = |folder: &Path| -> Vec<PathBuf> {
            let named = Task::ALL.map(|task| folder.join(Recording::file_name(task)));
            named.into_iter().filter(|file| file.is_file()).collect()
        };
        let mut there = inside(path);
        if there.is_empty() {
            there = inside(&path.join(Recording::FOLDER));
        }
        ensure!(
            !there.is_empty(),
            "{} has no recordings (cls.parquet, seg.parquet, dpt.parquet): make them with splitsim ladder \
             record",
            path.display()
        );
        files.extend(there);
    }
    Ok(files)
}

/// Replays a scenario's policies over recordings, and ranks them per task.
///
/// # Errors
/// When a recording is of another model, codec or range than the scenario's, or of a task that it does
/// not have; or a policy does not suit it.
pub(crate) fn compare(
    scenario: &Scenario,
    plan: &ReplayPlan,
    package: &Package,
    recordings: &[Recording],
) -> Result<Comparison> {
    let rules = Rules {
        uplink: Uplink {
            rate: plan.rate,
            rtt: plan.rtt,
            interval: plan.interval,
        },
        deadline: plan.deadline,
        permitted_violations: plan.permitted_violations,
    };
    let tasks = recordings.iter().map(|recording| {
        let task = recording.identity().task;
        let limit = plan.limits.get(&task).copied().with_context(|| {
            format!("a recording of {task}, which the scenario does not have: add it to tasks")
        })?;
        check_origin(scenario, package, recording)
            .with_context(|| format!("recording of {task} from {}", recording.identity().source))?;
        let contenders = contenders(scenario, task);
        splitsim_replay::compare(recording, &contenders, &rules, limit)
            .with_context(|| task.to_string())
    });
    Ok(Comparison::new(&rules, tasks.collect::<Result<_>>()?))
}

/// Refuses a recording of another model or codec than the scenario names.
fn check_origin(scenario: &Scenario, package: &Package, recording: &Recording) -> Result<()> {
    let digest = package.digest().to_string();
    let range = scenario.codec_options.range_mode.to_string();
    recording
        .identity()
        .require_model(&digest, scenario.codec.name(), &range)?;
    Ok(())
}

fn contenders(scenario: &Scenario, task: Task) -> Vec<Contender> {
    let policies = scenario.policies.iter();
    policies
        .filter_map(|policy| {
            let name = policy.name.clone();
            match policy.of_task.get(&task) {
                Some(config) => Some(Contender::Policy {
                    name,
                    config: config.clone(),
                }),
                None => policy.is_oracle().then_some(Contender::Oracle { name }),
            }
        })
        .collect()
}

/// A comparison as JSON.
fn json_text(comparison: &Comparison) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(comparison)?))
}

/// The names of the files that [`write`] leaves in a folder.
pub(crate) const COMPARISON_FILES: [&str; 3] =
    [Comparison::FILE_NAME, "policies.csv", "policies.txt"];

/// Writes a comparison as JSON, CSV and text into a folder.
///
/// # Errors
/// When a file cannot be written; each is whole or as it was.
pub(crate) fn write(comparison: &Comparison, folder: &Path) -> Result<()> {
    let json = json_text(comparison)?;
    let [json_path, csv_path, text_path] = COMPARISON_FILES.map(|file| folder.join(file));
    splitsim_durable::replace(&json_path, json)?;
    splitsim_table::write_csv(&csv_path, &comparison.to_table()?)?;
    splitsim_durable::replace(&text_path, comparison.to_text())?;
    Ok(())
}

/// The report of a folder with recordings and a comparison over them.
///
/// # Errors
/// As [`RecordedReplay::read`].
pub(crate) fn report(folder: &Path, limits: &[(Task, f64)]) -> Result<String> {
    Ok(RecordedReplay::read(folder, limits)?.page()?.render())
}
