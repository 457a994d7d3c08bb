use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::{ConnectError, ConnectionError, Endpoint, EndpointConfig};
use splitsim_proto::Hello;
use tokio::time::timeout;

use crate::door::{Answer, Door, Place};
use crate::{
    Channel, CloseCode, Connection, FrameSession, Identity, ReferenceSession, Throttle,
    TransportError, TransportOptions, qlog, socket, tls,
};

/// The cloud's socket. One port serves both channels; [`Connection::channel`] tells them apart.
#[derive(Debug, Clone)]
pub struct CloudEndpoint {
    inner: Endpoint,
    handshake_timeout: Duration,
    zero_rtt: bool,
    door: Door,
    turned_away: Arc<Throttle>,
}

/// An edge's socket.
#[derive(Debug, Clone)]
pub struct EdgeEndpoint {
    inner: Endpoint,
    frames: quinn::ClientConfig,
    references: quinn::ClientConfig,
    options: TransportOptions,
}

/// The cloud to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The host name or address that its certificate must be for.
    pub server_name: String,
}

/// A connection attempt that the cloud has not answered yet.
#[derive(Debug)]
pub struct Incoming {
    inner: quinn::Incoming,
    time: Duration,
    zero_rtt: bool,
    place: Place,
}

impl CloudEndpoint {
    /// Listens on `address`; port 0 takes any free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the options or the identity are not usable, or the address cannot be bound.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let tls = tls::server(identity, options.zero_rtt)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(Arc::new(options.to_quinn(None)?));
        let inner = socket::endpoint(address, socket::of_cloud(identity), Some(config))
            .map_err(|source| TransportError::Bind { address, source })?;
        Ok(Self {
            inner,
            handshake_timeout: options.handshake_timeout,
            zero_rtt: options.zero_rtt,
            door: Door::new(options.handshakes),
            turned_away: Arc::default(),
        })
    }

    /// The address listened on, with the actual port.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        local_addr(&self.inner)
    }

    /// Waits for the next connection attempt; `None` once the endpoint is closed. Attempts for which there is no
    /// place, see [`HandshakeLimits`](crate::HandshakeLimits), are answered here.
    ///
    /// The handshake is left to [`Incoming::handshake`], which belongs in a task of its own: a slow
    /// edge must not keep others waiting.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let inner = self.inner.accept().await?;
            let peer = inner.remote_address();
            match self.door.knock(peer, inner.remote_address_validated()) {
                Answer::Enter(place) => {
                    return Some(Incoming {
                        inner,
                        time: self.door.time_for(&place, self.handshake_timeout),
                        zero_rtt: self.zero_rtt,
                        place,
                    });
                }
                // Fails only for one that has proved itself already.
                Answer::Prove => drop(inner.retry()),
                Answer::Full => {
                    inner.refuse();
                    if let Some(others) = self.turned_away.admit(Instant::now()) {
                        tracing::warn!(%peer, others, "turned away, too many handshakes");
                    }
                }
            }
        }
    }

    /// Closes every connection and accepts no more.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.close(code.to_varint(), reason.as_bytes());
    }

    /// Waits until the peers have been notified of all closed connections.
    pub async fn wait_idle(&self) {
        self.inner.wait_idle().await;
    }
}

impl Incoming {
    /// The edge's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.inner.remote_address()
    }

    /// Makes the handshake: certificates and channel are checked when it is done.
    ///
    /// # Errors
    /// If either side refuses the other's certificate, the protocols differ, or the edge falls silent.
    pub async fn handshake(self) -> Result<Connection, TransportError> {
        let peer = self.peer();
        let Self {
            inner,
            time: limit,
            zero_rtt,
            place: _place,
        } = self;
        let connecting = inner
            .accept()
            .map_err(|error| TransportError::of_connection(peer, error))?;
        let connection = within(limit, peer, async {
            let connection = match zero_rtt {
                true => resumed(connecting).await,
                false => connecting.await,
            };
            connection.map_err(|error| TransportError::of_connection(peer, error))
        })
        .await?;
        let channel = tls::channel(&connection).ok_or(TransportError::ProtocolMismatch { peer })?;
        Ok(Connection::new(connection, channel, limit))
    }

    /// Turns the edge away without a handshake; it may try again later.
    pub fn refuse(self) {
        self.inner.refuse();
    }
}

