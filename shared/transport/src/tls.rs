//! TLS 1.3 with certificates on both sides.
//!
//! Session resumption is off, so every connection makes the same full handshake: a run's second
//! connection costs what its first did.

use std::sync::Arc;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};

use crate::{Channel, Identity, TransportError};

pub(crate) fn client(
    identity: &Identity,
    channel: Channel,
) -> Result<QuicClientConfig, TransportError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| unusable(identity, error))?
        .with_root_certificates(identity.roots())
        .with_client_auth_cert(identity.chain(), identity.key())
        .map_err(|error| unusable(identity, error))?;
    config.alpn_protocols = vec![channel.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(|error| unusable(identity, error))
}

pub(crate) fn server(identity: &Identity) -> Result<QuicServerConfig, TransportError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(identity.roots(), provider())
        .build()
        .map_err(|error| unusable(identity, error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| unusable(identity, error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.key())
        .map_err(|error| unusable(identity, error))?;
    config.alpn_protocols = Channel::ALL.map(|channel| channel.alpn().to_vec()).to_vec();
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).map_err(|error| unusable(identity, error))
}

/// The channel that both sides agreed on.
pub(crate) fn channel(connection: &quinn::Connection) -> Option<Channel> {
    let data = connection.handshake_data()?;
    let alpn = data.downcast::<HandshakeData>().ok()?.protocol?;
    Channel::of_alpn(&alpn)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unusable(identity: &Identity, error: impl ToString) -> TransportError {
    TransportError::Tls {
        directory: identity.directory().display().to_string(),
        reason: error.to_string(),
    }
}
