use std::path::PathBuf;

use crate::ImageExtent;

/// Why a source gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no source.
    #[error(
        "'{text}' names no source: {reason}; expected scenes:SEED:COUNT, imagenet:DIR, voc:DIR, \
         nyu:DIR, folder:DIR or a path"
    )]
    Spec {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no image, or one that is not read.
    #[error("{path}: not a readable image: {reason}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds no image.
    #[error("{path}: no .png, .jpg or .jpeg file in this folder")]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
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
        /// What is wrong with it.
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
    /// What is said to be true of a picture cannot be.
    #[error("{origin}: {source}")]
    Truth {
        /// The file or scene that says it.
        origin: String,
        /// What is wrong with it.
        source: splitsim_truth::TruthError,
    },
}
