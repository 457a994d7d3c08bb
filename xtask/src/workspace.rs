//! The layout of the workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root folder of this workspace.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the root from the manifest folder that cargo names when it runs this program, or
    /// from the one that it was built in.
    ///
    /// # Errors
    /// If that folder has no parent.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest_dir
            .parent()
            .with_context(|| format!("{} has no parent folder", manifest_dir.display()))?;
        Ok(Self { root: root.into() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the files that `setup` fetches. `.cargo/config.toml` names it too, in
    /// `LIBTORCH` and in the rpath, so it stays here even if `CARGO_TARGET_DIR` is elsewhere.
    pub(crate) fn setup_dir(&self) -> PathBuf {
        self.root.join("target/setup")
    }

    /// `path` as a person in the root folder would type it.
    pub(crate) fn show<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
