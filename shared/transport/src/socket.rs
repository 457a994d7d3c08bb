use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, ServerConfig};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::net::sockopt;

use crate::Identity;

/// The buffer of a socket, for packets that arrive while its thread is busy, such as encoding a picture: 80 ms at
/// 200 Mbit/s. With less, the machine loses packets that the link has delivered.
const BUFFER_BYTES: usize = 2 << 20;

/// An endpoint on a socket of its own.
pub(crate) fn endpoint(
    address: SocketAddr,
    config: EndpointConfig,
    server: Option<ServerConfig>,
) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(address)?;
    // The system gives as much of it as it allows.
    sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES)?;
    sockopt::set_socket_send_buffer_size(&socket, BUFFER_BYTES)?;
    let runtime =
        quinn::default_runtime().ok_or_else(|| io::Error::other("no tokio runtime is running"))?;
    Endpoint::new(config, server, socket, runtime)
}

/// A cloud's endpoint knows connections of its earlier processes when it sees their packets, and answers
/// them with a stateless reset (RFC 9000 section 10.3): an edge learns at once that the cloud was started
/// again, and need not wait for the idle timeout. The keys for that come from the identity.
pub(crate) fn of_cloud(identity: &Identity) -> EndpointConfig {
    let key = hmac::Key::new(hmac::HMAC_SHA256, identity.key().secret_der());
    let secret = hmac::sign(&key, b"splitsim stateless reset");
    let reset = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(|| Box::new(RandomIds(SystemRandom::new())));
    config
}

/// quinn's own connection ids are signed with a key of the process, and those of another are passed over
/// in silence. These are random, so that all are looked at.
struct RandomIds(SystemRandom);

const ID_BYTES: usize = 8;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID_BYTES];
        // Where the system has no randomness, TLS has refused long before.
        let _ = self.0.fill(&mut id);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
