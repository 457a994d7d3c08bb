use std::path::PathBuf;

/// Why a source gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no source.
    #[error("'{text}' names no source: {reason}; expected scenes:SEED:COUNT or a path")]
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
    /// A file is no image.
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
    #[error(transparent)]
    Truth(#[from] splitsim_truth::TruthError),
}
