//! A folder of results, read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_results::{LinkSampleRecord, LoggedFrame, RunRecord, Store, Summary};

use crate::StoryError;
use crate::scenario::ResolvedScenario;

/// The results of a run as they are in its folder at the moment of reading.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    pub(crate) folder: PathBuf,
    /// The scenario of a `splitsim run`; a cloud that edges called has none.
    pub(crate) scenario: Option<ResolvedScenario>,
    /// Policies under the scenario's names, in its order; then those that only the results have.
    pub(crate) policies: Vec<String>,
    /// Tasks in the scenario's order; then those that only the results have.
    pub(crate) tasks: Vec<Task>,
    pub(crate) runs: Vec<RunRecord>,
    pub(crate) frames: Vec<LoggedFrame>,
    pub(crate) summary: Summary,
    /// Samples of the emulated links, in the order of recording.
    pub(crate) links: Vec<LinkSampleRecord>,
    /// Frames that policies dropped on purpose.
    pub(crate) dropped: BTreeMap<(String, Task), u64>,
    /// Failed frames by policy and task: their numbers and the reasons.
    pub(crate) failed: BTreeMap<(String, Task), Vec<(u64, String)>>,
}

impl RecordedRun {
    /// Reads a folder that `splitsim run` or `cloud serve` wrote, or is writing.
    ///
    /// # Errors
    /// When there is neither a resolved scenario nor a results file, or one of them is damaged.
    pub fn read(folder: &Path) -> Result<Self, StoryError> {
        let results = folder.join(Store::FILE_NAME);
        let scenario = match ResolvedScenario::read(folder) {
            Err(StoryError::NoRun { .. }) if results.is_file() => None,
            scenario => Some(scenario?),
        };
        let store = Store::open(&results)?;
        let mut run = Self {
            folder: folder.to_owned(),
            policies: asked(&scenario, |scenario| &scenario.policies),
            tasks: asked(&scenario, |scenario| &scenario.tasks),
            runs: store.runs()?,
            frames: store.frames()?,
            summary: Summary::compute(&store)?,
            links: store.link_samples()?,
            dropped: BTreeMap::new(),
            failed: BTreeMap::new(),
            scenario,
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

    /// The resolved scenario, which is again a scenario file; a cloud's results have none.
    #[must_use]
    pub fn scenario(&self) -> Option<&str> {
        let scenario = self.scenario.as_ref()?;
        Some(&scenario.text)
    }

    /// Frames that each policy and task goes through, if a scenario says so.
    pub(crate) fn frames_each(&self) -> Option<u64> {
        self.scenario.as_ref()?.frames_each
    }

    /// Digest of the model package that the run used, if a run was registered.
    #[must_use]
    pub fn model_digest(&self) -> Option<&str> {
        self.runs.first().map(|run| run.model_digest.as_str())
    }

    /// Reports frames that a policy dropped on purpose. The cloud never hears of them, so they are not in the
    /// results: callers that read the edges' journals add them here.
    #[must_use]
    pub fn with_dropped(mut self, policy: &str, task: Task, frames: u64) -> Self {
        if frames > 0 {
            *self.dropped.entry((policy.to_owned(), task)).or_default() += frames;
        }
        self
    }

    /// Reports frames that failed under a policy, with their numbers and the reasons. The cloud may never hear
    /// of them: callers that read the edges' files add them here.
    #[must_use]
    pub fn with_failed(mut self, policy: &str, task: Task, frames: Vec<(u64, String)>) -> Self {
        if !frames.is_empty() {
            let known = self.failed.entry((policy.to_owned(), task)).or_default();
            known.extend(frames);
        }
        self
    }

    /// Frames that the scenario asks for, that the results lack and that were not dropped, where the
    /// scenario gives their number.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        let parts = (self.policies.len() * self.tasks.len()) as u64;
        let asked = self.frames_each()? * parts;
        let there = self.frames.len() as u64 + self.dropped.values().sum::<u64>();
        Some(asked.saturating_sub(there))
    }

    /// The scenario's name for the policy of a run; without one, the run's own.
    pub(crate) fn policy_of<'a>(&self, run_id: &'a str) -> &'a str {
        let scenario = self.scenario.as_ref();
        scenario
            .and_then(|scenario| run_id.strip_prefix(&scenario.name)?.strip_prefix('-'))
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

/// A list of the scenario; empty if there is no scenario.
fn asked<T: Clone>(
    scenario: &Option<ResolvedScenario>,
    list: impl Fn(&ResolvedScenario) -> &Vec<T>,
) -> Vec<T> {
    scenario.as_ref().map(list).cloned().unwrap_or_default()
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
    }

    #[test]
    fn results_of_a_cloud_are_read_under_the_runs_own_names() {
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 4, 3);
        std::fs::remove_file(dir.path().join(ResolvedScenario::FILE_NAME)).unwrap();
        let run = RecordedRun::read(dir.path()).unwrap();
        assert_eq!(run.policies, ["sample-gate", "sample-always"]);
        assert_eq!(run.tasks, [Task::Seg]);
        assert_eq!((run.missing(), run.scenario()), (None, None));
    }

    #[test]
    fn dropped_frames_are_not_missing() {
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
        std::fs::write(dir.path().join(ResolvedScenario::FILE_NAME), "name = 3").unwrap();
        let error = RecordedRun::read(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: it has no name"), "{error}");
    }

    #[test]
    fn files_of_another_kind_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ResolvedScenario::FILE_NAME);
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let error = RecordedRun::read(dir.path()).unwrap_err();
        assert!(matches!(error, StoryError::Read(_)), "{error}");
        assert!(
            error.to_string().ends_with("scenario.resolved.toml"),
            "{error}"
        );
    }
}
