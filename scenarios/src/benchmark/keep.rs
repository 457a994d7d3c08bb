//! The files beside the rows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use splitsim_codec::{CodecId, Encoded, Level};
use splitsim_feature::{Feature, Task};

use crate::outputs::write_feature;

/// A kind of file that is kept, in the layout of the published data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// org_feat/TASK/NAME.npy
    Originals,
    /// compressed_feat/CODEC/TASK/LEVEL/NAME.splf
    Bitstreams,
    /// compressed_feat/CODEC/TASK/LEVEL/NAME.npy
    Reconstructions,
}

/// Writes the chosen kinds of files below a set's folder.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub(super) root: PathBuf,
    pub(super) kinds: Vec<Keep>,
}

/// The feature that a file belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) task: Task,
    /// The file name without folders and extension, unique within the task.
    pub(super) stem: &'a str,
}

impl Keeper {
    pub(super) fn original(&self, of: Origin<'_>, feature: &Feature) -> Result<()> {
        if !self.kinds.contains(&Keep::Originals) {
            return Ok(());
        }
        let folder = made(self.root.join("org_feat").join(of.task.name()))?;
        write_feature(&folder.join(format!("{}.npy", of.stem)), feature)
    }

    pub(super) fn coded(
        &self,
        of: Origin<'_>,
        codec: CodecId,
        level: Level,
        encoded: &Encoded,
    ) -> Result<()> {
        let folder = || {
            let folder = self.root.join("compressed_feat").join(codec.name());
            made(
                folder
                    .join(of.task.name())
                    .join(format!("level{:02}", level.0)),
            )
        };
        if self.kinds.contains(&Keep::Bitstreams) {
            let path = folder()?.join(format!("{}.splf", of.stem));
            splitsim_durable::replace(&path, encoded.container.to_bytes())?;
        }
        if self.kinds.contains(&Keep::Reconstructions) {
            let path = folder()?.join(format!("{}.npy", of.stem));
            write_feature(&path, &encoded.reconstruction)?;
        }
        Ok(())
    }
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// The stem of a feature's files: its place in the source, which makes it unique, and its name.
pub(super) fn stem(index: usize, name: &str) -> String {
    let last = Path::new(name).file_stem().unwrap_or_default();
    let last = last.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let last: String = last
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    format!("{index:05}-{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_plain_file_names() {
        assert_eq!(stem(7, "n01/ILSVRC val.JPEG"), "00007-ILSVRC_val");
        assert_eq!(stem(12, ".."), "00012-");
    }
}
