use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A task of the CFQA benchmark (Gao et al., MM'25, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Image classification.
    Cls,
    /// Semantic segmentation.
    Seg,
    /// Monocular depth estimation.
    Dpt,
}

impl Task {
    /// Every task, in the paper's order.
    pub const ALL: [Self; 3] = [Self::Cls, Self::Seg, Self::Dpt];

    /// The task's short name: `cls`, `seg` or `dpt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Seg => "seg",
            Self::Dpt => "dpt",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A task name that is none of [`Task::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task '{0}', expected cls, seg or dpt")]
pub struct UnknownTask(String);

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == name)
            .ok_or_else(|| UnknownTask(name.to_owned()))
    }
}
