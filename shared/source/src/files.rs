//! Pictures without ground truth: files and folders.

use std::path::{Path, PathBuf};

use crate::folder::{Folder, LeftOut};
use crate::{Item, Picture, SourceError};

/// Picture files in a stable order; at least one.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) pictures: Vec<PathBuf>,
    pub(crate) left_out: LeftOut,
}

impl Files {
    /// The picture itself, or the pictures of a folder in the order of their names.
    pub(crate) fn of_path(path: &Path) -> Result<Self, SourceError> {
        let metadata = std::fs::metadata(path).map_err(|source| SourceError::Io {
            path: path.to_owned(),
            source,
        })?;
        match metadata.is_dir() {
            true => Self::of_folder(path),
            false => Ok(Self {
                pictures: vec![path.to_owned()],
                left_out: LeftOut::default(),
            }),
        }
    }

    /// The pictures of a folder in the order of their names; folders in it are not looked into.
    pub(crate) fn of_folder(dir: &Path) -> Result<Self, SourceError> {
        let folder = Folder::list(dir)?.or_empty(dir)?;
        Ok(Self {
            pictures: folder.pictures,
            left_out: folder.left_out,
        })
    }

    pub(crate) fn name(&self, index: usize) -> Option<String> {
        let path = self.pictures.get(index)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Some(name.to_string_lossy().into_owned())
    }

    pub(crate) fn item(&self, index: usize) -> Result<Item, SourceError> {
        let path = &self.pictures[index];
        Ok(Item {
            name: self.name(index).unwrap_or_default(),
            picture: Picture::read(path)?,
            truth: None,
        })
    }
}
