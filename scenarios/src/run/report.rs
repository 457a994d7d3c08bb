//! Results of a run: missing frames, the recorded run, and the summary's table.

use std::fmt::Write;
use std::path::Path;

use splitsim_results::{Summary, table};
use splitsim_story::{RecordedRun, StoryError};

use super::folder::{self, EDGES};
use super::loopback::edge_ids;
use crate::scenario::Scenario;

/// Frames of the scenario that are not in the results, and were not dropped on purpose. `dropped` is
/// asked with the names of a policy and an edge.
pub(super) fn missing(
    scenario: &Scenario,
    frames: usize,
    summary: &Summary,
    dropped: impl Fn(&str, &str) -> usize,
) -> usize {
    let parts = scenario
        .policies
        .iter()
        .flat_map(|policy| scenario.tasks.iter().map(move |&task| (policy, task)));
    parts
        .map(|(policy, task)| {
            let run_id = scenario.run_id(policy);
            let group = summary
                .groups
                .iter()
                .find(|group| group.key.run_id == run_id && group.key.task == task);
            let recorded = group.map_or(0, |group| group.frames);
            let expected = frames * scenario.edges_per_task.get();
            let recorded = usize::try_from(recorded).unwrap_or(usize::MAX);
            let ids = edge_ids(scenario).into_iter();
            let of_task = ids.filter(|(_, of)| *of == task);
            let dropped: usize = of_task.map(|(id, _)| dropped(&policy.name, &id)).sum();
            expected.saturating_sub(recorded.saturating_add(dropped))
        })
        .sum()
}

/// The run of a folder, with the frames that its edges dropped and those that failed.
///
/// # Errors
/// When the folder is none of a run, or damaged.
pub(crate) fn read(folder: &Path) -> Result<RecordedRun, StoryError> {
    let mut run = RecordedRun::read(folder)?;
    for policy in names(&folder.join(EDGES)) {
        let edges = folder.join(EDGES).join(&policy);
        for edge in names(&edges) {
            // Named after its task, and numbered where that has several.
            let task = edge.split('-').next().and_then(|task| task.parse().ok());
            if let Some(task) = task {
                let dropped = folder::dropped(&edges.join(&edge)) as u64;
                run = run.with_dropped(&policy, task, dropped);
                run = run.with_failed(&policy, task, folder::failed(&edges.join(&edge)));
            }
        }
    }
    Ok(run)
}

/// The sorted names of a folder's entries. A missing folder has none: results may have been copied without the
/// edges' journals.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

pub(super) fn shortfall(missing: usize, reasons: &[String]) -> String {
    let reasons = match reasons {
        [] => String::new(),
        reasons => format!(" ({})", reasons.join("; ")),
    };
    match missing {
        0 => format!("all frames are in the results, but not all went well{reasons}"),
        _ => format!("{missing} frames are missing{reasons}; the same command goes on with them"),
    }
}

/// The summary with policies under the names that the scenario gives them, and what those are.
pub(super) fn table(scenario: &Scenario, summary: &mut Summary) -> String {
    for group in &mut summary.groups {
        let named = scenario
            .policies
            .iter()
            .find(|policy| scenario.run_id(policy) == group.key.run_id);
        if let Some(policy) = named {
            group.key.policy.clone_from(&policy.name);
        }
    }
    let mut text = table::render(summary);
    text.push_str("\nPolicies\n\n");
    for policy in &scenario.policies {
        let mut labels: Vec<_> = policy
            .of_task
            .iter()
            .map(|(task, config)| (task.name(), config.to_string()))
            .collect();
        if labels.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            labels.truncate(1);
            labels.iter_mut().for_each(|(task, _)| *task = "");
        }
        for (task, label) in labels {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<24} {task:<4} {label}", policy.name);
        }
    }
    text
}
