//! Reaching a cloud by any of its addresses.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use splitsim_proto::Hello;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    CloseCode, EdgeEndpoint, FrameSession, Identity, ReferenceSession, Target, TransportError,
    TransportOptions,
};

/// A cloud's addresses, or the host that has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    places: Places,
    /// The host name or address that the cloud's certificate must be for.
    server_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    /// These, in this order.
    Addresses(Vec<SocketAddr>),
    /// The host's, asked for at every connection: it may have moved.
    Host { host: String, port: u16 },
}

/// The error for a text that is not a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no address, expected HOST:PORT, such as 127.0.0.1:4433 or [::1]:4433")]
pub struct InvalidDestination {
    text: String,
}

/// Connects to a [`Destination`] by the first address that answers, in the manner of Happy Eyeballs (RFC 8305):
/// the addresses are tried in turns of IP versions, each a moment after the one before, without waiting for that to
/// fail. The address that answered last is tried first the next time.
#[derive(Debug)]
pub struct Dialer {
    destination: Destination,
    identity: Identity,
    options: TransportOptions,
    sockets: Mutex<Sockets>,
}

/// A socket of each IP version, created on demand, and the address that answered last.
#[derive(Debug, Default)]
struct Sockets {
    v4: Option<EdgeEndpoint>,
    v6: Option<EdgeEndpoint>,
    answered: Option<SocketAddr>,
}

/// The time after which the next address is tried in parallel: RFC 8305, section 5.
const STAGGER: Duration = Duration::from_millis(250);
/// The most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 16;

impl Destination {
    /// A cloud with these addresses, whose certificate must be for `server_name`.
    #[must_use]
    pub fn new(addresses: Vec<SocketAddr>, server_name: impl Into<String>) -> Self {
        Self {
            places: Places::Addresses(addresses),
            server_name: server_name.into(),
        }
    }

    /// Reads `HOST:PORT`, where the host is a name, an IPv4 address or an IPv6 address in brackets, with a zone
    /// if it needs one (`[fe80::1%eth0]`). The certificate must be for `server_name`, or for the host if that is
    /// `None`.
    ///
    /// # Errors
    /// If the text is not a destination.
    pub fn parse(text: &str, server_name: Option<&str>) -> Result<Self, InvalidDestination> {
        let invalid = || InvalidDestination {
            text: text.to_owned(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        let bracketed = host
            .strip_prefix('[')
            .map(|rest| rest.strip_suffix(']').ok_or_else(invalid));
        let is_v6 = bracketed.is_some();
        let host = bracketed.transpose()?.unwrap_or(host);
        if host.is_empty() || is_v6 != host.contains(':') {
            return Err(invalid());
        }
        // A zone is this machine's own name for a link: no certificate is for it.
        let (name, _zone) = host.split_once('%').unwrap_or((host, ""));
        Ok(Self {
            places: Places::Host {
                host: host.to_owned(),
                port,
            },
            server_name: server_name.unwrap_or(name).to_owned(),
        })
    }

    /// The host name or address that the cloud's certificate must be for.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// The current addresses. Blocks while the system looks them up.
    ///
    /// # Errors
    /// If the host has no address, or the system cannot look it up.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, TransportError> {
        match &self.places {
            Places::Addresses(addresses) => self.some(addresses.iter().copied()),
            Places::Host { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs();
                self.some(found.map_err(|source| unresolved(host, &source.to_string()))?)
            }
        }
    }

    /// The current addresses, in the order in which they are tried.
    ///
    /// # Errors
    /// If the host has no address, or the system cannot look it up.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, TransportError> {
        match &self.places {
            Places::Addresses(addresses) => self.some(addresses.iter().copied()),
            Places::Host { host, port } => {
                let found = tokio::net::lookup_host((host.as_str(), *port)).await;
                self.some(found.map_err(|source| unresolved(host, &source.to_string()))?)
            }
        }
    }

