//! A folder of results, read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_results::{LinkSampleRecord, LoggedFrame, RunRecord, Store, Summary};
use toml::{Table, Value};

use crate::StoryError;

/// What a run left in its folder, up to the moment of reading.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The resolved scenario as it is stored.
    pub(crate) resolved: String,
    /// What the results were made with, in the file's order.
    pub(crate) provenance: Vec<(String, String)>,
    /// Policies under the scenario's names, in its order.
    pub(crate) policies: Vec<String>,
    pub(crate) tasks: Vec<Task>,
    /// Frames that each policy and task goes through, where the scenario says.
    pub(crate) frames_each: Option<u64>,
    pub(crate) runs: Vec<RunRecord>,
    pub(crate) frames: Vec<LoggedFrame>,
    pub(crate) summary: Summary,
    /// How the emulated links were, in the order of recording.
    pub(crate) links: Vec<LinkSampleRecord>,
    /// Frames that policies dropped on purpose.
    pub(crate) dropped: BTreeMap<(String, Task), u64>,
}

/// The resolved scenario in a folder of results.
const RESOLVED: &str = "scenario.resolved.toml";

impl RecordedRun {
    /// Reads a folder that `splitsim run` wrote, or is writing.
    ///
    /// # Errors
    /// When there is no resolved scenario or no results file, or one of them is damaged.
    pub fn read(folder: &Path) -> Result<Self, StoryError> {
        let path = folder.join(RESOLVED);
        let resolved = fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StoryError::NoRun { path: path.clone() },
            _ => StoryError::Read {
                path: path.clone(),
                source,
            },
        })?;
        let damaged = |reason: String| StoryError::Scenario {
            path: path.clone(),
            reason,
        };
        let scenario: Table = resolved
            .parse()
            .map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
        let name = text(&scenario, "name").ok_or_else(|| damaged("it has no name".to_owned()))?;
        let store = Store::open(&folder.join(Store::FILE_NAME))?;
        let mut run = Self {
            folder: folder.to_owned(),
            description: text(&scenario, "description").unwrap_or_default(),
            provenance: provenance(&scenario),
            policies: policies(&scenario),
            tasks: tasks(&scenario),
            frames_each: frames_each(&scenario),
            runs: store.runs()?,
            frames: store.frames()?,
            summary: Summary::compute(&store)?,
            links: store.link_samples()?,
            dropped: BTreeMap::new(),
            name,
            resolved,
        };
        store.close()?;
        run.complete();
        Ok(run)
    }

    /// The folder that was read.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The resolved scenario, which is again a scenario file.
    #[must_use]
    pub fn scenario(&self) -> &str {
        &self.resolved
    }

    /// Digest of the model package that the run used, where a run was registered.
    #[must_use]
    pub fn model_digest(&self) -> Option<&str> {
        self.runs.first().map(|run| run.model_digest.as_str())
    }

    /// Frames of which a policy shipped nothing on purpose. The cloud never hears of them, so they
    /// are not in the results: whoever reads the edges' journals says it here.
    #[must_use]
    pub fn with_dropped(mut self, policy: &str, task: Task, frames: u64) -> Self {
        if frames > 0 {
            *self.dropped.entry((policy.to_owned(), task)).or_default() += frames;
        }
        self
    }

    /// Frames that the scenario asks for, that the results lack and that were not dropped, where the
    /// scenario gives their number.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        let parts = (self.policies.len() * self.tasks.len()) as u64;
        let asked = self.frames_each? * parts;
        let there = self.frames.len() as u64 + self.dropped.values().sum::<u64>();
        Some(asked.saturating_sub(there))
    }

    /// The scenario's name for the policy of a run.
    pub(crate) fn policy_of<'a>(&self, run_id: &'a str) -> &'a str {
        run_id
            .strip_prefix(&self.name)
            .and_then(|rest| rest.strip_prefix('-'))
            .unwrap_or(run_id)
    }

    /// Adds the policies and tasks of the results that the scenario does not name.
    fn complete(&mut self) {
        for run in &self.runs {
            let policy = self.policy_of(&run.run_id).to_owned();
            if !self.policies.contains(&policy) {
                self.policies.push(policy);
            }
        }
        let tasks = self.frames.iter().map(|logged| logged.frame.key.task);
        for task in tasks {
            if !self.tasks.contains(&task) {
                self.tasks.push(task);
            }
        }
        self.tasks.sort_unstable();
    }
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn count(value: &Value) -> Option<u64> {
    value
        .as_integer()
        .and_then(|count| u64::try_from(count).ok())
}

/// Frames of a policy and task: all its edges go through the whole source.
fn frames_each(scenario: &Table) -> Option<u64> {
    let edges = scenario.get("edges-per-task").map_or(Some(1), count)?;
    Some(scenario.get("frames").and_then(count)? * edges)
}

fn policies(scenario: &Table) -> Vec<String> {
    let sections = scenario.get("policies").and_then(Value::as_array);
    let sections = sections.into_iter().flatten();
    sections
        .filter_map(|section| section.get("name")?.as_str().map(str::to_owned))
        .collect()
}

fn tasks(scenario: &Table) -> Vec<Task> {
    let names = scenario.get("tasks").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.filter_map(|name| name.parse().ok()).collect()
}

/// `[provenance]` and its tables, flat.
fn provenance(scenario: &Table) -> Vec<(String, String)> {
    fn flatten(prefix: &str, table: &Table, into: &mut Vec<(String, String)>) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            match value {
                Value::Table(inner) => flatten(&format!("{name} "), inner, into),
                Value::String(text) => into.push((name, text.clone())),
                other => into.push((name, other.to_string())),
            }
        }
    }
    let mut flat = Vec::new();
    if let Some(Value::Table(table)) = scenario.get("provenance") {
        flatten("", table, &mut flat);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_run_is_read_under_the_scenarios_names() {
        let (_dir, run) = samples::run(4);
        assert_eq!(run.policies, ["gate", "always"]);
        assert_eq!(run.tasks, [Task::Seg]);
        assert_eq!(run.missing(), Some(0));
        assert_eq!(run.links.len(), 8);
        assert_eq!(run.policy_of("sample-gate"), "gate");
        assert_eq!(run.policy_of("other"), "other");
        let host = run.provenance.iter().find(|(name, _)| name == "host cores");
        assert_eq!(host.map(|(_, value)| value.as_str()), Some("2"));
    }

    #[test]
    fn every_edge_goes_through_all_frames_and_dropped_ones_are_not_missing() {
        let scenario: Table = "frames = 5\nedges-per-task = 3".parse().unwrap();
        assert_eq!(frames_each(&scenario), Some(15));
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 4, 3);
        let run = RecordedRun::read(dir.path()).unwrap();
        assert_eq!(run.missing(), Some(2));
        let run = run.with_dropped("gate", Task::Seg, 1);
        assert_eq!(run.missing(), Some(1));
    }

    #[test]
    fn what_is_no_folder_of_results_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = RecordedRun::read(dir.path()).unwrap_err();
        assert!(matches!(error, StoryError::NoRun { .. }), "{error}");
        fs::write(dir.path().join(RESOLVED), "name = 3").unwrap();
        let error = RecordedRun::read(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: it has no name"), "{error}");
    }
}
