//! The log that a training leaves in its working folder.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use splitsim_durable::{Journal, JournalError, PathError};

/// Every event of a training as a line of JSON, with the seconds since this process began.
pub(super) struct TrainingLog {
    lines: Journal<Value>,
    start: Instant,
    /// The first line that could not be written.
    error: Option<JournalError>,
}

impl TrainingLog {
    /// Its file.
    pub(super) const FILE: &str = "training.jsonl";

    /// Goes on with the log in a working folder, which no other process trains in.
    pub(super) fn open(work: &Path) -> Result<Self> {
        let (lines, _) = Journal::open(&work.join(Self::FILE), "remove it, or use another --work")?;
        Ok(Self {
            lines,
            start: Instant::now(),
            error: None,
        })
    }

    /// A line that cannot be written does not end the training; [`end`](Self::end) tells of it.
    pub(super) fn write(&mut self, event: &impl Serialize) {
        if let Err(error) = self.try_write(event) {
            self.error.get_or_insert(error);
        }
    }

    /// Returns the duration of the training, or the first error of the log.
    pub(super) fn end(self) -> Result<Duration> {
        match self.error {
            Some(error) => Err(error).context(format!("the log {} is incomplete", Self::FILE)),
            None => Ok(self.start.elapsed()),
        }
    }

    fn try_write(&mut self, event: &impl Serialize) -> Result<(), JournalError> {
        let entry = serde_json::to_value(event).map_err(std::io::Error::from);
        let mut entry = entry.map_err(PathError::of("write", self.lines.path()))?;
        if let Some(entry) = entry.as_object_mut() {
            let elapsed_s = self.start.elapsed().as_secs_f64();
            entry.insert("elapsed_s".to_owned(), json!(elapsed_s));
        }
        self.lines.append(&entry)
    }
}
