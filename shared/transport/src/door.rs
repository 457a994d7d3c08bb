//! Admission of handshakes, before a peer has shown a certificate.
//!
//! A first datagram costs its sender nothing and may bear any source address. Only a few handshakes begin without
//! further proof. While those places are taken, an address must first prove itself by returning a token (QUIC's
//! Retry, RFC 9000 section 8.1.2), which costs this side no memory. In the absence of a flood no edge pays the extra
//! round trip, so measured connections are unaffected.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The limits on the handshakes that a cloud makes at once. They are separate from the limits on connections, so that
/// a flood of handshakes takes no connection from edges with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Handshakes with unproved addresses. Default 16; beyond it an address must prove itself.
    pub unproved: usize,
    /// Handshakes with proved addresses. Default 128; beyond it edges are turned away, and may try again.
    pub proved: usize,
    /// Proved handshakes with one address (in IPv6, one 64-bit network). Default 32.
    pub per_address: usize,
    /// The time limit of a handshake while more than half of the places are taken. Default 3 s; otherwise
    /// [`handshake_timeout`](crate::TransportOptions::handshake_timeout) applies.
    pub hurried: Duration,
}

/// The places for handshakes. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    limits: HandshakeLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    unproved: usize,
    proved: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A place for one handshake, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    /// `None` for an address that has not proved itself.
    network: Option<IpAddr>,
    hurried: bool,
}

/// The decision on a first datagram.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The handshake may begin.
    Enter(Place),
    /// The address must prove itself first.
    Prove,
    /// All places are taken.
    Full,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            unproved: 16,
            proved: 128,
            per_address: 32,
            hurried: Duration::from_secs(3),
        }
    }
}

impl HandshakeLimits {
    /// None: for a cloud that only edges of its own experiment can reach, whose handshakes are all to cost the same.
    pub const NONE: Self = Self {
        unproved: usize::MAX,
        proved: usize::MAX,
        per_address: usize::MAX,
        hurried: Duration::MAX,
    };
}

impl Door {
    pub(crate) fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            taken: Arc::default(),
        }
    }

    /// A first datagram from `address`, which has proved itself or not.
    pub(crate) fn knock(&self, address: SocketAddr, proved: bool) -> Answer {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if !proved {
            if taken.unproved >= self.limits.unproved {
                return Answer::Prove;
            }
            taken.unproved += 1;
            return Answer::Enter(self.place(None, false));
        }
        let network = network(address);
        let of_network = taken.by_network.get(&network).copied().unwrap_or(0);
        if taken.proved >= self.limits.proved || of_network >= self.limits.per_address {
            return Answer::Full;
        }
        taken.proved += 1;
        taken.by_network.insert(network, of_network + 1);
        let hurried = taken.proved > self.limits.proved / 2;
        Answer::Enter(self.place(Some(network), hurried))
    }

    fn place(&self, network: Option<IpAddr>, hurried: bool) -> Place {
        Place {
            taken: Arc::clone(&self.taken),
            network,
            hurried,
        }
    }

    /// Returns the time limit of a place's handshake, where `usual` is the normal one.
    pub(crate) fn time_for(&self, place: &Place, usual: Duration) -> Duration {
        match place.hurried {
            true => usual.min(self.limits.hurried),
            false => usual,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(network) = self.network else {
            taken.unproved -= 1;
            return;
        };
        taken.proved -= 1;
        match taken.by_network.get_mut(&network) {
            Some(left) if *left > 1 => *left -= 1,
            _ => {
                taken.by_network.remove(&network);
            }
        }
    }
}

/// Maps an address to the network that one owner has: in IPv6 the 64-bit prefix.
fn network(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(HandshakeLimits {
            unproved: 2,
            proved: 4,
            per_address: 2,
            ..HandshakeLimits::default()
        })
    }

    fn from(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn enter(answer: Answer) -> Place {
        match answer {
            Answer::Enter(place) => place,
            answer => panic!("{answer:?}"),
        }
    }

    #[test]
    fn addresses_prove_themselves_only_while_others_flood() {
        let door = door();
        let mut places: Vec<Place> = (0..2)
            .map(|port| enter(door.knock(from(&format!("192.0.2.1:{port}")), false)))
            .collect();
        assert!(matches!(
            door.knock(from("192.0.2.9:1"), false),
            Answer::Prove
        ));
        let _proved = enter(door.knock(from("192.0.2.9:1"), true));
        places.pop();
        enter(door.knock(from("192.0.2.9:1"), false));
    }

    #[test]
    fn an_address_has_its_share_of_the_places() {
        let door = door();
        let of = |address: &str| door.knock(from(address), true);
        let first = enter(of("192.0.2.1:1"));
        let _second = enter(of("192.0.2.1:2"));
        assert!(matches!(of("192.0.2.1:3"), Answer::Full));
        assert!(matches!(of("[::ffff:192.0.2.1]:3"), Answer::Full));
        let _others = [enter(of("[2001:db8::1]:1")), enter(of("[2001:db8::2]:1"))];
        assert!(matches!(of("[2001:db8::ffff:3]:1"), Answer::Full));
        assert!(matches!(of("192.0.2.2:1"), Answer::Full));
        drop(first);
        enter(of("192.0.2.1:3"));
        enter(of("192.0.2.2:1"));
    }

    #[test]
    fn handshakes_are_hurried_while_places_are_scarce() {
        let door = door();
        let usual = Duration::from_secs(10);
        let places: Vec<Place> = (1..=4)
            .map(|host| enter(door.knock(from(&format!("192.0.2.{host}:1")), true)))
            .collect();
        let times: Vec<u64> = places
            .iter()
            .map(|place| door.time_for(place, usual).as_secs())
            .collect();
        assert_eq!(times, [10, 10, 3, 3]);
    }
}
