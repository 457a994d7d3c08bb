use std::path::{Path, PathBuf};

use splitsim_feature::Task;

/// The reason why something is not a valid scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be opened, is too large, or is no text.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// The file cannot be found.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something is wrong in a file.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// The fault in it.
        source: Box<Self>,
    },
    /// A setting of the command line makes no scenario.
    #[error("--set {setting}: {source}")]
    Setting {
        /// The setting.
        setting: String,
        /// The fault.
        source: Box<Self>,
    },
    /// The text is no TOML, or a value is not of its key's type.
    #[error("{reason}")]
    Syntax {
        /// The fault, with its line if that is known.
        reason: String,
    },
    /// A key that means nothing.
    #[error("unknown key '{key}'; the nearest known key is '{nearest}', all: {}", .known.join(", "))]
    UnknownKey {
        /// The key, with the tables that it is in.
        key: String,
        /// The known key that looks most like it.
        nearest: String,
        /// The keys that are known in this table.
        known: Vec<String>,
    },
    /// A setting without a key or value, or for something that is no table.
    #[error("{0}")]
    SettingForm(String),
    /// A value that contradicts another, or is out of range.
    #[error("{key}: {reason}")]
    Value {
        /// The key, with the tables that it is in.
        key: String,
        /// The fault of the key's value.
        reason: String,
    },
    /// A threshold policy for which nothing says what it asks for.
    #[error(
        "policy '{policy}' has no threshold for {task}: give it one, or add {task} to \
         [thresholds.{metric}]"
    )]
    NoThreshold {
        /// The policy's name.
        policy: String,
        /// Its metric.
        metric: String,
        /// The task.
        task: Task,
    },
}

/// The types that serde names in its errors, and words for them.
const TYPES: [(&str, &str); 5] = [
    ("expected a nonzero usize", "expected a whole number from 1"),
    (
        "expected a nonzero u8",
        "expected a whole number from 1 to 255",
    ),
    ("expected usize", "expected a whole number from 0"),
    ("expected u64", "expected a whole number from 0"),
    (
        "expected u32",
        "expected a whole number from 0 to 4294967295",
    ),
];

impl ScenarioError {
    pub(super) fn syntax(error: toml::de::Error) -> Self {
        let reason = error.to_string().trim_end().to_owned();
        // With a place in the text there is a drawing of several lines; without one there is not.
        let reason = match error.span() {
            Some(_) => reason,
            None => reason.replace('\n', " "),
        };
        let reason = TYPES
            .iter()
            .fold(reason, |reason, (name, plain)| reason.replace(name, plain));
        Self::Syntax { reason }
    }

    pub(super) fn value(key: impl Into<String>, reason: impl ToString) -> Self {
        Self::Value {
            key: key.into(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn setting(setting: &str, source: Self) -> Self {
        Self::Setting {
            setting: setting.to_owned(),
            source: Box::new(source),
        }
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        match self {
            setting @ Self::Setting { .. } => setting,
            source => Self::InFile {
                path: path.to_owned(),
                source: Box::new(source),
            },
        }
    }
}
