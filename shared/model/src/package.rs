use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_text::{Opened, Text};

use crate::keys::{self, UnknownKey};
use crate::manifest::{ClsTask, DptTask, SegTask, TaskCommon};
use crate::{Manifest, ModelError};

/// A BLAKE3 digest, shown in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's bytes, of which a piece at a time is in memory.
    ///
    /// # Errors
    /// When the file cannot be read, or is no regular one.
    pub fn of_file(path: &Path) -> Result<Self, ModelError> {
        let Opened { file, .. } = splitsim_text::open(path, u64::MAX)?;
        let mut hasher = blake3::Hasher::new();
        let read = hasher.update_reader(file);
        read.map_err(|source| ModelError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::of_hasher(&hasher))
    }

    pub(crate) fn of_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// All 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes, for headers where every byte counts.
    #[must_use]
    pub fn short(&self) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.0[..8]);
        short
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A model package on disk whose manifest has been read and checked.
#[derive(Debug, Clone)]
pub struct Package {
    root: PathBuf,
    manifest: Manifest,
    digest: Digest,
}

/// A task of a package, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum TaskSpec<'a> {
    /// Classification.
    Cls(&'a ClsTask),
    /// Segmentation.
    Seg(&'a SegTask),
    /// Depth.
    Dpt(&'a DptTask),
}

impl Package {
    /// The manifest's file name.
    pub const MANIFEST: &'static str = "model.toml";
    /// The backbone weights' file name.
    pub const BACKBONE: &'static str = "backbone.safetensors";

    /// Finds a package by name or path and opens it.
    ///
    /// A path (anything with a separator, or an existing directory) is taken as it is. A name is
    /// looked up in `$SPLITSIM_MODELS`, then in `models/` of the working directory and of the
    /// directories above the running program.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn find(name: &str) -> Result<Self, ModelError> {
        let candidates = candidates(name);
        let having = |file: &str| candidates.iter().find(|root| root.join(file).is_file());
        if let Some(root) = having(Self::MANIFEST) {
            return Self::open(root);
        }
        Err(match having(TEMPLATE) {
            Some(root) => ModelError::TemplateOnly {
                name: name.to_owned(),
                folder: root.clone(),
                template: root
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            },
            None => ModelError::NotFound {
                name: name.to_owned(),
                known: packages_beside(&candidates),
                looked_in: candidates,
            },
        })
    }

    /// Opens the package in `root`.
    ///
    /// # Errors
    /// When a file is missing or the manifest is not valid.
    pub fn open(root: &Path) -> Result<Self, ModelError> {
        let path = root.join(Self::MANIFEST);
        let text = Text::read(&path, MAX_MANIFEST_BYTES)?;
        let manifest = parse(&path, text.as_str())?;
        let digest = digest(root, text.as_str(), &manifest)?;
        Ok(Self {
            root: root.to_owned(),
            manifest,
            digest,
        })
    }

    /// The package's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The package's manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of manifest, weights and codec tables.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The file of the backbone's weights.
    #[must_use]
    pub fn backbone_path(&self) -> PathBuf {
        self.root.join(Self::BACKBONE)
    }

    /// The file of a head's weights.
    ///
    /// # Errors
    /// When the package has no such task, or only features of it.
    pub fn head_path(&self, task: Task) -> Result<PathBuf, ModelError> {
        self.task(task)?;
        if self.manifest.has_head(task) {
            return Ok(head_path(&self.root, task));
        }
        Err(ModelError::NoHead {
            model: self.manifest.name.clone(),
            task,
        })
    }

    /// The files of a task's codec tables of one name, in the manifest's order; none when the manifest
    /// lists none.
    ///
    /// # Errors
    /// When the package has no such task.
    pub fn table_paths(&self, task: Task, name: &str) -> Result<Vec<PathBuf>, ModelError> {
        let files = self.task(task)?.common().tables.get(name);
        let path = |file| self.root.join(file);
        Ok(files.into_iter().flatten().map(path).collect())
    }

    /// A task of the package.
    ///
    /// # Errors
    /// When the package has no such task.
    pub fn task(&self, task: Task) -> Result<TaskSpec<'_>, ModelError> {
        let tasks = &self.manifest.tasks;
        let spec = match task {
            Task::Cls => tasks.cls.as_ref().map(TaskSpec::Cls),
            Task::Seg => tasks.seg.as_ref().map(TaskSpec::Seg),
            Task::Dpt => tasks.dpt.as_ref().map(TaskSpec::Dpt),
        };
        spec.ok_or_else(|| ModelError::NoTask {
            model: self.manifest.name.clone(),
            task,
            available: tasks.available(),
        })
    }
}

