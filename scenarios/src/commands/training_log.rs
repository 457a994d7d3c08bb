//! The log that a training leaves in its working folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

/// Every event of a training as a line of JSON, with the seconds since this process began.
pub(super) struct TrainingLog {
    file: File,
    start: Instant,
    /// The first line that could not be written.
    error: Option<std::io::Error>,
}

impl TrainingLog {
    /// Its file.
    pub(super) const FILE: &str = "training.jsonl";

    /// Goes on with the log in a working folder.
    pub(super) fn open(work: &Path) -> Result<Self> {
        let path = work.join(Self::FILE);
        let file = File::options().create(true).append(true).open(&path);
        Ok(Self {
            file: file.with_context(|| format!("cannot write {}", path.display()))?,
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

    /// How long the training took.
    pub(super) fn end(self) -> Result<Duration> {
        match self.error {
            Some(error) => Err(error).context(format!("the log {} is incomplete", Self::FILE)),
            None => Ok(self.start.elapsed()),
        }
    }

    fn try_write(&mut self, event: &impl Serialize) -> std::io::Result<()> {
        let mut entry = serde_json::to_value(event)?;
        if let Some(entry) = entry.as_object_mut() {
            let elapsed_s = self.start.elapsed().as_secs_f64();
            entry.insert("elapsed_s".to_owned(), json!(elapsed_s));
        }
        writeln!(self.file, "{entry}")
    }
}