impl EdgeEndpoint {
    /// Finds out whether an endpoint could be made, but for its socket.
    ///
    /// # Errors
    /// If the options or the identity are not usable.
    pub(crate) fn check(
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<(), TransportError> {
        options.to_quinn(None)?;
        tls::client(identity, Channel::Frames, options.zero_rtt).map(drop)
    }

    /// A socket on any free port, of the IP version of `peer`. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the options or the identity are not usable, or no socket can be bound.
    pub fn toward(
        peer: SocketAddr,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let unspecified = match peer {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self::bind(SocketAddr::new(unspecified, 0), identity, options)
    }

    /// A socket on `local`. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the options or the identity are not usable, or the address cannot be bound.
    pub fn bind(
        local: SocketAddr,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let transport = Arc::new(options.to_quinn(None)?);
        let config = |channel| {
            let tls = tls::client(identity, channel, options.zero_rtt)?;
            let mut config = quinn::ClientConfig::new(Arc::new(tls));
            config.transport_config(Arc::clone(&transport));
            Ok::<_, TransportError>(config)
        };
        let inner = socket::endpoint(local, EndpointConfig::default(), None).map_err(|source| {
            TransportError::Bind {
                address: local,
                source,
            }
        })?;
        Ok(Self {
            inner,
            frames: config(Channel::Frames)?,
            references: config(Channel::References)?,
            options: options.clone(),
        })
    }

    /// The socket's address.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        local_addr(&self.inner)
    }

    /// Connects for frames: handshake and hello. One attempt; see [`with_backoff`](crate::with_backoff).
    ///
    /// Only the answer to the hello shows that the cloud accepted this side's certificate: in TLS 1.3 a
    /// client's handshake completes before the server has seen its certificate.
    ///
    /// # Errors
    /// If the cloud cannot be reached, either side refuses the other, the hello is refused, or the cloud
    /// allows fewer frames in flight than the options ask for.
    pub async fn connect_frames(
        &self,
        target: &Target,
        hello: &Hello,
    ) -> Result<FrameSession, TransportError> {
        let connecting = self.connect(target, Channel::Frames, hello);
        let (connection, welcome) =
            within(self.options.handshake_timeout, target.address, connecting).await?;
        let wanted = self.options.in_flight.get();
        let allowed = welcome.limits.max_frames_in_flight;
        if wanted > allowed {
            let error = TransportError::InFlight {
                peer: target.address,
                wanted,
                allowed,
            };
            connection.close(CloseCode::Done, &error.to_string());
            return Err(error);
        }
        Ok(FrameSession::new(connection, welcome, &self.options))
    }

    /// Connects for references and settlements: handshake and hello. One attempt.
    ///
    /// # Errors
    /// As [`Self::connect_frames`].
    pub async fn connect_references(
        &self,
        target: &Target,
        hello: &Hello,
    ) -> Result<ReferenceSession, TransportError> {
        let connecting = self.connect(target, Channel::References, hello);
        let (connection, welcome) =
            within(self.options.handshake_timeout, target.address, connecting).await?;
        Ok(ReferenceSession::new(connection, welcome, &self.options))
    }

    /// Closes every connection.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.close(code.to_varint(), reason.as_bytes());
    }

    /// Waits until the peers have been notified of all closed connections.
    pub async fn wait_idle(&self) {
        self.inner.wait_idle().await;
    }

    async fn connect(
        &self,
        target: &Target,
        channel: Channel,
        hello: &Hello,
    ) -> Result<(Connection, splitsim_proto::Welcome), TransportError> {
        let peer = target.address;
        let config = self.config(channel, hello)?;
        let connecting = self
            .inner
            .connect_with(config, peer, &target.server_name)
            .map_err(|error| of_connect(target, error))?;
        let limit = self.options.handshake_timeout;
        let connecting = match connecting.into_0rtt() {
            Ok((connection, accepted)) => {
                let connection = Connection::new(connection, channel, limit);
                let welcome = match connection.introduce(hello).await {
                    // A cloud that does not know the session any more drops what came early.
                    Err(_) if !accepted.await => connection.introduce(hello).await?,
                    other => other?,
                };
                return Ok((connection, welcome));
            }
            Err(connecting) => connecting,
        };
        let connection = connecting
            .await
            .map_err(|error| TransportError::of_connection(peer, error))?;
        let connection = Connection::new(connection, channel, limit);
        let welcome = connection.introduce(hello).await?;
        Ok((connection, welcome))
    }

    /// The configuration of one connection: with a qlog file of its own, if there are to be such.
    fn config(
        &self,
        channel: Channel,
        hello: &Hello,
    ) -> Result<quinn::ClientConfig, TransportError> {
        let mut config = match channel {
            Channel::Frames => self.frames.clone(),
            Channel::References => return Ok(self.references.clone()),
        };
        if let Some(folder) = &self.options.qlog {
            let name = format!("{}-{}", hello.run_id, hello.edge_id);
            let transport = self.options.to_quinn(qlog::stream(folder, &name)?)?;
            config.transport_config(Arc::new(transport));
        }
        Ok(config)
    }
}

/// Accepts a resumed session before its handshake has finished: the edge proved its identity in an earlier one, and
/// its hello may have arrived already. On other connections nothing is read until the handshake has finished.
async fn resumed(connecting: quinn::Connecting) -> Result<quinn::Connection, ConnectionError> {
    let (connection, established) = match connecting.into_0rtt() {
        Ok(early) => early,
        Err(connecting) => return connecting.await,
    };
    if connection.peer_identity().is_none() {
        established.await;
    }
    match connection.close_reason() {
        Some(error) => Err(error),
        None => Ok(connection),
    }
}

fn of_connect(target: &Target, error: ConnectError) -> TransportError {
    match error {
        ConnectError::EndpointStopping => TransportError::EndpointClosed,
        error @ (ConnectError::CidsExhausted
        | ConnectError::InvalidServerName(_)
        | ConnectError::InvalidRemoteAddress(_)
        | ConnectError::NoDefaultClientConfig
        | ConnectError::UnsupportedVersion) => TransportError::Target {
            peer: target.address,
            server_name: target.server_name.clone(),
            reason: error.to_string(),
        },
    }
}

fn local_addr(endpoint: &Endpoint) -> Result<SocketAddr, TransportError> {
    endpoint
        .local_addr()
        .map_err(|source| TransportError::LocalAddress { source })
}

pub(crate) async fn within<T>(
    limit: Duration,
    peer: SocketAddr,
    work: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(TransportError::HandshakeTimeout {
            peer,
            waited: limit,
        }),
    }
}
