use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::clients::{ClientId, Clients};
use super::sample::{self, LinkSample, Samples};
use super::sockets::{Io, UDP_IPV4_HEADER_BYTES, judge};
use super::{RelayConfig, RelayError, RelayReport};
use crate::{Direction, Happening, Pipe, PipeConfig, What};

/// The thread's state.
pub(super) struct Worker {
    listen: UdpSocket,
    clients: Clients,
    up: Pipe<Datagram>,
    down: Pipe<Datagram>,
    start: Instant,
    stop: Arc<AtomicBool>,
    samples: Samples,
    sample_every: Option<Duration>,
    next_sample: Duration,
    log: Option<Log>,
    buffer: Vec<u8>,
    latest: Duration,
    late: u64,
    unsent: u64,
}

/// A packet in the pipes: its client and its UDP payload.
#[derive(Debug)]
struct Datagram {
    client: ClientId,
    bytes: Box<[u8]>,
}

struct Log {
    path: PathBuf,
    file: BufWriter<File>,
}

/// The maximum number of reads from one socket before the others are read and due packets are sent.
const BATCH: usize = 32;

/// The longest time after which the thread notices that it is to end.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// The error of an emulated delay above which a packet counts as late.
const TOLERANCE: Duration = Duration::from_millis(1);

impl Worker {
    pub(super) fn new(
        config: &RelayConfig,
        listen: UdpSocket,
        start: Instant,
        stop: Arc<AtomicBool>,
        samples: Samples,
    ) -> Result<Self, RelayError> {
        let log = config.packet_log.as_deref().map(Log::create).transpose()?;
        let pipe = |direction, pipe: &PipeConfig| {
            let made = Pipe::new(pipe, direction, config.link.seed);
            let made = made.map_err(|source| RelayError::Config { direction, source })?;
            Ok(if log.is_some() { made.with_log() } else { made })
        };
        Ok(Self {
            up: pipe(Direction::Up, &config.link.up)?,
            down: pipe(Direction::Down, &config.link.down)?,
            listen,
            clients: Clients::new(config.target),
            start,
            stop,
            samples,
            sample_every: config.sample_every.filter(|every| !every.is_zero()),
            next_sample: Duration::ZERO,
            log,
            // The largest UDP payload.
            buffer: vec![0; 1 << 16],
            latest: Duration::ZERO,
            late: 0,
            unsent: 0,
        })
    }

    pub(super) fn run(mut self) -> Result<RelayReport, RelayError> {
        while !self.stop.load(Ordering::Relaxed) {
            self.take_from_clients();
            self.take_from_target();
            self.send_due();
            self.sample();
            self.write_log()?;
            self.wait()?;
        }
        if let Some(log) = &mut self.log {
            log.file.flush().map_err(|source| log.failed(source))?;
        }
        Ok(RelayReport {
            up: self.up.counters(),
            down: self.down.counters(),
            latest: self.latest,
            late: self.late,
            unsent: self.unsent,
        })
    }

    fn take_from_clients(&mut self) {
        for _ in 0..BATCH {
            let (bytes, address) = match judge(self.listen.recv_from(&mut self.buffer)) {
                Io::Done(received) => received,
                Io::Later => return,
                Io::Failed => continue,
            };
            let now = self.start.elapsed();
            match self.clients.of(address, now) {
                Ok(client) => push(&mut self.up, now, client, &self.buffer[..bytes]),
                Err(error) => {
                    tracing::warn!("no socket for {address} on the emulated link: {error}");
                    self.unsent += 1;
                }
            }
        }
    }

    fn take_from_target(&mut self) {
        for (client, socket) in self.clients.sockets().enumerate() {
            for _ in 0..BATCH {
                match judge(socket.recv(&mut self.buffer)) {
                    Io::Done(bytes) => {
                        let now = self.start.elapsed();
                        push(&mut self.down, now, client, &self.buffer[..bytes]);
                    }
                    Io::Later => break,
                    Io::Failed => {}
                }
            }
        }
    }