impl<'a> TaskSpec<'a> {
    /// The task's name.
    #[must_use]
    pub const fn task(self) -> Task {
        match self {
            Self::Cls(_) => Task::Cls,
            Self::Seg(_) => Task::Seg,
            Self::Dpt(_) => Task::Dpt,
        }
    }

    /// Taps, ranges and ladders.
    #[must_use]
    pub const fn common(self) -> &'a TaskCommon {
        match self {
            Self::Cls(cls) => &cls.common,
            Self::Seg(seg) => &seg.common,
            Self::Dpt(dpt) => &dpt.common,
        }
    }
}

/// The largest manifest that is read.
const MAX_MANIFEST_BYTES: u64 = 1 << 24;
/// The manifest in a model's directory before its weights are imported.
const TEMPLATE: &str = "template.toml";

fn candidates(name: &str) -> Vec<PathBuf> {
    if name.contains(std::path::MAIN_SEPARATOR) || Path::new(name).is_dir() {
        return vec![PathBuf::from(name)];
    }
    let named = std::env::var_os("SPLITSIM_MODELS").map(PathBuf::from);
    let program = std::env::current_exe().ok();
    let above_program = program.iter().flat_map(|path| path.ancestors().skip(1));
    named
        .into_iter()
        .chain([PathBuf::from("models")])
        .chain(
            above_program
                .map(|dir| dir.join("models"))
                .filter(|dir| dir.is_dir()),
        )
        .map(|models| models.join(name))
        .collect()
}

/// The names of the packages in the folders that these places are in.
fn packages_beside(places: &[PathBuf]) -> Vec<String> {
    let folders: BTreeSet<&Path> = places.iter().filter_map(|place| place.parent()).collect();
    let entries = folders
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok());
    let packages = entries
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(Package::MANIFEST).is_file());
    packages
        .filter_map(|package| package.file_name().into_string().ok())
        .collect()
}

pub(crate) fn parse(path: &Path, text: &str) -> Result<Manifest, ModelError> {
    let invalid = |error: toml::de::Error| ModelError::Manifest {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let table = text.parse().map_err(invalid)?;
    keys::check(&table).map_err(|UnknownKey { key, nearest }| ModelError::UnknownKey {
        path: path.to_owned(),
        key,
        nearest,
    })?;
    let manifest: Manifest = toml::from_str(text).map_err(invalid)?;
    match manifest.inconsistency() {
        Some(reason) => Err(ModelError::Inconsistent {
            path: path.to_owned(),
            reason,
        }),
        None => Ok(manifest),
    }
}

fn head_path(root: &Path, task: Task) -> PathBuf {
    root.join("heads").join(format!("{task}.safetensors"))
}

/// Digests the manifest, then each weight and table file, every part preceded by its length.
fn digest(root: &Path, manifest_text: &str, manifest: &Manifest) -> Result<Digest, ModelError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(manifest_text.len() as u64).to_le_bytes());
    hasher.update(manifest_text.as_bytes());
    let heads = manifest
        .tasks
        .available()
        .into_iter()
        .filter(|&task| manifest.has_head(task))
        .map(|task| head_path(root, task));
    let commons = Task::ALL
        .iter()
        .filter_map(|&task| manifest.tasks.common(task));
    let tables = commons
        .flat_map(|common| common.tables.values().flatten())
        .map(|file| root.join(file));
    let backbone = std::iter::once(root.join(Package::BACKBONE));
    for path in backbone.chain(heads).chain(tables) {
        let io = |source| ModelError::Io {
            path: path.clone(),
            source,
        };
        let Opened { file, bytes } = splitsim_text::open(&path, u64::MAX)?;
        hasher.update(&bytes.to_le_bytes());
        hasher.update_reader(file).map_err(io)?;
    }
    Ok(Digest::of_hasher(&hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_weights_says_how_to_import_them() {
        let models = tempfile::tempdir().unwrap();
        let root = models.path().join("dinov2-vits14");
        std::fs::create_dir(&root).unwrap();
        let find = || Package::find(&root.display().to_string()).unwrap_err();
        assert!(matches!(find(), ModelError::NotFound { .. }));
        std::fs::write(root.join(TEMPLATE), "").unwrap();
        let message = find().to_string();
        let command = "splitsim model import --template dinov2-vits14 --backbone FILE";
        assert!(message.contains(command), "{message}");
    }
}
