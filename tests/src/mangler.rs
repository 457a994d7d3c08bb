//! A link that damages traffic as a bad link does, and in some ways that only an attacker would.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Chance;

/// Shares are of a thousand datagrams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Treatment {
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub repeated: u64,
    /// Delivered with one byte changed.
    pub corrupted: u64,
    /// Delivered without their end.
    pub truncated: u64,
    /// Held back by 30 ms, so that later ones overtake them.
    pub overtaken: u64,
    /// Nothing passes from the first moment to the second, counted from the start.
    pub outage: Option<(Duration, Duration)>,
    /// The edges come from other ports from then on, as behind a router that was restarted.
    pub rebound: Option<Duration>,
}

/// A relay to one cloud, which any number of edges may use. It ends when it is dropped.
#[derive(Debug)]
pub struct Mangler {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mangler {
    /// Begins to relay.
    #[must_use]
    pub fn start(cloud: SocketAddr, treatment: Treatment, chance: Chance) -> Self {
        let front = socket();
        let address = front.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let mut link = Link {
            cloud,
            treatment,
            chance,
            front,
            backs: BTreeMap::new(),
            held: Vec::new(),
            start: Instant::now(),
            rebound: false,
        };
        let ended = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if !link.turn() {
                    std::thread::sleep(Duration::from_micros(500));
                }
            }
        });
        Self {
            address,
            ends,
            thread: Some(thread),
        }
    }

    /// Returns the address that edges connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Mangler {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

struct Link {
    cloud: SocketAddr,
    treatment: Treatment,
    chance: Chance,
    front: UdpSocket,
    /// The socket toward the cloud of every edge's socket.
    backs: BTreeMap<SocketAddr, UdpSocket>,
    held: Vec<(Instant, SocketAddr, bool, Vec<u8>)>,
    start: Instant,
    rebound: bool,
}

impl Link {
    /// Relays the available datagrams; `false` if there were none.
    fn turn(&mut self) -> bool {
        self.rebind();
        let mut came = Vec::new();
        while let Some((bytes, edge)) = receive(&self.front) {
            self.backs.entry(edge).or_insert_with(socket);
            came.push((edge, true, bytes));
        }
        for (&edge, back) in &self.backs {
            while let Some((bytes, _)) = receive(back) {
                came.push((edge, false, bytes));
            }
        }
        let some = !came.is_empty();
        for (edge, up, bytes) in came {
            self.treat(edge, up, bytes);
        }
        let now = Instant::now();
        let due: Vec<_> = self.held.extract_if(.., |held| held.0 <= now).collect();
        for (_, edge, up, bytes) in due {
            self.deliver(edge, up, &bytes);
        }
        some
    }

    fn rebind(&mut self) {
        let due = self
            .treatment
            .rebound
            .is_some_and(|at| self.start.elapsed() >= at);
        if due && !self.rebound {
            self.rebound = true;
            self.backs.values_mut().for_each(|back| *back = socket());
        }
    }

    fn treat(&mut self, edge: SocketAddr, up: bool, mut bytes: Vec<u8>) {
        let Treatment {
            lost,
            repeated,
            corrupted,
            truncated,
            overtaken,
            outage,
            ..
        } = self.treatment;
        let age = self.start.elapsed();
        let cut = outage.is_some_and(|(from, to)| (from..to).contains(&age));
        if cut || self.chance.per_mille(lost) {
            return;
        }
        if self.chance.per_mille(repeated) {
            self.deliver(edge, up, &bytes);
        }
        let place = self.chance.within(0, bytes.len() as u64 - 1) as usize;
        if self.chance.per_mille(corrupted) {
            bytes[place] ^= 0x55;
        }
        if self.chance.per_mille(truncated) {
            bytes.truncate(place.max(1));
        }
        match self.chance.per_mille(overtaken) {
            true => {
                let until = Instant::now() + Duration::from_millis(30);
                self.held.push((until, edge, up, bytes));
            }
            false => self.deliver(edge, up, &bytes),
        }
    }

    /// A datagram that cannot be sent is lost: its peer may be away.
    fn deliver(&self, edge: SocketAddr, up: bool, bytes: &[u8]) {
        let _ = match (up, self.backs.get(&edge)) {
            (true, Some(back)) => back.send_to(bytes, self.cloud),
            (true, None) => Ok(0),
            (false, _) => self.front.send_to(bytes, edge),
        };
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A datagram that has come.
fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2048];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((0, _)) => {}
            Ok((length, from)) => return Some((buffer[..length].to_vec(), from)),
            // A peer that is away is told of by ICMP.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}
