//! Unknown keys, told with the known one that was probably meant.

use serde_aux::serde_introspection::serde_introspect;
use splitsim_cfqa::Metric;
use splitsim_feature::Task;
use toml::{Table, Value};

use super::ScenarioError;
use super::file::{LinkSection, PolicySection, ReplaySection, ScenarioFile, TransportSection};
use super::link::{BurstSection, CodelSection, EventSection, PipeSection};

/// Refuses the first key that means nothing.
///
/// What is no table where one is expected is left to the reading of values.
pub(super) fn check(table: &Table) -> Result<(), ScenarioError> {
    check_table("", table, serde_introspect::<ScenarioFile>())?;
    if let Some(Value::Table(transport)) = table.get("transport") {
        check_table(
            "transport.",
            transport,
            serde_introspect::<TransportSection>(),
        )?;
    }
    if let Some(Value::Table(link)) = table.get("link") {
        check_link(link)?;
    }
    if let Some(Value::Table(thresholds)) = table.get("thresholds") {
        check_table("thresholds.", thresholds, &Metric::ALL.map(Metric::name))?;
        for (metric, of_tasks) in tables(thresholds) {
            let place = format!("thresholds.{metric}.");
            check_table(&place, of_tasks, &Task::ALL.map(Task::name))?;
        }
    }
    if let Some(Value::Table(replay)) = table.get("replay") {
        check_table("replay.", replay, serde_introspect::<ReplaySection>())?;
        if let Some(Value::Table(limits)) = replay.get("limits") {
            check_table("replay.limits.", limits, &Task::ALL.map(Task::name))?;
        }
    }
    let policies = table.get("policies").and_then(Value::as_array);
    for (index, policy) in policies.into_iter().flatten().enumerate() {
        if let Value::Table(policy) = policy {
            let place = format!("policies[{index}].");
            check_table(&place, policy, &PolicySection::keys())?;
        }
    }
    Ok(())
}

/// As [`check`], of the table `link`.
pub(super) fn check_link(link: &Table) -> Result<(), ScenarioError> {
    check_table("link.", link, serde_introspect::<LinkSection>())?;
    for direction in ["up", "down"] {
        let Some(Value::Table(pipe)) = link.get(direction) else {
            continue;
        };
        let place = format!("link.{direction}.");
        check_table(&place, pipe, serde_introspect::<PipeSection>())?;
        for (name, known) in [
            ("bursts", serde_introspect::<BurstSection>()),
            ("codel", serde_introspect::<CodelSection>()),
        ] {
            if let Some(Value::Table(inner)) = pipe.get(name) {
                check_table(&format!("{place}{name}."), inner, known)?;
            }
        }
    }
    let events = link.get("events").and_then(Value::as_array);
    for (index, event) in events.into_iter().flatten().enumerate() {
        if let Value::Table(event) = event {
            let place = format!("link.events[{index}].");
            check_table(&place, event, serde_introspect::<EventSection>())?;
        }
    }
    Ok(())
}

fn tables(table: &Table) -> impl Iterator<Item = (&String, &Table)> {
    table
        .iter()
        .filter_map(|(key, value)| Some((key, value.as_table()?)))
}

/// No known key is longer, and a file's own names are not either.
const LONGEST_KEY: usize = 64;

fn check_table(place: &str, table: &Table, known: &[&str]) -> Result<(), ScenarioError> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    // Likeness to a known key is only looked for in what could be one.
    let unknown: String = unknown.chars().take(LONGEST_KEY).collect();
    let unknown = unknown.as_str();
    let nearest = splitsim_display::closest(unknown, known.iter().copied());
    Err(ScenarioError::UnknownKey {
        key: format!("{place}{unknown}"),
        nearest: nearest.unwrap_or_default().to_owned(),
        known: known.iter().map(|&key| key.to_owned()).collect(),
    })
}

/// The keys of every table, by the heading that the reference page has it under.
#[cfg(test)]
pub(super) fn of_headings() -> [(&'static str, Vec<&'static str>); 9] {
    let policies = PolicySection::keys();
    [
        ("## Keys", serde_introspect::<ScenarioFile>().to_vec()),
        (
            "### `[transport]`",
            serde_introspect::<TransportSection>().to_vec(),
        ),
        ("### `[[policies]]`", policies),
        (
            "### `[replay]`",
            serde_introspect::<ReplaySection>().to_vec(),
        ),
        ("### `[link]`", serde_introspect::<LinkSection>().to_vec()),
        (
            "### `[link.up]`, `[link.down]`",
            serde_introspect::<PipeSection>().to_vec(),
        ),
        (
            "### `[link.up.bursts]`",
            serde_introspect::<BurstSection>().to_vec(),
        ),
        (
            "### `[link.up.codel]`",
            serde_introspect::<CodelSection>().to_vec(),
        ),
        (
            "### `[[link.events]]`",
            serde_introspect::<EventSection>().to_vec(),
        ),
    ]
}
