use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectError, Endpoint};
use splitsim_proto::Hello;
use tokio::time::timeout;

use crate::{
    Channel, CloseCode, Connection, FrameSession, Identity, ReferenceSession, TransportError,
    TransportOptions, tls,
};

/// The cloud's socket. One port takes both channels; [`Connection::channel`] says which.
#[derive(Debug, Clone)]
pub struct CloudEndpoint {
    inner: Endpoint,
    handshake_timeout: Duration,
}

/// An edge's socket.
#[derive(Debug, Clone)]
pub struct EdgeEndpoint {
    inner: Endpoint,
    frames: quinn::ClientConfig,
    references: quinn::ClientConfig,
    handshake_timeout: Duration,
}

/// Which cloud to connect to.
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
    handshake_timeout: Duration,
}

impl CloudEndpoint {
    /// Listens on `address`; port 0 takes any free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the options or the identity are not usable, or the address cannot be had.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls::server(identity)?));
        config.transport_config(Arc::new(options.to_quinn()?));
        let inner = Endpoint::server(config, address)
            .map_err(|source| TransportError::Bind { address, source })?;
        Ok(Self {
            inner,
            handshake_timeout: options.handshake_timeout,
        })
    }

    /// The address listened on, with the port that was taken.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        local_addr(&self.inner)
    }

    /// Waits for the next connection attempt; `None` once the endpoint is closed.
    ///
    /// The handshake is left to [`Incoming::handshake`], which belongs in a task of its own: a slow
    /// edge must not keep others waiting.
    pub async fn accept(&self) -> Option<Incoming> {
        let inner = self.inner.accept().await?;
        Some(Incoming {
            inner,
            handshake_timeout: self.handshake_timeout,
        })
    }

    /// Closes every connection and takes no more.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.close(code.to_varint(), reason.as_bytes());
    }

    /// Waits until the peers know of all closed connections.
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
    /// When either side refuses the other's certificate, the protocols differ, or the edge falls silent.
    pub async fn handshake(self) -> Result<Connection, TransportError> {
        let peer = self.peer();
        let connecting = self
            .inner
            .accept()
            .map_err(|error| TransportError::of_connection(peer, error))?;
        let connection = within(self.handshake_timeout, peer, async {
            connecting
                .await
                .map_err(|error| TransportError::of_connection(peer, error))
        })
        .await?;
        let channel = tls::channel(&connection).ok_or(TransportError::ProtocolMismatch { peer })?;
        Ok(Connection::new(connection, channel, self.handshake_timeout))
    }

    /// Turns the edge away without a handshake; it may try again later.
    pub fn refuse(self) {
        self.inner.refuse();
    }
}

impl EdgeEndpoint {
    /// A socket on any free port, of the IP version of `peer`. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the options or the identity are not usable, or there is no socket to be had.
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
    /// When the options or the identity are not usable, or the address cannot be had.
    pub fn bind(
        local: SocketAddr,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let transport = Arc::new(options.to_quinn()?);
        let config = |channel| {
            let mut config = quinn::ClientConfig::new(Arc::new(tls::client(identity, channel)?));
            config.transport_config(Arc::clone(&transport));
            Ok::<_, TransportError>(config)
        };
        let inner = Endpoint::client(local).map_err(|source| TransportError::Bind {
            address: local,
            source,
        })?;
        Ok(Self {
            inner,
            frames: config(Channel::Frames)?,
            references: config(Channel::References)?,
            handshake_timeout: options.handshake_timeout,
        })
    }

    /// The socket's address.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        local_addr(&self.inner)
    }

    /// Connects for frames: handshake and hello. One attempt; see [`with_backoff`](crate::with_backoff).
    ///
    /// Only the answer to the hello shows that the cloud accepted this side's certificate: in TLS 1.3 a
    /// client's handshake is over before the server has seen it.
    ///
    /// # Errors
    /// When the cloud cannot be reached, either side refuses the other, or the hello is refused.
    pub async fn connect_frames(
        &self,
        target: &Target,
        hello: &Hello,
    ) -> Result<FrameSession, TransportError> {
        let connecting = self.connect(target, Channel::Frames, hello);
        let (connection, welcome) =
            within(self.handshake_timeout, target.address, connecting).await?;
        Ok(FrameSession::new(connection, welcome))
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
            within(self.handshake_timeout, target.address, connecting).await?;
        Ok(ReferenceSession::new(connection, welcome))
    }

    /// Closes every connection.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.close(code.to_varint(), reason.as_bytes());
    }

    /// Waits until the peers know of all closed connections.
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
        let config = match channel {
            Channel::Frames => self.frames.clone(),
            Channel::References => self.references.clone(),
        };
        let connection = self
            .inner
            .connect_with(config, peer, &target.server_name)
            .map_err(|error| of_connect(target, error))?
            .await
            .map_err(|error| TransportError::of_connection(peer, error))?;
        let connection = Connection::new(connection, channel, self.handshake_timeout);
        let welcome = connection.introduce(hello).await?;
        Ok((connection, welcome))
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
