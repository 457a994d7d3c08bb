//! What is said of results.

use std::fmt::Write;

use splitsim_results::{Summary, table};

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
            expected.saturating_sub(recorded.saturating_add(dropped(&policy.name, task.name())))
        })
        .sum()
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
