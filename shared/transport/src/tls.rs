//! TLS 1.3 with certificates on both sides.
//!
//! Session resumption is off unless `zero_rtt` asks for it, so that every connection makes the same full
//! handshake. A resumed session carries the certificates that its first handshake has verified.

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
    zero_rtt: bool,
) -> Result<QuicClientConfig, TransportError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| unusable(identity, error))?
        .with_root_certificates(identity.roots())
        .with_client_auth_cert(identity.chain(), identity.key())
        .map_err(|error| unusable(identity, error))?;
    config.alpn_protocols = vec![channel.alpn().to_vec()];
    if zero_rtt {
        config.enable_early_data = true;
    } else {
        config.resumption = Resumption::disabled();
    }
    QuicClientConfig::try_from(config).map_err(|error| unusable(identity, error))
}

pub(crate) fn server(
    identity: &Identity,
    zero_rtt: bool,
) -> Result<QuicServerConfig, TransportError> {
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
    if zero_rtt {
        // The only value that QUIC knows: RFC 9001 section 4.6.1.
        config.max_early_data_size = u32::MAX;
    } else {
        config.send_tls13_tickets = 0;
    }
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
