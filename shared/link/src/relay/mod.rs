//! The link between real UDP sockets.
//!
//! Clients send to the relay's address; what comes through the link goes on to the target from a socket
//! that the client alone has, so that the target can tell clients apart and answer each. All clients
//! share the link: its queue is their common bottleneck.
//!
//! One thread owns sockets and pipes. It waits with `ppoll`, whose timeouts are nanoseconds, for the
//! next packet or the next one that is due, and sends by absolute times: lateness does not add up.

mod clients;
mod sample;
mod sockets;
mod worker;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use sample::LinkSample;
pub use sockets::UDP_IPV4_HEADER_BYTES;

use crate::{ConfigError, Counters, Direction, LinkConfig};
use sample::Samples;
use worker::Worker;

/// What a relay does.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Where clients send; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where it goes on to.
    pub target: SocketAddr,
    /// What is between them.
    pub link: LinkConfig,
    /// How often the state of the link is noted; `None` for never.
    pub sample_every: Option<Duration>,
    /// A CSV file of what happens to every packet.
    pub packet_log: Option<PathBuf>,
}

/// A link that is up. Dropping it ends it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    start: Instant,
    stop: Arc<AtomicBool>,
    samples: Samples,
    thread: Option<JoinHandle<Result<RelayReport, RelayError>>>,
}

/// What a relay has to say at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReport {
    /// What became of the packets to the target.
    pub up: Counters,
    /// What became of the packets from it.
    pub down: Counters,
    /// By how much a packet was sent too late at most.
    pub latest: Duration,
    /// Packets that were sent more than a millisecond too late.
    pub late: u64,
    /// Packets that the system did not take, or of more clients than there is room for.
    pub unsent: u64,
}

/// What can go wrong with a relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The link contradicts itself.
    #[error("{direction} link: {source}")]
    Config {
        /// Which direction.
        direction: Direction,
        /// How.
        source: ConfigError,
    },
    /// There is no socket to be had.
    #[error("cannot listen on {address}: {source}; is another process there?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The sockets could not be waited for.
    #[error("the emulated link broke down: {source}")]
    Wait {
        /// The system's reason.
        source: io::Error,
    },
    /// The packet log cannot be written.
    #[error("cannot write the packet log {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The thread cannot be started, or broke down.
    #[error("the emulated link's thread {what}")]
    Thread {
        /// What happened to it.
        what: &'static str,
    },
}

impl Relay {
    /// Listens, and begins the link's time.
    ///
    /// # Errors
    /// When the link contradicts itself, or a socket, the log or the thread cannot be had.
    pub fn start(config: &RelayConfig) -> Result<Self, RelayError> {
        let bind = |source| RelayError::Bind {
            address: config.listen,
            source,
        };
        let socket = UdpSocket::bind(config.listen).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        sockets::prepare(&socket).map_err(bind)?;
        let (stop, samples) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let start = Instant::now();
        let worker = Worker::new(
            config,
            socket,
            start,
            Arc::clone(&stop),
            Arc::clone(&samples),
        )?;
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || worker.run())
            .map_err(|_| RelayError::Thread {
                what: "cannot be started",
            })?;
        Ok(Self {
            address,
            start,
            stop,
            samples,
            thread: Some(thread),
        })
    }

    /// Where clients send.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// When the link's time began.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.start
    }

    /// The samples since the last call.
    #[must_use]
    pub fn take_samples(&self) -> Vec<LinkSample> {
        sample::take(&self.samples)
    }

    /// Ends the link; what is on its way is lost.
    ///
    /// # Errors
    /// What went wrong in its time.
    pub fn stop(mut self) -> Result<RelayReport, RelayError> {
        self.stop.store(true, Ordering::Relaxed);
        let broke = |_| RelayError::Thread { what: "broke down" };
        match self.thread.take() {
            Some(thread) => thread.join().map_err(broke)?,
            None => Err(RelayError::Thread { what: "has ended" }),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl RelayConfig {
    /// A relay on any free port of 127.0.0.1, without samples or log.
    #[must_use]
    pub fn loopback(target: SocketAddr, link: LinkConfig) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            target,
            link,
            sample_every: None,
            packet_log: None,
        }
    }
}
