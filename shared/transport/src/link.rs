use std::net::{IpAddr, SocketAddr};
use std::ops::Add;

use splitsim_feature::units::Bytes;

/// Counts the traffic that a connection sends from now on.
///
/// Frames that are under way on one connection at once share their datagrams, and so do keep-alives and
/// acknowledgements: the count is of the connection in a span of time, not of one stream.
#[derive(Debug, Clone)]
pub struct LinkCounter {
    connection: quinn::Connection,
    start: LinkUsage,
}

/// The traffic that a connection has sent in some span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkUsage {
    /// UDP datagrams.
    pub datagrams: u64,
    /// Their payload: QUIC packets with their headers and tags, retransmissions included.
    pub udp_bytes: Bytes,
}

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// RFC 791: 20 bytes of header without options.
    V4,
    /// RFC 8200: 40 bytes of header without extensions.
    V6,
}

/// RFC 768.
const UDP_HEADER_BYTES: u64 = 8;

impl LinkCounter {
    pub(crate) fn start(connection: &quinn::Connection) -> Self {
        Self {
            start: usage(connection),
            connection: connection.clone(),
        }
    }

    /// Returns the traffic since the counter was made.
    #[must_use]
    pub fn usage(&self) -> LinkUsage {
        usage(&self.connection).since(self.start)
    }
}

impl LinkUsage {
    /// Bytes on the link: UDP payload and the UDP and IP headers of every datagram. What lies below IP
    /// is not counted.
    #[must_use]
    pub const fn link_bytes(self, version: IpVersion) -> Bytes {
        Bytes(self.udp_bytes.0 + self.datagrams * (UDP_HEADER_BYTES + version.header_bytes()))
    }

    /// Returns the traffic between an earlier count and this one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            datagrams: self.datagrams.saturating_sub(earlier.datagrams),
            udp_bytes: Bytes(self.udp_bytes.0.saturating_sub(earlier.udp_bytes.0)),
        }
    }
}

impl Add for LinkUsage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams.saturating_add(other.datagrams),
            udp_bytes: Bytes(self.udp_bytes.0.saturating_add(other.udp_bytes.0)),
        }
    }
}

impl IpVersion {
    /// The version that packets to this address have; an IPv4 address in IPv6 clothes counts as IPv4.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn header_bytes(self) -> u64 {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }
}

fn usage(connection: &quinn::Connection) -> LinkUsage {
    let sent = connection.stats().udp_tx;
    LinkUsage {
        datagrams: sent.datagrams,
        udp_bytes: Bytes(sent.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_28_bytes_on_ipv4_and_48_on_ipv6() {
        let usage = LinkUsage {
            datagrams: 3,
            udp_bytes: Bytes(3600),
        };
        assert_eq!(usage.link_bytes(IpVersion::V4), Bytes(3600 + 3 * 28));
        assert_eq!(usage.link_bytes(IpVersion::V6), Bytes(3600 + 3 * 48));
    }

    #[test]
    fn a_mapped_address_travels_as_ipv4() {
        let version = |address: &str| IpVersion::of(address.parse().unwrap());
        assert_eq!(version("127.0.0.1:1"), IpVersion::V4);
        assert_eq!(version("[::ffff:127.0.0.1]:1"), IpVersion::V4);
        assert_eq!(version("[::1]:1"), IpVersion::V6);
    }
}
