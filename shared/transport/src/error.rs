use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use quinn::{ConnectionClose, ConnectionError, ReadError, TransportErrorCode, VarInt, WriteError};
use rustls::AlertDescription;
use splitsim_feature::units::Bytes;
use splitsim_proto::framing::FramingError;
use splitsim_proto::{Explanation, Refusal, RefusalKind, RequestError, RequestErrorKind};

use crate::{Channel, CloseCode, InvalidOptions};

/// The errors of connections between edge and cloud.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No socket on the address.
    #[error("cannot listen on {address}: {source}; is another process there?")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system does not report a socket's address.
    #[error("cannot read the socket's address: {source}")]
    LocalAddress {
        /// The system's reason.
        source: io::Error,
    },
    /// TLS cannot be set up with the identity.
    #[error("identity in {directory} is not usable: {reason}")]
    Tls {
        /// The identity's directory.
        directory: String,
        /// The TLS library's message.
        reason: String,
    },
    /// A qlog file cannot be made.
    #[error("cannot create qlog file {path}: {source}")]
    Qlog {
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The options contradict themselves.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The address or the server's name cannot be connected to.
    #[error("cannot connect to {peer} as '{server_name}': {reason}")]
    Target {
        /// The cloud.
        peer: SocketAddr,
        /// The name it was to prove.
        server_name: String,
        /// The fault.
        reason: String,
    },
    /// The host of the cloud has no address, or nobody can be asked for it.
    #[error("cannot find an address of '{host}': {reason}")]
    Unresolved {
        /// The host.
        host: String,
        /// The system's reason.
        reason: Explanation,
    },
    /// None of the cloud's addresses answered as it should.
    #[error("none of the cloud's addresses answers: {}", each(.attempts))]
    NoneAnswered {
        /// The addresses, each with its error.
        attempts: Vec<(SocketAddr, Self)>,
    },
    /// The cloud did not answer in the time allowed.
    #[error(
        "{cloud} did not complete the handshake within {waited:?}; is it running and reachable?"
    )]
    NoAnswer {
        /// The cloud, as it was asked for.
        cloud: String,
        /// The time that this side waited.
        waited: Duration,
    },
    /// The endpoint was closed.
    #[error("endpoint is closed")]
    EndpointClosed,
    /// Handshake and hello took too long.
    #[error(
        "{peer} did not complete the handshake within {waited:?}; is it running and reachable?"
    )]
    HandshakeTimeout {
        /// The peer.
        peer: SocketAddr,
        /// The time that this side waited.
        waited: Duration,
    },
    /// The peer refused this side's certificate.
    #[error(
        "{peer} did not accept this side's certificate ({reason}); use identities that one run of \
         `splitsim certs` made"
    )]
    IdentityRefused {
        /// The peer.
        peer: SocketAddr,
        /// The alert that it sent, and its reason.
        reason: Explanation,
    },
    /// This side refused the peer's certificate.
    #[error(
        "certificate of {peer} was not accepted ({reason}); use identities that one run of \
         `splitsim certs` made, with the cloud's host among its names"
    )]
    PeerNotTrusted {
        /// The peer.
        peer: SocketAddr,
        /// The verifier's message.
        reason: Explanation,
    },
    /// The peer's certificate is not valid at this time.
    #[error(
        "certificate of {peer} is not valid now by this machine's clock ({reason}); compare both clocks, \
         or make it anew with `splitsim certs --out DIR --force`"
    )]
    PeerUntimely {
        /// The peer.
        peer: SocketAddr,
        /// The verifier's message.
        reason: Explanation,
    },
    /// The two sides have no protocol in common.
    #[error(
        "{peer} speaks another protocol or version, this side speaks {}; install the same release on \
         both",
        protocols()
    )]
    ProtocolMismatch {
        /// The peer.
        peer: SocketAddr,
    },
    /// The cloud refused the hello.
    #[error("{peer} refused: {source}")]
    Refused {
        /// The cloud.
        peer: SocketAddr,
        /// The refusal.
        source: Refusal,
    },
    /// The cloud allows fewer frames in flight than this edge is to have.
    #[error("in-flight of {wanted} is more than the {allowed} that {peer} allows on a connection")]
    InFlight {
        /// The cloud.
        peer: SocketAddr,
        /// Frames that the options ask for.
        wanted: u32,
        /// Frames that the welcome allows.
        allowed: u32,
    },
    /// The peer closed the connection.
    #[error("{peer} closed the connection: {}{}", code_name(*.code), reason_suffix(.reason))]
    Closed {
        /// The peer.
        peer: SocketAddr,
        /// Its code, `None` for one that this version does not know.
        code: Option<CloseCode>,
        /// Its reason.
        reason: Explanation,
    },
    /// This side closed the connection.
    #[error("connection to {peer} was closed by this side")]
    ClosedHere {
        /// The peer.
        peer: SocketAddr,
    },
    /// Nothing came from the peer for the idle timeout.
    #[error("{peer} has been silent for longer than the idle timeout")]
    IdleTimeout {
        /// The peer.
        peer: SocketAddr,
    },
    /// The peer has the request, or does not take it, and is silent about it.
    #[error("{peer} did not answer a request within {waited:?}")]
    ReplyTimeout {
        /// The cloud.
        peer: SocketAddr,
        /// The time that this side waited.
        waited: Duration,
    },
    /// The connection broke otherwise.
    #[error("connection to {peer} is lost: {reason}")]
    Lost {
        /// The peer.
        peer: SocketAddr,
        /// QUIC's message.
        reason: Explanation,
    },
    /// The peer gave up a stream.
    #[error("{peer} gave up the stream: {}", code_name(*.code))]
    StreamAbandoned {
        /// The peer.
        peer: SocketAddr,
        /// Its code, `None` for one that this version does not know.
        code: Option<CloseCode>,
    },
    /// A request has been half there for too long.
    #[error("{peer} sent next to nothing of a request for {patience:?}")]
    Stalled {
        /// The peer.
        peer: SocketAddr,
        /// The time that this side waited.
        patience: Duration,
    },
    /// The stream ended early.
    #[error("{peer} ended the stream in the middle of {what}: {actual} of {expected} bytes")]
    Truncated {
        /// The peer.
        peer: SocketAddr,
        /// The item that was being read.
        what: &'static str,
        /// Bytes expected.
        expected: u64,
        /// Bytes received.
        actual: u64,
    },
    /// The stream continues after its end.
    #[error("{peer} sent bytes beyond the end of {what}")]
    Trailing {
        /// The peer.
        peer: SocketAddr,
        /// The item that was being read.
        what: &'static str,
    },
    /// More bytes than agreed.
    #[error("{what} of {actual}, at most {limit} were agreed with {peer}")]
    TooLarge {
        /// The peer.
        peer: SocketAddr,
        /// The item that is too large.
        what: &'static str,
        /// Its declared size.
        actual: Bytes,
        /// The limit of the welcome.
        limit: Bytes,
    },
    /// A message that cannot be written or read.
    #[error("message {direction} {peer}: {source}")]
    Framing {
        /// The peer.
        peer: SocketAddr,
        /// "to" or "from".
        direction: &'static str,
        /// The fault.
        source: Box<FramingError>,
    },
    /// The container is not as long as its header says.
    #[error("container has {actual}, its header declares {declared}")]
    ContainerLength {
        /// The length in the header.
        declared: Bytes,
        /// The actual length.
        actual: Bytes,
    },
    /// The answer belongs to another request.
    #[error("{peer} answered {actual}, expected {expected}")]
    UnexpectedReply {
        /// The cloud.
        peer: SocketAddr,
        /// The subject of the reply.
        actual: String,
        /// The subject of the request.
        expected: String,
    },
    /// The cloud did not take a reference or a settlement.
    #[error("{peer} did not take frame {frame}: {source}")]
    Rejected {
        /// The cloud.
        peer: SocketAddr,
        /// The frame.
        frame: u64,
        /// Its reason.
        source: RequestError,
    },
    /// Trying again did not help in the time allowed.
    #[error("gave up after {attempts} attempts in {elapsed:?}: {last}")]
    GaveUp {
        /// The number of attempts.
        attempts: u32,
        /// The time since the first attempt.
        elapsed: Duration,
        /// The error of the last attempt.
        last: Box<Self>,
    },
    /// The first attempt was still under way when the time allowed ended.
    #[error("no answer within {0:?}; is the cloud running and reachable?")]
    OutOfTime(Duration),
}

