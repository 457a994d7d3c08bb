use std::io;
use std::path::PathBuf;

use splitsim_codec::CodecError;
use splitsim_model::ModelError;
use splitsim_results::ResultsError;
use splitsim_transport::TransportError;

/// An error that keeps a cloud from starting or from ending well.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The socket cannot be bound, or the identity or the transport's options cannot be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The results file cannot be used.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The results' directory cannot be made.
    #[error("cannot make the directory {path} for the results: {source}")]
    Out {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The references are in no directory.
    #[error("references: {path} is not a directory")]
    References {
        /// The path given.
        path: PathBuf,
    },
    /// The model package lacks a task.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A codec of the package cannot be opened.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The package has no ladder, so nothing could be decoded.
    #[error(
        "model '{model}' has no codec ladder for any task served; add one to tasks.TASK.ladders \
         in its model.toml"
    )]
    NoCodec {
        /// The package's name.
        model: String,
    },
    /// A name that cannot be sent to edges.
    #[error("{what} '{name}' is no valid name: {reason}")]
    Name {
        /// The kind of the name.
        what: &'static str,
        /// The name.
        name: String,
        /// The fault.
        reason: String,
    },
    /// A thread of the cloud's own ended without an answer.
    #[error("a worker thread failed while it was to {operation}")]
    Worker {
        /// The operation that the thread was to perform.
        operation: &'static str,
    },
}

impl CloudError {
    /// `true` if the configuration must be changed, rather than the machine's state.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Transport(error) => {
                matches!(
                    error,
                    TransportError::Options(_) | TransportError::Tls { .. }
                )
            }
            Self::Results(_)
            | Self::Out { .. }
            | Self::References { .. }
            | Self::Model(_)
            | Self::Codec(_)
            | Self::NoCodec { .. }
            | Self::Name { .. } => true,
            Self::Worker { .. } => false,
        }
    }
}
