//! The link between real UDP sockets.
//!
//! Clients send to the relay's address. Packets that pass the link are forwarded to the target from a socket
//! of their client's own, so that the target can tell clients apart and answer each. All clients
//! share the link: its queue is their common bottleneck.
//!
//! One thread owns sockets and pipes. It waits with `ppoll`, whose timeouts are in nanoseconds, for the
//! next packet to arrive or to be due, and sends by absolute times: lateness does not add up.

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

/// The configuration of a relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// The address on which clients reach the relay; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The address to which the relay forwards.
    pub target: SocketAddr,
    /// The emulated link between them.
    pub link: LinkConfig,
    /// The interval between samples of the link's state; `None` for no samples.
    pub sample_every: Option<Duration>,
    /// A CSV file with every packet's events.
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

/// The final counts and timing errors of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReport {
    /// Counts of the packets to the target.
    pub up: Counters,
    /// Counts of the packets from the target.
    pub down: Counters,
    /// The largest delay of a packet beyond its due time.
    pub latest: Duration,
    /// Packets that were sent more than a millisecond too late.
    pub late: u64,
    /// Packets that the system did not take, or of more clients than there is room for.
    pub unsent: u64,
}

/// An error of a relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The link contradicts itself.
    #[error("{direction} link: {source}")]
    Config {
        /// The direction.
        direction: Direction,
        /// The fault.
        source: ConfigError,
    },
    /// The socket cannot be bound.
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
        /// The thread's failure, as the end of the sentence.
        what: &'static str,
    },
}

impl Relay {
    /// Starts listening, and starts the link's clock.
    ///
    /// # Errors
    /// If the link's configuration is invalid, or a socket, the log or the thread cannot be created.
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

    /// Returns the address on which clients reach the relay.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the instant at which the link's time began.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.start
    }

    /// The samples since the last call.
    #[must_use]
    pub fn take_samples(&self) -> Vec<LinkSample> {
        sample::take(&self.samples)
    }

    /// Stops the relay; packets in flight are lost.
    ///
    /// # Errors
    /// A failure of the relay's thread while it ran.
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
