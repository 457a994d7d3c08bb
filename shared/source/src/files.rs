//! Pictures without ground truth: files and folders.

use std::path::{Path, PathBuf};

use crate::{Item, Picture, SourceError};

/// Picture files in a stable order; at least one.
#[derive(Debug, Clone)]
pub(crate) struct Files(pub(crate) Vec<PathBuf>);

impl Files {
    /// The picture itself, or the pictures of a folder in the order of their names.
    pub(crate) fn of_path(path: &Path) -> Result<Self, SourceError> {
        let metadata = std::fs::metadata(path).map_err(|source| SourceError::Io {
            path: path.to_owned(),
            source,
        })?;
        match metadata.is_dir() {
            true => Self::of_folder(path),
            false => Ok(Self(vec![path.to_owned()])),
        }
    }

    /// The pictures of a folder in the order of their names; folders in it are not looked into.
    pub(crate) fn of_folder(dir: &Path) -> Result<Self, SourceError> {
        let files: Vec<PathBuf> = entries(dir)?
            .into_iter()
            .filter(|path| is_picture(path))
            .collect();
        match files.is_empty() {
            true => Err(SourceError::EmptyFolder {
                path: dir.to_owned(),
            }),
            false => Ok(Self(files)),
        }
    }

    pub(crate) fn item(&self, index: usize) -> Result<Item, SourceError> {
        let path = &self.0[index];
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Item {
            name: name.to_string_lossy().into_owned(),
            picture: Picture::read(path)?,
            truth: None,
        })
    }
}

/// What a folder holds, in the order of the names.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let io = |source| SourceError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut paths = std::fs::read_dir(dir)
        .map_err(io)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.sort();
    Ok(paths)
}

/// Whether a file's name ends as a PNG's or JPEG's does.
pub(crate) fn is_picture(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}
