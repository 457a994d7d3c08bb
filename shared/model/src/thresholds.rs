use std::path::Path;

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_text::Text;

use crate::{ModelError, Package};

/// The gate thresholds that a package was calibrated to, in its `thresholds.toml`.
///
/// They are no part of the package's digest: only an edge's policy reads them, and what it decides shows
/// in the bytes it ships.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thresholds {
    /// One per codec, task, metric, limit and share.
    #[serde(default)]
    pub thresholds: Vec<CalibratedThreshold>,
}

/// A threshold and what it promises: of the features that a gate with it accepts, climbing from the
/// cheapest level one at a time, at most a share α exceeds the distortion limit τ, at confidence 1 − δ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CalibratedThreshold {
    /// The codec.
    pub codec: String,
    /// The task.
    pub task: Task,
    /// The metric.
    pub metric: String,
    /// The distortion limit τ: ranks, percentage points of mIoU, or metres.
    pub tau: f64,
    /// The share α of accepted features that may exceed it.
    pub alpha: f64,
    /// The probability δ with which the promise may fail.
    pub delta: f64,
    /// The worst score that passes.
    pub threshold: f64,
    /// Features that it was tested on.
    pub features: usize,
    /// Digest of the package that made the features.
    pub model: String,
    /// Digest of the rows that it was found on.
    pub rows: String,
}

impl Thresholds {
    /// The file's name in a package.
    pub const FILE: &'static str = "thresholds.toml";
    /// The largest file that is read.
    const MAX_BYTES: u64 = 1 << 24;

    /// The threshold for these, if there is one.
    #[must_use]
    pub fn find(
        &self,
        codec: &str,
        task: Task,
        metric: &str,
        tau: f64,
        alpha: f64,
    ) -> Option<&CalibratedThreshold> {
        let wanted = |entry: &&CalibratedThreshold| {
            (entry.codec.as_str(), entry.task, entry.metric.as_str()) == (codec, task, metric)
                && (entry.tau, entry.alpha) == (tau, alpha)
        };
        self.thresholds.iter().find(wanted)
    }

    /// Adds a threshold, in place of the one for the same codec, task, metric, limit and share.
    pub fn put(&mut self, entry: CalibratedThreshold) {
        let same = |other: &CalibratedThreshold| {
            (&other.codec, other.task, &other.metric) == (&entry.codec, entry.task, &entry.metric)
                && (other.tau, other.alpha) == (entry.tau, entry.alpha)
        };
        self.thresholds.retain(|other| !same(other));
        self.thresholds.push(entry);
    }

    /// Reads a package's file; no file is no thresholds.
    ///
    /// # Errors
    /// When there is a file that cannot be read or is not of this form.
    pub fn read(root: &Path) -> Result<Self, ModelError> {
        let path = root.join(Self::FILE);
        let invalid = |reason: String| ModelError::Manifest {
            path: path.clone(),
            reason,
        };
        let Some(text) = Text::read_if_there(&path, Self::MAX_BYTES)? else {
            return Ok(Self::default());
        };
        Self::parse(text.as_str()).map_err(invalid)
    }

    /// The thresholds of a file's text; the error is the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let read: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match read.thresholds.iter().find(|entry| !entry.is_valid()) {
            None => Ok(read),
            Some(entry) => Err(format!(
                "{} {} {}: threshold and tau must be finite, alpha and delta shares",
                entry.codec, entry.task, entry.metric
            )),
        }
    }

    /// Writes a package's file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, root: &Path) -> Result<(), ModelError> {
        let path = root.join(Self::FILE);
        let text = toml::to_string_pretty(self).map_err(|error| ModelError::Manifest {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(splitsim_durable::replace(&path, text)?)
    }
}

impl CalibratedThreshold {
    fn is_valid(&self) -> bool {
        let share = |value: f64| value > 0.0 && value < 1.0;
        self.threshold.is_finite() && self.tau.is_finite() && share(self.alpha) && share(self.delta)
    }
}

impl Package {
    /// The threshold that the package was calibrated to for a codec, task and metric, such that of what a
    /// climbing gate accepts at most a share `alpha` has a distortion above `tau`.
    ///
    /// # Errors
    /// When there is none, or the package has changed since.
    pub fn calibrated_threshold(
        &self,
        codec: &str,
        task: Task,
        metric: &str,
        tau: f64,
        alpha: f64,
    ) -> Result<f64, ModelError> {
        let model = || self.manifest().name.clone();
        let thresholds = Thresholds::read(self.root())?;
        let Some(entry) = thresholds.find(codec, task, metric, tau, alpha) else {
            let of_kind = thresholds.thresholds.iter().filter(|entry| {
                (entry.codec.as_str(), entry.task, entry.metric.as_str()) == (codec, task, metric)
            });
            let known = of_kind.map(|entry| format!("tau={},alpha={}", entry.tau, entry.alpha));
            return Err(ModelError::NoThreshold {
                model: model(),
                wanted: format!("{codec} {task} {metric} tau={tau},alpha={alpha}"),
                known: known.collect(),
            });
        };
        if entry.model != self.digest().to_string() {
            return Err(ModelError::StaleThreshold {
                model: model(),
                calibrated: entry.model.clone(),
                actual: self.digest().to_string(),
            });
        }
        Ok(entry.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tau: f64, threshold: f64) -> CalibratedThreshold {
        CalibratedThreshold {
            codec: "hevc".to_owned(),
            task: Task::Seg,
            metric: "cosine".to_owned(),
            tau,
            alpha: 0.05,
            delta: 0.1,
            threshold,
            features: 300,
            model: "ab".repeat(32),
            rows: "cd".repeat(32),
        }
    }

    #[test]
    fn what_is_written_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Thresholds::read(dir.path()).unwrap(), Thresholds::default());
        let mut thresholds = Thresholds::default();
        thresholds.put(entry(1.0, 0.9));
        thresholds.put(entry(2.0, 0.8));
        thresholds.put(entry(1.0, 0.95));
        thresholds.write(dir.path()).unwrap();
        let read = Thresholds::read(dir.path()).unwrap();
        assert_eq!(read, thresholds);
        let find = |tau| read.find("hevc", Task::Seg, "cosine", tau, 0.05);
        assert_eq!(find(1.0).map(|entry| entry.threshold), Some(0.95));
        assert_eq!(find(2.0).map(|entry| entry.threshold), Some(0.8));
        assert_eq!(find(3.0), None);
        assert_eq!(read.find("vvc", Task::Seg, "cosine", 1.0, 0.05), None);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(Thresholds::FILE);
        for text in ["thresholds = 3", "[[thresholds]]\ncodec = 'x'", "[[other]]"] {
            std::fs::write(&path, text).unwrap();
            assert!(Thresholds::read(dir.path()).is_err(), "{text}");
        }
        let mut thresholds = Thresholds::default();
        thresholds.put(entry(f64::NAN, 0.5));
        thresholds.write(dir.path()).unwrap();
        assert!(Thresholds::read(dir.path()).is_err());
    }

    #[test]
    fn a_file_is_read_as_editors_leave_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut thresholds = Thresholds::default();
        thresholds.put(entry(1.0, 0.9));
        thresholds.write(dir.path()).unwrap();
        let path = dir.path().join(Thresholds::FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        let utf16 = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let utf16: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_be_bytes).collect();
        std::fs::write(&path, utf16).unwrap();
        assert_eq!(Thresholds::read(dir.path()).unwrap(), thresholds);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let message = Thresholds::read(dir.path()).unwrap_err().to_string();
        assert!(
            message.ends_with("a device, expected a regular file"),
            "{message}"
        );
    }
}
