//! The frames that the cloud has answered, a line of JSON each, on the disk before another takes the
//! frame's place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use splitsim_proto::Settlement;

use crate::lock::locked;
use crate::outbox::{OutboxError, REMEDY};
use crate::record::FrameRecord;

/// A journal that is being written. No second edge writes there meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Arc<Mutex<splitsim_durable::Journal<Entry>>>,
}

/// The frames in the journal of an earlier process.
#[derive(Debug, Default)]
pub(crate) struct Past {
    pub(crate) answered: BTreeSet<u64>,
    /// By frame: answered, and not settled.
    pub(crate) unsettled: BTreeMap<u64, Settlement>,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Entry {
    /// The first one: whose journal this is.
    Run { version: u32, settings: Value },
    /// The cloud has answered a frame.
    Answered(Box<FrameRecord>),
    /// The cloud has a frame's settlement.
    Settled { frame: u64 },
}

impl Journal {
    /// Opens or begins the journal of a run with these settings.
    pub(crate) fn open(path: &Path, settings: &Value) -> Result<(Self, Past), OutboxError> {
        let (mut lines, entries) = splitsim_durable::Journal::open(path, REMEDY)?;
        let past = match read(path, entries, settings)? {
            Some(past) => past,
            None => {
                lines.append_synced(&Entry::Run {
                    version: VERSION,
                    settings: settings.clone(),
                })?;
                Past::default()
            }
        };
        let lines = Arc::new(Mutex::new(lines));
        Ok((Self { lines }, past))
    }

    /// The cloud has answered a frame.
    pub(crate) async fn answered(&mut self, record: &FrameRecord) -> Result<(), OutboxError> {
        self.append(Entry::Answered(Box::new(record.clone()))).await
    }

    /// The cloud has a frame's settlement.
    pub(crate) async fn settled(&mut self, frame: u64) -> Result<(), OutboxError> {
        self.append(Entry::Settled { frame }).await
    }

    async fn append(&mut self, entry: Entry) -> Result<(), OutboxError> {
        let lines = Arc::clone(&self.lines);
        let appended =
            tokio::task::spawn_blocking(move || locked(&lines).append_synced(&entry)).await;
        // It is never aborted, so it can only have panicked.
        Ok(appended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?)
    }
}

/// The settings that the journal at `path` was begun with; `None` where there is none.
pub(crate) fn settings_of(path: &Path) -> Result<Option<Value>, OutboxError> {
    if !path.exists() {
        return Ok(None);
    }
    let entries = splitsim_durable::Journal::<Entry>::read(path, REMEDY)?;
    Ok(entries.into_iter().find_map(|entry| match entry {
        Entry::Run { settings, .. } => Some(settings),
        Entry::Answered(_) | Entry::Settled { .. } => None,
    }))
}

/// Collects the frames that the lines record; `None` if there is no line at all.
fn read(path: &Path, entries: Vec<Entry>, settings: &Value) -> Result<Option<Past>, OutboxError> {
    let mut past = None;
    for (entry, number) in entries.into_iter().zip(1..) {
        match (entry, &mut past) {
            (
                Entry::Run {
                    version,
                    settings: there,
                },
                None,
            ) if version == VERSION => {
                check_same(path, &there, settings)?;
                past = Some(Past::default());
            }
            (Entry::Answered(record), Some(past)) => past.answered(&record),
            (Entry::Settled { frame }, Some(past)) => {
                past.unsettled.remove(&frame);
            }
            (Entry::Run { version, .. }, None) => {
                let reason = format!("version {version}, this edge writes {VERSION}");
                return Err(damaged(path, number, reason));
            }
            (Entry::Run { .. }, Some(_)) => {
                return Err(damaged(path, number, "a second run in one journal"));
            }
            (Entry::Answered(_) | Entry::Settled { .. }, None) => {
                return Err(damaged(path, number, "does not say whose journal this is"));
            }
        }
    }
    Ok(past)
}

impl Past {
    fn answered(&mut self, record: &FrameRecord) {
        self.answered.insert(record.frame);
        self.unsettled.insert(record.frame, record.settlement());
    }
}

/// Names every setting that differs.
fn check_same(path: &Path, there: &Value, here: &Value) -> Result<(), OutboxError> {
    if there == here {
        return Ok(());
    }
    let settings = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (there, here) = (settings(there), settings(here));
    let names: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let differences = names
        .into_iter()
        .map(|name| (name, there.get(name), here.get(name)))
        .filter(|(_, there, here)| there != here)
        .map(|(name, there, here)| format!("{name} was {}, is {}", text(there), text(here)))
        .collect();
    Err(OutboxError::OtherRun {
        path: path.to_owned(),
        differences,
    })
}

fn damaged(path: &Path, line: usize, reason: impl ToString) -> OutboxError {
    OutboxError::Damaged {
        path: path.to_owned(),
        reason: format!("line {line}: {}; {REMEDY}", reason.to_string()),
    }
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(policy: &str) -> Value {
        json!({ "run_id": "run-1", "policy": policy })
    }

    /// Writes the journal of frames 1 and 2, the first of them settled.
    async fn write(path: &Path) {
        let (mut journal, past) = Journal::open(path, &settings("always:0")).unwrap();
        assert!(past.answered.is_empty());
        for frame in [1, 2] {
            journal.answered(&FrameRecord::sample(frame)).await.unwrap();
        }
        journal.settled(1).await.unwrap();
    }

    #[tokio::test]
    async fn the_past_is_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        write(&path).await;
        let (_journal, past) = Journal::open(&path, &settings("always:0")).unwrap();
        assert_eq!(past.answered, BTreeSet::from([1, 2]));
        let settlement = FrameRecord::sample(2).settlement();
        assert_eq!(past.unsettled, BTreeMap::from([(2, settlement)]));
    }

    #[tokio::test]
    async fn a_half_written_line_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        write(&path).await;
        let whole = std::fs::read(&path).unwrap();
        let last_line = whole.len() - r#"{"record":"settled","frame":1}"#.len() - 1;
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let (_journal, past) = Journal::open(&path, &settings("always:0")).unwrap();
        assert_eq!(past.unsettled.len(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), last_line as u64);
    }

    #[tokio::test]
    async fn other_settings_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        write(&path).await;
        let error = Journal::open(&path, &settings("always:1")).unwrap_err();
        let message = error.to_string();
        assert!(
            message
                .contains(r#"of another run: policy was "always:0", is "always:1"; use another"#),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_journal_has_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let first = Journal::open(&path, &settings("always:0")).unwrap();
        let second = Journal::open(&path, &settings("always:0"));
        assert!(matches!(second, Err(OutboxError::Busy { .. })));
        drop(first);
        assert!(Journal::open(&path, &settings("always:0")).is_ok());
    }

    #[test]
    fn what_no_edge_wrote_is_damage_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        for text in [
            "my notes\n",
            "{\"record\":\"settled\",\"frame\":1}\n",
            "{\"record\":\"run\",\"version\":9,\"settings\":{}}\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path, &settings("always:0")).unwrap_err();
            assert!(
                error.to_string().contains("is damaged: line 1: "),
                "{error}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