    fn some(
        &self,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, TransportError> {
        let addresses = in_turns(addresses);
        match addresses.is_empty() {
            true => Err(unresolved(&self.to_string(), "it has no address")),
            false => Ok(addresses),
        }
    }
}

impl From<Target> for Destination {
    fn from(target: Target) -> Self {
        Self::new(vec![target.address], target.server_name)
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.places {
            Places::Addresses(addresses) => f.write_str(&listed(addresses)),
            Places::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Places::Host { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl Dialer {
    /// A dialer for one cloud. Sockets are made when they are needed.
    ///
    /// # Errors
    /// If the options or the identity are not usable.
    pub fn new(
        destination: Destination,
        identity: &Identity,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        EdgeEndpoint::check(identity, options)?;
        Ok(Self {
            destination,
            identity: identity.clone(),
            options: options.clone(),
            sockets: Mutex::default(),
        })
    }

    /// Returns the destination.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Connects for frames, as [`EdgeEndpoint::connect_frames`] does. One attempt with every address.
    ///
    /// # Errors
    /// If the host has no address, or no address answers: the error of the only one, or
    /// [`TransportError::NoneAnswered`] with those of all.
    pub async fn connect_frames(&self, hello: &Hello) -> Result<FrameSession, TransportError> {
        let connect = |endpoint: EdgeEndpoint, target, hello| async move {
            endpoint.connect_frames(&target, &hello).await
        };
        self.race(hello, connect).await
    }

    /// Connects for references and settlements, as [`EdgeEndpoint::connect_references`] does.
    ///
    /// # Errors
    /// As [`Self::connect_frames`].
    pub async fn connect_references(
        &self,
        hello: &Hello,
    ) -> Result<ReferenceSession, TransportError> {
        let connect = |endpoint: EdgeEndpoint, target, hello| async move {
            endpoint.connect_references(&target, &hello).await
        };
        self.race(hello, connect).await
    }

    /// Closes every connection, and waits for at most `patience` until the cloud knows.
    pub async fn close(&self, code: CloseCode, reason: &str, patience: Duration) {
        let sockets = {
            let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            [sockets.v4.clone(), sockets.v6.clone()]
        };
        for endpoint in sockets.into_iter().flatten() {
            endpoint.close(code, reason);
            // A cloud that is gone need not hear it.
            let _ = timeout(patience, endpoint.wait_idle()).await;
        }
    }

    async fn race<S, F>(
        &self,
        hello: &Hello,
        connect: impl Fn(EdgeEndpoint, Target, Hello) -> F,
    ) -> Result<S, TransportError>
    where
        S: Send + 'static,
        F: Future<Output = Result<S, TransportError>> + Send + 'static,
    {
        let addresses = self.ordered().await?;
        let mut failed = Vec::new();
        let mut attempts: JoinSet<(SocketAddr, Result<S, TransportError>)> = JoinSet::new();
        let mut waiting = addresses.into_iter();
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                Some(ended) = attempts.join_next() => match ended {
                    Ok((address, Ok(session))) => {
                        self.note(address);
                        return Ok(session);
                    }
                    Ok((_, Err(error))) if error.is_verdict() => return Err(error),
                    Ok((address, Err(error))) => {
                        failed.push((address, error));
                        next = Instant::now();
                    }
                    Err(_) => return Err(TransportError::EndpointClosed),
                },
                () = sleep_until(next), if waiting.len() > 0 => {
                    let Some(address) = waiting.next() else { continue };
                    match self.endpoint(address) {
                        Ok(endpoint) => {
                            let attempt = connect(endpoint, self.target(address), hello.clone());
                            attempts.spawn(async move { (address, attempt.await) });
                            next = Instant::now() + STAGGER;
                        }
                        Err(error) => failed.push((address, error)),
                    }
                }
                else => return Err(TransportError::of_all(failed)),
            }
        }
    }

    async fn ordered(&self) -> Result<Vec<SocketAddr>, TransportError> {
        let mut addresses = self.destination.addresses().await?;
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sockets
            .answered
            .and_then(|last| addresses.iter().position(|&a| a == last));
        if let Some(place) = last {
            addresses[..=place].rotate_right(1);
        }
        Ok(addresses)
    }

    fn note(&self, address: SocketAddr) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.answered = Some(address);
    }

    fn target(&self, address: SocketAddr) -> Target {
        Target {
            address,
            server_name: self.destination.server_name.clone(),
        }
    }

    /// The socket that leads to `address`.
    fn endpoint(&self, address: SocketAddr) -> Result<EdgeEndpoint, TransportError> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = match address {
            SocketAddr::V4(_) => &mut sockets.v4,
            SocketAddr::V6(_) => &mut sockets.v6,
        };
        if let Some(endpoint) = socket {
            return Ok(endpoint.clone());
        }
        let endpoint = EdgeEndpoint::toward(address, &self.identity, &self.options)?;
        Ok(socket.insert(endpoint).clone())
    }
}

/// The addresses, each once, in turns of IP versions: the first one's goes first (RFC 8305, section 4).
fn in_turns(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut unique = Vec::new();
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let first_is_v4 = unique.first().is_some_and(SocketAddr::is_ipv4);
    let (same, other): (Vec<_>, Vec<_>) = unique
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let turns = same.len().max(other.len());
    (0..turns)
        .flat_map(|turn| [same.get(turn), other.get(turn)])
        .flatten()
        .copied()
        .take(MAX_ADDRESSES)
        .collect()
}

fn unresolved(host: &str, reason: &str) -> TransportError {
    TransportError::Unresolved {
        host: host.to_owned(),
        reason: reason.into(),
    }
}

/// Addresses for a message.
fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_versions_take_turns_and_the_first_begins() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        let check = |given: &[&str], expected: &[&str]| {
            let turns = in_turns(addresses(given).into_iter());
            assert_eq!(turns, addresses(expected));
        };
        check(
            &["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1"],
            &["[::1]:1", "1.1.1.1:1", "[::2]:1"],
        );
        check(&["1.1.1.1:1", "[::1]:1"], &["1.1.1.1:1", "[::1]:1"]);
        check(&[], &[]);
    }

    #[test]
    fn the_host_is_what_the_certificate_must_name() {
        let check = |text: &str, given: Option<&str>, expected: &str| {
            let destination = Destination::parse(text, given).unwrap();
            assert_eq!(
                (destination.server_name(), destination.to_string()),
                (expected, text.to_owned())
            );
        };
        check("127.0.0.1:4433", None, "127.0.0.1");
        check("[::1]:4433", None, "::1");
        check("[fe80::1%eth0]:4433", None, "fe80::1");
        check("localhost:4433", None, "localhost");
        check("127.0.0.1:4433", Some("cloud"), "cloud");
    }

    #[test]
    fn what_is_no_destination_is_refused_with_an_example() {
        for text in [
            "4433",
            "::1:4433",
            "[::1:4433",
            "[cloud]:1",
            ":4433",
            "cloud:",
            "cloud:70000",
        ] {
            let error = Destination::parse(text, None).unwrap_err().to_string();
            assert!(error.contains("expected HOST:PORT"), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn a_scoped_address_keeps_its_zone() {
        let destination = Destination::parse("[fe80::1%1]:4433", None).unwrap();
        let addresses = destination.addresses().await.unwrap();
        let [SocketAddr::V6(address)] = addresses[..] else {
            panic!("{addresses:?}");
        };
        assert_eq!((address.scope_id(), address.port()), (1, 4433));
    }
}
