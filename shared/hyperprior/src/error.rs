use std::path::PathBuf;

use splitsim_codec::Fault;
use splitsim_durable::PathError;
use splitsim_latent::LatentError;

/// An error that explains why a hyperprior could not be read, made, run or trained.
#[derive(Debug, thiserror::Error)]
pub enum HyperpriorError {
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The entropy model cannot code, or is not valid.
    #[error(transparent)]
    Latent(#[from] LatentError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] splitsim_checkpoint::CheckpointError),
    /// The package's manifest cannot be written.
    #[error(transparent)]
    Model(#[from] splitsim_model::ModelError),
    /// A file cannot be read.
    #[error(transparent)]
    Unread(#[from] splitsim_text::FileError),
    /// A file or folder cannot be made or removed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of another kind, or damaged.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A file whose content is not the one that its name promises.
    #[error("{path}: its digest is {actual}, not the one in its name; train or import it again")]
    Digest {
        /// The file.
        path: PathBuf,
        /// The first half of the digest of what it holds.
        actual: String,
    },
    /// A tensor that a hyperprior needs is missing.
    #[error("{origin}: no tensor '{name}'; expected a one-channel bmshj2018 hyperprior")]
    MissingTensor {
        /// The origin of the tensors.
        origin: String,
        /// The tensor's key.
        name: String,
    },
    /// A tensor that no hyperprior has.
    #[error("{origin}: tensor '{name}' belongs to no one-channel bmshj2018 hyperprior")]
    UnknownTensor {
        /// The origin of the tensors.
        origin: String,
        /// The tensor's key.
        name: String,
    },
    /// A tensor has another shape than the widths ask for.
    #[error("{origin}: tensor '{name}' has shape {actual:?}, expected {expected:?}")]
    Shape {
        /// The origin of the tensors.
        origin: String,
        /// The tensor's key.
        name: String,
        /// The shape expected.
        expected: Vec<i64>,
        /// The shape found.
        actual: Vec<i64>,
    },
    /// Scales other than the 64 that the coded tables are for.
    #[error("{origin}: its scale table is not the one of 64 levels from 0.11 to 256")]
    ScaleTable {
        /// The origin of the tensors.
        origin: String,
    },
    /// A network gave a value that is no number.
    #[error("{network} gave a value that is not finite, its weights or the feature are damaged")]
    NotFinite {
        /// The network.
        network: &'static str,
    },
    /// Nothing to train on, or a configuration that cannot be trained with.
    #[error("training: {0}")]
    Training(String),
}

impl HyperpriorError {
    /// The side at fault: the machine if libtorch refused, as when memory ran out, or a file could
    /// not be read, so that another try with the same data may succeed; otherwise the data.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Torch(_) | Self::Io { .. } => Fault::Machine,
            Self::Unread(error) if error.io().is_some() => Fault::Machine,
            Self::Latent(_)
            | Self::Checkpoint(_)
            | Self::Model(_)
            | Self::Unread(_)
            | Self::File { .. }
            | Self::Digest { .. }
            | Self::MissingTensor { .. }
            | Self::UnknownTensor { .. }
            | Self::Shape { .. }
            | Self::ScaleTable { .. }
            | Self::NotFinite { .. }
            | Self::Training(_) => Fault::Data,
        }
    }
}

impl From<PathError> for HyperpriorError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}
