//! The report of a replay, from the files in its folder.

mod section;

use std::path::Path;

use splitsim_feature::Task;
use splitsim_replay::{Comparison, Evaluation, Recording, ReplayError, TaskComparison, Terms};
use splitsim_report::{Notice, Page};
use splitsim_results::Store;
use splitsim_table::Table;
use splitsim_text::Text;

use crate::StoryError;
use crate::limits::unit;
use crate::plot::Player;
use crate::scenario::{MAX_FILE_BYTES, ResolvedScenario};

/// Recorded ladders, and policies replayed over them.
///
/// The figures are computed again from the recordings, which gives the same values as the replay.
#[derive(Debug, Clone)]
pub struct RecordedReplay {
    scenario: ResolvedScenario,
    /// One per task of the comparison, in its order.
    recordings: Vec<Recording>,
    pub(crate) comparison: Comparison,
    /// Policies in the scenario's order, then those that only the comparison has; the contenders that cannot be
    /// deployed come last.
    policies: Vec<String>,
    /// Remarks on the origin of the figures, such as other limits than the replay's.
    notices: Vec<Notice>,
}

impl RecordedReplay {
    /// `true` if a folder has recordings and no results of a run, so that its report is that of a replay.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        let has = |name: &str| folder.join(name).exists();
        let replayed = has(Comparison::FILE_NAME) || has(Recording::FOLDER);
        replayed && !has(Store::FILE_NAME)
    }

    /// Reads a folder that a replay was written to, and replays. `limits` stand in for those that the
    /// replay was judged by.
    ///
    /// # Errors
    /// When the folder has no resolved scenario, no comparison or not its recordings, one of them is
    /// damaged, or there is a limit for a task of which nothing was compared.
    pub fn read(folder: &Path, limits: &[(Task, f64)]) -> Result<Self, StoryError> {
        let scenario = ResolvedScenario::read(folder)?;
        let path = folder.join(Comparison::FILE_NAME);
        let stored = Text::read(&path, MAX_FILE_BYTES);
        let stored: String = match stored {
            Ok(text) => text.into(),
            Err(error) if error.is_not_found() => return Err(StoryError::NoComparison { path }),
            Err(error) => return Err(StoryError::Read(error)),
        };
        let mut terms: Terms =
            serde_json::from_str(&stored).map_err(|error| StoryError::Damaged {
                path,
                reason: error.to_string(),
            })?;
        let changed = set_limits(&mut terms, limits)?;
        let tasks = terms.tasks.iter().map(|terms| terms.task);
        let recordings = tasks.map(|task| read_recording(folder, task));
        let recordings = recordings.collect::<Result<Vec<_>, _>>()?;
        let comparison = terms.compare(&recordings)?;
        let notice = match changed.is_empty() {
            true => (!is_stored_as(&comparison, &stored)).then(|| Notice::warning(OTHER_FIGURES)),
            false => Some(Notice::remark(format!(
                "Judged by other limits than the replay was: {}.",
                changed.join(", ")
            ))),
        };
        Ok(Self {
            policies: policies(&scenario, &comparison),
            scenario,
            recordings,
            comparison,
            notices: notice.into_iter().collect(),
        })
    }

    /// The report.
    ///
    /// # Errors
    /// When the data that it carries cannot be put into tables.
    pub fn page(&self) -> Result<Page, StoryError> {
        let lead = "What policies cost and break, replayed over the same recorded frames.";
        let page =
            Page::new(format!("Replay {}", self.scenario.name)).lead(self.scenario.lead(lead));
        let page = self.notices.iter().cloned().fold(page, Page::notice);
        let sections = [
            Some(section::overview::section(self)),
            Some(section::points::section(self)),
            Some(section::regret::section(self)),
            Some(section::ladder::section(self)),
            section::score::section(self),
            Some(section::latency::section(self)),
            Some(section::break_even::section(self)),
            Some(section::policies::section(self)),
            Some(section::data::section(self)?),
        ];
        Ok(sections.into_iter().flatten().fold(page, Page::section))
    }

    /// All numbers: `policies`, with a row per task and policy; `frames`, with a row for each of their frames;
    /// and for every task `ladder-TASK`, the recording. Columns as in `docs/metrics.md`.
    ///
    /// # Errors
    /// When they cannot be put into tables.
    pub fn tables(&self) -> Result<Vec<(String, Table)>, ReplayError> {
        let mut tables = vec![
            ("policies".to_owned(), self.comparison.to_table()?),
            ("frames".to_owned(), self.comparison.to_frames_table()?),
        ];
        for recording in &self.recordings {
            let name = format!("ladder-{}", recording.identity().task);
            tables.push((name, recording.to_table()?));
        }
        Ok(tables)
    }

    /// Every task with its recording.
    fn tasks(&self) -> impl Iterator<Item = (&TaskComparison, &Recording)> {
        self.comparison.tasks.iter().zip(&self.recordings)
    }

    fn player(&self, contender: &Evaluation) -> Player {
        let mut policies = self.policies.iter();
        let number = policies.position(|name| *name == contender.name);
        let name = match contender.deployable {
            true => contender.name.clone(),
            false => format!("{} (not deployable)", contender.name),
        };
        Player {
            bound: !contender.deployable,
            ..Player::new(name, number.unwrap_or_default())
        }
    }
}

const OTHER_FIGURES: &str = "policies.json has other figures, and with it policies.csv and policies.txt: \
    another version of splitsim replayed these policies. What follows is what this one makes of the \
    same recordings.";

fn policies(scenario: &ResolvedScenario, comparison: &Comparison) -> Vec<String> {
    let contenders = || comparison.tasks.iter().flat_map(|task| &task.contenders);
    let mut policies = scenario.policies.clone();
    for contender in contenders() {
        if !policies.contains(&contender.name) {
            policies.push(contender.name.clone());
        }
    }
    policies.sort_by_key(|name| contenders().any(|one| one.name == *name && !one.deployable));
    policies
}

/// Sets limits, and returns the changes in words.
fn set_limits(terms: &mut Terms, limits: &[(Task, f64)]) -> Result<Vec<String>, StoryError> {
    let mut changed = Vec::new();
    for &(task, limit) in limits {
        let mut tasks = terms.tasks.iter_mut();
        let terms = tasks.find(|terms| terms.task == task);
        let terms = terms.ok_or(StoryError::NoSuchTask { task })?;
        if terms.limit != limit {
            changed.push(format!(
                "{task} {limit} instead of {} {}",
                terms.limit,
                unit(task)
            ));
            terms.limit = limit;
        }
    }
    Ok(changed)
}

fn read_recording(folder: &Path, task: Task) -> Result<Recording, StoryError> {
    let path = folder
        .join(Recording::FOLDER)
        .join(Recording::file_name(task));
    Recording::read(&path).map_err(|source| StoryError::Recording { path, source })
}

/// `true` if a comparison equals the one in a JSON text.
fn is_stored_as(comparison: &Comparison, stored: &str) -> bool {
    let stored: Option<serde_json::Value> = serde_json::from_str(stored).ok();
    stored.is_some() && stored == serde_json::to_value(comparison).ok()
}

#[cfg(test)]
mod tests;
