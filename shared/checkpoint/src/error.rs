use std::path::PathBuf;

use crate::pickle::PickleError;

/// The reason why a file cannot be read as a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// The file is a Git LFS pointer, as a clone without Git LFS leaves it.
    #[error("{path}: a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// The index of several files is damaged, or does not fit them.
    #[error("{path}: {reason}")]
    Index {
        /// The index.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Neither a zip archive nor a safetensors file.
    #[error(
        "{path}: neither a .pth archive nor a .safetensors file; it begins with {beginning:02x?}"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        beginning: Vec<u8>,
    },
    /// A bare pickle, as torch wrote before version 1.6.
    #[error(
        "{path}: a .pth file of PyTorch before 1.6, without the zip archive; load it with torch and \
         save it again: torch.save(torch.load(old, weights_only=True), new)"
    )]
    LegacyFormat {
        /// The file.
        path: PathBuf,
    },
    /// The zip archive is damaged or not of torch's making.
    #[error("{path}: not an archive of torch.save: {reason}")]
    Archive {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// The archive's pickle is refused.
    #[error("{path}: {source}")]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The reason for the refusal.
        source: PickleError,
    },
    /// The safetensors file is damaged.
    #[error("{path}: not a readable safetensors file: {reason}")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A tensor does not lie in the file where its entry says.
    #[error("{path}: tensor '{name}': {reason}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The fault.
        reason: String,
    },
    /// The file holds two models of the wanted kind, and nothing tells which is meant.
    #[error(
        "{path}: there are weights {one} and as many {other}; save those alone that are meant: load the \
         file with torch, and torch.save the dictionary that holds them"
    )]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The place of the first.
        one: String,
        /// The place of the second.
        other: String,
    },
    /// The file holds no tensors.
    #[error(
        "{path}: no tensors in the file's dictionary or those in it, found {}", list(.found)
    )]
    NoTensors {
        /// The file.
        path: PathBuf,
        /// Keys of the outermost dictionary.
        found: Vec<String>,
    },
}

/// Names in a row, the first of many.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names {
        [] => "nothing".to_owned(),
        names if names.len() <= SHOWN => names.join(", "),
        names => format!(
            "{} and {} more",
            names[..SHOWN].join(", "),
            names.len() - SHOWN
        ),
    }
}