impl TransportError {
    /// `true` if the same operation may succeed later.
    ///
    /// A cloud that is absent, restarting or full may recover; wrong certificates, versions, models
    /// and sizes stay wrong.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoneAnswered { attempts } => {
                attempts.iter().any(|(_, error)| error.is_transient())
            }
            Self::HandshakeTimeout { .. }
            | Self::IdleTimeout { .. }
            | Self::ReplyTimeout { .. }
            | Self::Lost { .. }
            | Self::StreamAbandoned { .. }
            | Self::Stalled { .. }
            | Self::Unresolved { .. }
            | Self::Truncated { .. } => true,
            Self::Refused { source, .. } => {
                matches!(source.kind, RefusalKind::Unavailable)
            }
            Self::Closed { code, .. } => {
                matches!(
                    code,
                    Some(CloseCode::Dropped | CloseCode::Shutdown | CloseCode::Failed)
                )
            }
            Self::Rejected { source, .. } => source.kind.is_transient(),
            Self::Bind { .. }
            | Self::LocalAddress { .. }
            | Self::Tls { .. }
            | Self::Qlog { .. }
            | Self::Options(_)
            | Self::Target { .. }
            | Self::NoAnswer { .. }
            | Self::EndpointClosed
            | Self::IdentityRefused { .. }
            | Self::PeerNotTrusted { .. }
            | Self::PeerUntimely { .. }
            | Self::ProtocolMismatch { .. }
            | Self::InFlight { .. }
            | Self::ClosedHere { .. }
            | Self::Trailing { .. }
            | Self::TooLarge { .. }
            | Self::Framing { .. }
            | Self::ContainerLength { .. }
            | Self::UnexpectedReply { .. }
            | Self::GaveUp { .. }
            | Self::OutOfTime(_) => false,
        }
    }

    /// Returns the cloud's answer to a request that could not be read; `None` if there is nobody left
    /// to answer.
    #[must_use]
    pub fn to_request_error(&self) -> Option<RequestError> {
        let kind = match self {
            Self::TooLarge { .. } => RequestErrorKind::TooLarge,
            Self::Framing { .. } => RequestErrorKind::HeaderRefused,
            Self::Truncated { .. } | Self::Trailing { .. } => RequestErrorKind::ContainerRefused,
            Self::Bind { .. }
            | Self::LocalAddress { .. }
            | Self::Tls { .. }
            | Self::Qlog { .. }
            | Self::Options(_)
            | Self::Target { .. }
            | Self::Unresolved { .. }
            | Self::NoneAnswered { .. }
            | Self::NoAnswer { .. }
            | Self::Stalled { .. }
            | Self::EndpointClosed
            | Self::HandshakeTimeout { .. }
            | Self::IdentityRefused { .. }
            | Self::PeerNotTrusted { .. }
            | Self::PeerUntimely { .. }
            | Self::ProtocolMismatch { .. }
            | Self::InFlight { .. }
            | Self::Refused { .. }
            | Self::Closed { .. }
            | Self::ClosedHere { .. }
            | Self::IdleTimeout { .. }
            | Self::ReplyTimeout { .. }
            | Self::Lost { .. }
            | Self::StreamAbandoned { .. }
            | Self::ContainerLength { .. }
            | Self::UnexpectedReply { .. }
            | Self::Rejected { .. }
            | Self::GaveUp { .. }
            | Self::OutOfTime(_) => return None,
        };
        Some(RequestError::new(kind, self.to_string()))
    }

    /// Combines the errors of all addresses of a cloud, none of which answered.
    pub(crate) fn of_all(mut attempts: Vec<(SocketAddr, Self)>) -> Self {
        match attempts.len() {
            1 => attempts
                .pop()
                .map_or(Self::EndpointClosed, |(_, error)| error),
            _ => Self::NoneAnswered { attempts },
        }
    }

    /// `true` if an authenticated cloud has decided this for good, so that trying its other addresses is
    /// pointless.
    pub(crate) fn is_verdict(&self) -> bool {
        let refused = matches!(
            self,
            Self::Refused { .. } | Self::IdentityRefused { .. } | Self::InFlight { .. }
        );
        refused && !self.is_transient()
    }

    pub(crate) fn of_connection(peer: SocketAddr, error: ConnectionError) -> Self {
        match error {
            ConnectionError::TransportError(error) => of_own_alert(peer, error.code, error.reason),
            ConnectionError::ConnectionClosed(close) => of_peers_alert(peer, &close),
            ConnectionError::ApplicationClosed(close) => Self::Closed {
                peer,
                code: CloseCode::of_varint(close.error_code),
                reason: String::from_utf8_lossy(&close.reason).into(),
            },
            ConnectionError::TimedOut => Self::IdleTimeout { peer },
            ConnectionError::LocallyClosed => Self::ClosedHere { peer },
            ConnectionError::VersionMismatch => Self::ProtocolMismatch { peer },
            error @ (ConnectionError::Reset | ConnectionError::CidsExhausted) => Self::Lost {
                peer,
                reason: error.to_string().into(),
            },
        }
    }

    pub(crate) fn of_read(peer: SocketAddr, error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::abandoned(peer, code),
            ReadError::ConnectionLost(error) => Self::of_connection(peer, error),
            error @ (ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected) => Self::Lost {
                peer,
                reason: error.to_string().into(),
            },
        }
    }

    pub(crate) fn of_write(peer: SocketAddr, error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::abandoned(peer, code),
            WriteError::ConnectionLost(error) => Self::of_connection(peer, error),
            error @ (WriteError::ClosedStream | WriteError::ZeroRttRejected) => Self::Lost {
                peer,
                reason: error.to_string().into(),
            },
        }
    }

    fn abandoned(peer: SocketAddr, code: VarInt) -> Self {
        Self::StreamAbandoned {
            peer,
            code: CloseCode::of_varint(code),
        }
    }
}

