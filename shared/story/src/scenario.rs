//! The resolved scenario beside results.

use std::path::Path;

use splitsim_feature::Task;
use splitsim_text::Text;
use toml::{Table, Value};

use crate::StoryError;

/// The largest file that is read of a folder of results.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 28;

/// The resolved scenario in a folder of results.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedScenario {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The file as it is stored.
    pub(crate) text: String,
    /// Names and values of the provenance, in the file's order.
    pub(crate) provenance: Vec<(String, String)>,
    /// Policies under the scenario's names, in its order.
    pub(crate) policies: Vec<String>,
    pub(crate) tasks: Vec<Task>,
    /// Frames that each policy and task goes through, if the scenario says so.
    pub(crate) frames_each: Option<u64>,
}

impl ResolvedScenario {
    pub(crate) const FILE_NAME: &str = "scenario.resolved.toml";

    /// Reads the resolved scenario of a folder of results.
    ///
    /// # Errors
    /// When there is none, or it is not what a run writes.
    pub(crate) fn read(folder: &Path) -> Result<Self, StoryError> {
        let path = folder.join(Self::FILE_NAME);
        match Text::read(&path, MAX_FILE_BYTES) {
            Ok(text) => {
                Self::parse(text.into()).map_err(|reason| StoryError::Damaged { path, reason })
            }
            Err(error) if error.is_not_found() => Err(StoryError::NoRun { path }),
            Err(error) => Err(StoryError::Read(error)),
        }
    }

    fn parse(content: String) -> Result<Self, String> {
        let scenario: Table = content
            .parse()
            .map_err(|error: toml::de::Error| error.message().to_owned())?;
        Ok(Self {
            name: text(&scenario, "name").ok_or("it has no name")?,
            description: text(&scenario, "description").unwrap_or_default(),
            provenance: provenance(&scenario),
            policies: policies(&scenario),
            tasks: tasks(&scenario),
            frames_each: frames_each(&scenario),
            text: content,
        })
    }

    /// The scenario's description as a sentence; `otherwise` if it has none.
    pub(crate) fn lead(&self, otherwise: &str) -> String {
        match self.description.is_empty() {
            true => otherwise.to_owned(),
            false => format!("{}.", self.description.trim_end_matches('.')),
        }
    }

    /// A line of the provenance.
    pub(crate) fn made_with(&self, what: &str) -> Option<&str> {
        let mut lines = self.provenance.iter();
        let found = lines.find(|(name, _)| name == what);
        found.map(|(_, value)| value.as_str())
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

/// Frames of a policy and task: all its edges go through the whole source. `None` where the file lacks one of
/// the two: a resolved scenario spells out every default, and none is made up here.
fn frames_each(scenario: &Table) -> Option<u64> {
    let edges = scenario.get("edges-per-task").and_then(count)?;
    scenario.get("frames").and_then(count)?.checked_mul(edges)
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

    fn parse(text: &str) -> ResolvedScenario {
        ResolvedScenario::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn every_edge_goes_through_all_frames() {
        let scenario = parse("name = 'a'\nframes = 5\nedges-per-task = 3");
        assert_eq!(scenario.frames_each, Some(15));
        assert_eq!(parse("name = 'a'\nframes = 5").frames_each, None);
        assert_eq!(scenario.lead("else"), "else");
    }

    #[test]
    fn provenance_is_flat() {
        let text = "name = 'a'\ndescription = 'b.'\n[provenance]\nlibtorch = '2'\n\
                    [provenance.host]\ncores = 2";
        let scenario = parse(text);
        assert_eq!(scenario.made_with("host cores"), Some("2"));
        assert_eq!(scenario.made_with("libtorch"), Some("2"));
        assert_eq!(scenario.made_with("ffmpeg"), None);
        assert_eq!(scenario.lead("else"), "b.");
    }
}