    fn send_due(&mut self) {
        let now = self.start.elapsed();
        while let Some(due) = self.up.pop(now) {
            let client = self.clients.get(due.payload.client);
            let sent = client.map(|client| client.socket.send(&due.payload.bytes));
            self.account(due.at, sent);
        }
        while let Some(due) = self.down.pop(now) {
            let client = self.clients.get(due.payload.client);
            let sent = client.map(|client| self.listen.send_to(&due.payload.bytes, client.address));
            self.account(due.at, sent);
        }
    }

    fn account(&mut self, due: Duration, sent: Option<io::Result<usize>>) {
        let late = self.start.elapsed().saturating_sub(due);
        self.latest = self.latest.max(late);
        self.late += u64::from(late > TOLERANCE);
        if !matches!(sent.map(judge), Some(Io::Done(_))) {
            self.unsent += 1;
        }
    }

    fn sample(&mut self) {
        let now = self.start.elapsed();
        let Some(every) = self.sample_every else {
            return;
        };
        if now < self.next_sample {
            return;
        }
        sample::add(&self.samples, LinkSample::of(&self.up, Direction::Up, now));
        let down = LinkSample::of(&self.down, Direction::Down, now);
        sample::add(&self.samples, down);
        // After a pause the missed ones are left out, and the rhythm is kept.
        let missed = (now - self.next_sample).as_nanos() / every.as_nanos();
        self.next_sample += every * (u32::try_from(missed).unwrap_or(u32::MAX) + 1);
    }

    fn write_log(&mut self) -> Result<(), RelayError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        for (direction, pipe) in [
            (Direction::Up, &mut self.up),
            (Direction::Down, &mut self.down),
        ] {
            for happening in pipe.take_log() {
                log.line(direction, happening)?;
            }
        }
        Ok(())
    }

    /// Until a socket has something, a packet is due, or it is time for other things.
    fn wait(&self) -> Result<(), RelayError> {
        let now = self.start.elapsed();
        let sample = self.sample_every.map(|_| self.next_sample);
        let next = [self.up.next_event(), self.down.next_event(), sample];
        let next = next.into_iter().flatten().min();
        let wait = next.map_or(LONGEST_WAIT, |next| {
            next.saturating_sub(now).min(LONGEST_WAIT)
        });
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let sockets = self.clients.sockets().chain([&self.listen]);
        let mut waited: Vec<_> = sockets
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        match poll(&mut waited, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(RelayError::Wait {
                source: errno.into(),
            }),
        }
    }
}

/// Puts a packet into a pipe, whose counters record its fate.
fn push(pipe: &mut Pipe<Datagram>, now: Duration, client: ClientId, payload: &[u8]) {
    // A UDP payload is below 65,536 bytes.
    let bytes = payload.len() as u32 + UDP_IPV4_HEADER_BYTES;
    let datagram = Datagram {
        client,
        bytes: payload.into(),
    };
    pipe.push(now, bytes, datagram);
}

impl Log {
    fn create(path: &Path) -> Result<Self, RelayError> {
        let created = splitsim_durable::create(path)
            .map_err(|error| error.source)
            .and_then(|file| {
                let mut file = BufWriter::new(file);
                writeln!(file, "seconds,direction,event,bytes,waited_ms")?;
                Ok(file)
            });
        match created {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file,
            }),
            Err(source) => Err(RelayError::Log {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn line(&mut self, direction: Direction, happening: Happening) -> Result<(), RelayError> {
        let Happening { at, bytes, what } = happening;
        let seconds = at.as_secs_f64();
        let (event, waited) = match what {
            What::Arrived => ("arrived", None),
            What::Served(waited) => ("served", Some(waited)),
            What::Dropped(cause) => (cause.name(), None),
        };
        let waited = waited.map_or(String::new(), |waited| {
            format!("{:.3}", waited.as_secs_f64() * 1000.0)
        });
        writeln!(
            self.file,
            "{seconds:.6},{direction},{event},{bytes},{waited}"
        )
        .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> RelayError {
        RelayError::Log {
            path: self.path.clone(),
            source,
        }
    }
}
