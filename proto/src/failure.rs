use crate::message::InvalidMessage;
use crate::names::Explanation;
use crate::wire;

/// An error with which the cloud answers a frame, a reference or a settlement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct RequestError {
    /// The kind of failure.
    pub kind: RequestErrorKind,
    /// The diagnosis.
    pub message: Explanation,
}

/// The kinds of failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestErrorKind {
    /// The message could not be read or broke a rule.
    HeaderRefused,
    /// The container is damaged, or of another codec, task or shape than agreed.
    ContainerRefused,
    /// More bytes than the limits of the [`Welcome`](crate::Welcome) allow.
    TooLarge,
    /// The decoder rejects the bitstream.
    DecodeFailed,
    /// It decoded to other symbols than at the edge.
    DigestMismatch,
    /// The task head has no answer to the decoded feature.
    HeadFailed,
    /// No reference of this frame has arrived.
    ReferenceMissing,
    /// The reference does not fit the model, the task or the frame.
    ReferenceRefused,
    /// The result could not be written down, as when the cloud's disk is full; nothing of it was kept.
    StoreFailed,
    /// Too many frames in flight; the same frame may be sent again later.
    Overloaded,
    /// The cloud is going away; the same frame may be sent to its successor.
    ShuttingDown,
    /// Another frame is recorded under this number: the picture or the container differs.
    Conflict,
    /// A decoder, the model or a worker was killed, ran out of time or memory, could not start or panicked.
    /// Nothing was found out about the frame.
    BrokeDown,
}

/// The chance that a failed request succeeds when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prospect {
    /// The request is at fault: sent again unchanged, it fails again.
    Hopeless,
    /// The cloud cannot serve anyone for now. Wait for it as for one that is away.
    CloudMayRecover,
    /// This request may succeed when it is sent again; others are served meanwhile. A few tries suffice.
    WorthRepeating,
}

impl RequestErrorKind {
    /// Returns the chance that the same request succeeds when it is sent again unchanged.
    #[must_use]
    pub const fn prospect(self) -> Prospect {
        match self {
            Self::Overloaded | Self::ShuttingDown | Self::StoreFailed => Prospect::CloudMayRecover,
            Self::ReferenceMissing | Self::BrokeDown => Prospect::WorthRepeating,
            Self::HeaderRefused
            | Self::ContainerRefused
            | Self::TooLarge
            | Self::DecodeFailed
            | Self::DigestMismatch
            | Self::HeadFailed
            | Self::ReferenceRefused
            | Self::Conflict => Prospect::Hopeless,
        }
    }

    /// `true` if the same request may succeed when it is sent again unchanged.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        !matches!(self.prospect(), Prospect::Hopeless)
    }

    /// A short name for columns and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeaderRefused => "header refused",
            Self::ContainerRefused => "container refused",
            Self::TooLarge => "too large",
            Self::DecodeFailed => "decode failed",
            Self::DigestMismatch => "digest mismatch",
            Self::HeadFailed => "head failed",
            Self::ReferenceMissing => "reference missing",
            Self::ReferenceRefused => "reference refused",
            Self::StoreFailed => "store failed",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting down",
            Self::Conflict => "conflict",
            Self::BrokeDown => "broke down",
        }
    }
}

impl std::fmt::Display for RequestErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl RequestError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: RequestErrorKind, message: impl Into<Explanation>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl From<&RequestError> for wire::RequestError {
    fn from(error: &RequestError) -> Self {
        use wire::request_error::Kind;
        let kind = match error.kind {
            RequestErrorKind::HeaderRefused => Kind::HeaderRefused,
            RequestErrorKind::ContainerRefused => Kind::ContainerRefused,
            RequestErrorKind::TooLarge => Kind::TooLarge,
            RequestErrorKind::DecodeFailed => Kind::DecodeFailed,
            RequestErrorKind::DigestMismatch => Kind::DigestMismatch,
            RequestErrorKind::HeadFailed => Kind::HeadFailed,
            RequestErrorKind::ReferenceMissing => Kind::ReferenceMissing,
            RequestErrorKind::ReferenceRefused => Kind::ReferenceRefused,
            RequestErrorKind::StoreFailed => Kind::StoreFailed,
            RequestErrorKind::Overloaded => Kind::Overloaded,
            RequestErrorKind::ShuttingDown => Kind::ShuttingDown,
            RequestErrorKind::Conflict => Kind::Conflict,
            RequestErrorKind::BrokeDown => Kind::BrokeDown,
        };
        Self {
            kind: kind.into(),
            message: error.message.as_str().to_owned(),
        }
    }
}

impl TryFrom<wire::RequestError> for RequestError {
    type Error = InvalidMessage;

    fn try_from(wire: wire::RequestError) -> Result<Self, Self::Error> {
        use wire::request_error::Kind;
        let kind = match Kind::try_from(wire.kind) {
            Ok(Kind::HeaderRefused) => RequestErrorKind::HeaderRefused,
            Ok(Kind::ContainerRefused) => RequestErrorKind::ContainerRefused,
            Ok(Kind::TooLarge) => RequestErrorKind::TooLarge,
            Ok(Kind::DecodeFailed) => RequestErrorKind::DecodeFailed,
            Ok(Kind::DigestMismatch) => RequestErrorKind::DigestMismatch,
            Ok(Kind::HeadFailed) => RequestErrorKind::HeadFailed,
            Ok(Kind::ReferenceMissing) => RequestErrorKind::ReferenceMissing,
            Ok(Kind::ReferenceRefused) => RequestErrorKind::ReferenceRefused,
            Ok(Kind::StoreFailed) => RequestErrorKind::StoreFailed,
            Ok(Kind::Overloaded) => RequestErrorKind::Overloaded,
            Ok(Kind::ShuttingDown) => RequestErrorKind::ShuttingDown,
            Ok(Kind::Conflict) => RequestErrorKind::Conflict,
            Ok(Kind::BrokeDown) => RequestErrorKind::BrokeDown,
            Ok(Kind::Unspecified) | Err(_) => {
                return Err(InvalidMessage::UnknownValue {
                    field: "error kind",
                    actual: wire.kind,
                });
            }
        };
        Ok(Self::new(kind, wire.message))
    }
}
