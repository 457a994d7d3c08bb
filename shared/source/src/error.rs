use std::path::PathBuf;

use crate::{ImageExtent, LeftOut};

/// An error that explains why a source gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no source.
    #[error(
        "'{text}' names no source: {reason}; expected scenes:SEED:COUNT, imagenet:DIR, voc:DIR, \
         nyu:DIR, folder:DIR or a path"
    )]
    Spec {
        /// The text given.
        text: String,
        /// The fault.
        reason: String,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is no image, or one that is not read.
    #[error("{path}: not a readable image: {reason}")]
    Image {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A path leads to no regular file, to one that is too large, or a list is no text.
    #[error(transparent)]
    File(splitsim_text::FileError),
    /// A folder holds no image that is read.
    #[error("{path}: no .png, .jpg or .jpeg file in this folder{}", others(left_out, *folders))]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
        /// The pictures of other formats in it.
        left_out: LeftOut,
        /// Folders in it.
        folders: usize,
    },
    /// A list file names nothing.
    #[error("{path}: no line that names a picture")]
    EmptyList {
        /// The list file.
        path: PathBuf,
    },
    /// A line of a list file cannot be used.
    #[error("{path}:{line}: {reason}")]
    ListLine {
        /// The list file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The fault.
        reason: String,
    },
    /// A picture of a labelled folder that its label file does not name.
    #[error("{image}: no line of {list} gives its label; add one or move the picture away")]
    Unlabelled {
        /// The picture.
        image: PathBuf,
        /// The label file.
        list: PathBuf,
    },
    /// Two pictures that cannot be told apart by name.
    #[error("{first} and {second} are both called '{name}'; a data set's names are unique")]
    SameName {
        /// The name of both.
        name: String,
        /// One picture.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A mask or depth map that does not cover its picture.
    #[error(
        "{list}:{line}: {truth} is {}x{}, its picture {image} {}x{}",
        .truth_extent.width(), .truth_extent.height(), .image_extent.width(), .image_extent.height()
    )]
    TruthExtent {
        /// The list file.
        list: PathBuf,
        /// The line that names the picture, counted from 1.
        line: usize,
        /// The mask or depth map.
        truth: PathBuf,
        /// Its extent.
        truth_extent: ImageExtent,
        /// The picture.
        image: PathBuf,
        /// Its extent.
        image_extent: ImageExtent,
    },
    /// An item beyond the last.
    #[error("item {index} of a source of {count}")]
    Index {
        /// The item asked for.
        index: usize,
        /// Items of the source.
        count: usize,
    },
    /// A scene cannot be rendered.
    #[error(transparent)]
    Scene(#[from] splitsim_scenes::SceneError),
    /// The ground truth of a picture is invalid.
    #[error("{origin}: {source}")]
    Truth {
        /// The file or scene that says it.
        origin: String,
        /// The fault.
        source: splitsim_truth::TruthError,
    },
}

impl From<splitsim_text::FileError> for SourceError {
    fn from(error: splitsim_text::FileError) -> Self {
        match error {
            splitsim_text::FileError::Io { path, source } => Self::Io { path, source },
            other => Self::File(other),
        }
    }
}

/// The tail of a message about a folder that looks empty: the pictures left out and the
/// folders not searched.
fn others(left_out: &LeftOut, folders: usize) -> String {
    let mut told = String::new();
    if left_out.count() > 0 {
        told = format!("; {left_out}");
    }
    match folders {
        0 => {}
        1 => told.push_str("; 1 folder in it is not looked into"),
        more => told.push_str(&format!("; {more} folders in it are not looked into")),
    }
    told
}
