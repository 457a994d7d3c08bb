use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use splitsim_feature::units::Bytes;
use splitsim_proto::framing::MAX_MESSAGE_BYTES;
use splitsim_proto::{Hello, HelloReply, Refusal, RefusalKind, Welcome};
use tokio::time::timeout;

use crate::endpoint::within;
use crate::identity::Certified;
use crate::stream::{Reader, Writer};
use crate::{Channel, CloseCode, CloudSession, IpVersion, LinkCounter, TransportError, arrivals};

/// An authenticated connection. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Connection {
    inner: quinn::Connection,
    channel: Channel,
    handshake_timeout: Duration,
}

/// QUIC's statistics of the path at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathSnapshot {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// The least round-trip time seen.
    pub min_rtt: Duration,
    /// Congestion window.
    pub congestion_window: Bytes,
    /// The number of congestion events.
    pub congestion_events: u64,
    /// UDP payload sent, retransmissions included.
    pub sent: Bytes,
    /// The part of `sent` that is known to have arrived: bytes of the packets that the peer has confirmed.
    pub arrived: Bytes,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets declared lost, and sent anew.
    pub lost_packets: u64,
    /// The bytes of those.
    pub lost: Bytes,
    /// The largest UDP payload that is known to get through.
    pub mtu: Bytes,
}

/// The time that a refusing cloud waits for the edge to read the reason.
const LINGER: Duration = Duration::from_secs(2);

impl Connection {
    pub(crate) const fn new(
        inner: quinn::Connection,
        channel: Channel,
        handshake_timeout: Duration,
    ) -> Self {
        Self {
            inner,
            channel,
            handshake_timeout,
        }
    }

    /// Returns the purpose of the connection.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// `true` if both are handles to the same connection.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.inner.stable_id() == other.inner.stable_id()
    }

    /// The other side's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.inner.remote_address()
    }

    /// The edge that the peer's certificate is for; `None` if it is for none, or the peer is a cloud.
    #[must_use]
    pub fn certified(&self) -> Option<Certified> {
        let identity = self.inner.peer_identity()?;
        let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        chain.first().and_then(Certified::of)
    }

    /// The IP version of the packets sent on this connection.
    #[must_use]
    pub fn ip_version(&self) -> IpVersion {
        IpVersion::of(self.peer())
    }

    /// Returns a counter of the traffic that this side sends from now on.
    #[must_use]
    pub fn link_counter(&self) -> LinkCounter {
        LinkCounter::start(&self.inner)
    }

    /// The path as QUIC sees it now.
    #[must_use]
    pub fn path(&self) -> PathSnapshot {
        let stats = self.inner.stats();
        let path = stats.path;
        PathSnapshot {
            rtt: path.rtt,
            min_rtt: path.min_rtt,
            congestion_window: Bytes(path.cwnd),
            congestion_events: path.congestion_events,
            sent: Bytes(stats.udp_tx.bytes),
            arrived: arrivals::arrived(&self.inner),
            sent_packets: path.sent_packets,
            lost_packets: path.lost_packets,
            lost: Bytes(path.lost_bytes),
            mtu: Bytes(path.current_mtu.into()),
        }
    }

    /// Closes the connection at once; streams under way are lost. The peer learns code and reason if the
    /// endpoint lives on until [idle](crate::EdgeEndpoint::wait_idle).
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.close(code.to_varint(), reason.as_bytes());
    }

    /// Waits until the connection has ended, and returns the reason.
    pub async fn closed(&self) -> TransportError {
        TransportError::of_connection(self.peer(), self.inner.closed().await)
    }

    /// The cloud's first step on a connection: reads the hello and sends the answer of `decide`. A refused
    /// or unreadable hello is answered, and the connection is closed.
    ///
    /// # Errors
    /// [`TransportError::Refused`] with the refusal given; or another error if the hello cannot be read or answered.
    pub async fn answer_hello(
        self,
        decide: impl FnOnce(&Hello) -> Result<Welcome, Refusal>,
    ) -> Result<CloudSession, TransportError> {
        let peer = self.peer();
        let exchange = self.hello_exchange(decide);
        let (hello, welcome) = within(self.handshake_timeout + LINGER, peer, exchange)
            .await
            .inspect_err(|error| self.close(CloseCode::Refused, &error.to_string()))?;
        Ok(CloudSession::new(self, hello, welcome))
    }

    async fn hello_exchange(
        &self,
        decide: impl FnOnce(&Hello) -> Result<Welcome, Refusal>,
    ) -> Result<(Hello, Welcome), TransportError> {
        let (mut writer, mut reader) = self.accept_bi().await?;
        let hello: Hello = match reader.message(MAX_MESSAGE_BYTES).await {
            Ok(hello) => hello,
            Err(error) => {
                let refusal = Refusal::new(RefusalKind::Invalid, error.to_string());
                answer_refusal(writer, refusal).await?;
                return Err(error);
            }
        };
        match decide(&hello) {
            Ok(welcome) => {
                let reply = HelloReply::Welcome(welcome.clone());
                writer.message(&reply).await?;
                writer.finish();
                Ok((hello, welcome))
            }
            Err(source) => {
                answer_refusal(writer, source.clone()).await?;
                Err(TransportError::Refused {
                    peer: self.peer(),
                    source,
                })
            }
        }
    }

    /// The edge's first duty on a connection.
    pub(crate) async fn introduce(&self, hello: &Hello) -> Result<Welcome, TransportError> {
        let (mut writer, mut reader) = self.open_bi().await?;
        writer.message(hello).await?;
        writer.finish();
        match reader.message(MAX_MESSAGE_BYTES).await? {
            HelloReply::Welcome(welcome) => Ok(welcome),
            HelloReply::Refusal(source) => {
                self.close(CloseCode::Done, "refused");
                Err(TransportError::Refused {
                    peer: self.peer(),
                    source,
                })
            }
        }
    }

    pub(crate) async fn open_bi(&self) -> Result<(Writer, Reader), TransportError> {
        let streams = self.inner.open_bi().await;
        self.wrap(streams)
    }

    pub(crate) async fn accept_bi(&self) -> Result<(Writer, Reader), TransportError> {
        let streams = self.inner.accept_bi().await;
        self.wrap(streams)
    }

    fn wrap(
        &self,
        streams: Result<(quinn::SendStream, quinn::RecvStream), quinn::ConnectionError>,
    ) -> Result<(Writer, Reader), TransportError> {
        let peer = self.peer();
        streams
            .map(|(send, recv)| (Writer::new(send, peer), Reader::new(recv, peer)))
            .map_err(|error| TransportError::of_connection(peer, error))
    }
}

/// Sends the refusal, and gives the edge time to read it before the connection is closed.
async fn answer_refusal(mut writer: Writer, refusal: Refusal) -> Result<(), TransportError> {
    writer.message(&HelloReply::Refusal(refusal)).await?;
    writer.finish();
    // Whether it has been read or the edge is gone, the connection may be closed now.
    let _ = timeout(LINGER, writer.acknowledged()).await;
    Ok(())
}