/// A handshake that this side broke off.
fn of_own_alert(peer: SocketAddr, code: TransportErrorCode, reason: String) -> TransportError {
    let reason = Explanation::from(reason);
    match alert(code) {
        Some(AlertDescription::NoApplicationProtocol) => TransportError::ProtocolMismatch { peer },
        Some(AlertDescription::CertificateExpired) => TransportError::PeerUntimely { peer, reason },
        Some(alert) if is_about_certificates(alert) => {
            TransportError::PeerNotTrusted { peer, reason }
        }
        _ => TransportError::Lost { peer, reason },
    }
}

/// A handshake that the peer broke off.
fn of_peers_alert(peer: SocketAddr, close: &ConnectionClose) -> TransportError {
    match alert(close.error_code) {
        Some(AlertDescription::NoApplicationProtocol) => TransportError::ProtocolMismatch { peer },
        Some(alert) if is_about_certificates(alert) => TransportError::IdentityRefused {
            peer,
            reason: format!("{alert:?}: {}", String::from_utf8_lossy(&close.reason)).into(),
        },
        _ if close.error_code == TransportErrorCode::CONNECTION_REFUSED => {
            TransportError::Refused {
                peer,
                source: Refusal::new(RefusalKind::Unavailable, "takes no more connections now"),
            }
        }
        _ => TransportError::Lost {
            peer,
            reason: close.to_string().into(),
        },
    }
}

/// TLS alerts travel in QUIC as error codes 0x100 to 0x1ff (RFC 9001, section 4.8).
fn alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let code = u64::from(code).checked_sub(0x100)?;
    u8::try_from(code).ok().map(AlertDescription::from)
}

/// The alerts of RFC 8446, section 6.2, by which a side refuses a certificate or misses one.
const fn is_about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateRequired
    )
}

fn protocols() -> String {
    Channel::ALL
        .map(|channel| String::from_utf8_lossy(channel.alpn()).into_owned())
        .join(" and ")
}

fn code_name(code: Option<CloseCode>) -> String {
    code.map_or_else(|| "unknown code".to_owned(), |code| code.to_string())
}

fn each(attempts: &[(SocketAddr, TransportError)]) -> String {
    let attempts = attempts.iter();
    let attempts: Vec<String> = attempts
        .map(|(address, error)| format!("{address} ({error})"))
        .collect();
    attempts.join(", ")
}

fn reason_suffix(reason: &Explanation) -> String {
    match reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}
