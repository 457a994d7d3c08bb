use std::path::PathBuf;

use splitsim_cfqa::UnknownMetric;
use splitsim_codec::CodecError;
use splitsim_model::ModelError;
use splitsim_policy::PolicyError;
use splitsim_source::SourceError;
use splitsim_transport::TransportError;

use crate::{EdgeReport, OutboxError};

/// The reason why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A name that cannot be sent.
    #[error("{what} '{text}': {reason}")]
    Name {
        /// The kind of thing that it names.
        what: &'static str,
        /// The name.
        text: String,
        /// The fault.
        reason: String,
    },
    /// The source has no pictures to give.
    #[error("source: {0}")]
    Source(#[from] SourceError),
    /// The model package does not have the task.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The codec cannot be had for the model and task.
    #[error("codec: {0}")]
    Codec(#[from] CodecError),
    /// The policy does not suit the codec's ladder.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// The policy asks for a metric that there is not.
    #[error("policy: {0}")]
    Metric(#[from] UnknownMetric),
    /// Journal or spool cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The identity or the connection's options are not usable.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The cloud was lost or refused this edge before all was done.
    #[error("{source}{}", kept(.report, .spool))]
    CloudLost {
        /// The error that ended the run.
        source: Box<TransportError>,
        /// The work done until then.
        report: Box<EdgeReport>,
        /// The folder of the frames that wait.
        spool: PathBuf,
    },
    /// A thread cannot be started.
    #[error("cannot start the thread '{stage}': {source}")]
    Thread {
        /// The stage.
        stage: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A thread ended in a way that should not be possible.
    #[error("the stage '{stage}' broke down; this is a fault in the program")]
    Broken {
        /// The stage.
        stage: &'static str,
    },
}

impl EdgeError {
    /// `true` if the configuration is at fault, found before any frame was answered: exit code 2.
    /// Any other error is a run that failed: exit code 1.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Name { .. }
            | Self::Source(_)
            | Self::Model(_)
            | Self::Codec(_)
            | Self::Policy(_)
            | Self::Metric(_) => true,
            Self::Outbox(error) => {
                matches!(
                    error,
                    OutboxError::OtherRun { .. } | OutboxError::Busy { .. }
                )
            }
            Self::Transport(error) => is_mismatch(error),
            Self::CloudLost { source, report, .. } => {
                is_mismatch(source) && report.answered.is_empty()
            }
            Self::Thread { .. } | Self::Broken { .. } => false,
        }
    }
}

/// `true` if the two sides do not fit together, so that another attempt cannot help.
fn is_mismatch(error: &TransportError) -> bool {
    match error {
        TransportError::NoneAnswered { attempts } => {
            attempts.iter().all(|(_, error)| is_mismatch(error))
        }
        TransportError::Tls { .. }
        | TransportError::Options(_)
        | TransportError::Target { .. }
        | TransportError::IdentityRefused { .. }
        | TransportError::PeerNotTrusted { .. }
        | TransportError::PeerUntimely { .. }
        | TransportError::ProtocolMismatch { .. }
        | TransportError::InFlight { .. } => true,
        TransportError::Refused { .. } => !error.is_transient(),
        TransportError::Bind { .. }
        | TransportError::LocalAddress { .. }
        | TransportError::EndpointClosed
        | TransportError::Unresolved { .. }
        | TransportError::NoAnswer { .. }
        | TransportError::Stalled { .. }
        | TransportError::HandshakeTimeout { .. }
        | TransportError::Closed { .. }
        | TransportError::ClosedHere { .. }
        | TransportError::IdleTimeout { .. }
        | TransportError::ReplyTimeout { .. }
        | TransportError::Lost { .. }
        | TransportError::StreamAbandoned { .. }
        | TransportError::Truncated { .. }
        | TransportError::Trailing { .. }
        | TransportError::TooLarge { .. }
        | TransportError::Framing { .. }
        | TransportError::ContainerLength { .. }
        | TransportError::UnexpectedReply { .. }
        | TransportError::Rejected { .. }
        | TransportError::Qlog { .. }
        | TransportError::GaveUp { .. }
        | TransportError::OutOfTime(_) => false,
    }
}

fn kept(report: &EdgeReport, spool: &std::path::Path) -> String {
    match report.kept.len() {
        0 => String::new(),
        kept => format!(
            "; {kept} frames wait in {} and are sent when the run is continued with the same run id \
             and directory",
            spool.display()
        ),
    }
}
