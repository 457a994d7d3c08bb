use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use splitsim_feature::units::{BitRate, Bytes};

use crate::config::Timetable;
use crate::counters::{Counters, DropCause};
use crate::delay::DelayLine;
use crate::loss::LossProcess;
use crate::queue::{Packet, Queue};
use crate::server::{Carry, Cursor, InService, Rate, rate_at};
use crate::{ConfigError, Direction, PipeConfig, Service};

/// One direction of a link, without sockets or a clock: packets are [pushed](Self::push) in when they
/// come, and [popped](Self::pop) when they are due. Times count from the link's beginning and must not
/// go back.
///
/// ```
/// # use std::time::Duration;
/// # use splitsim_feature::units::BitRate;
/// # use splitsim_link::{Direction, Pipe, PipeConfig};
/// // 1500 bytes at 12 Mbit/s take 1 ms, and then 20 ms to travel.
/// let config = PipeConfig::constant(BitRate(12_000_000), Duration::from_millis(20));
/// let mut pipe = Pipe::new(&config, Direction::Up, 1)?;
/// pipe.push(Duration::ZERO, 1500, "first");
/// pipe.push(Duration::ZERO, 1500, "second");
/// let late = Duration::from_secs(1);
/// assert_eq!(pipe.pop(late).unwrap().at, Duration::from_millis(21));
/// assert_eq!(pipe.pop(late).unwrap().at, Duration::from_millis(22));
/// # Ok::<(), splitsim_link::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Pipe<T> {
    timetable: Timetable,
    trace_start: Duration,
    queue: Queue<T>,
    in_service: Option<InService<T>>,
    carry: Carry,
    cursor: Cursor,
    loss: LossProcess,
    line: DelayLine<T>,
    /// All up to here is done.
    now: Duration,
    counters: Counters,
    log: Option<Vec<Happening>>,
}

/// A packet that has come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<T> {
    /// The time at which it is due, at or before the time asked for.
    pub at: Duration,
    /// The time at which it entered the pipe.
    pub arrived: Duration,
    /// Its size as an IP packet.
    pub bytes: u32,
    /// The caller's data.
    pub payload: T,
}

/// An event of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happening {
    /// The time.
    pub at: Duration,
    /// The packet's size.
    pub bytes: u32,
    /// The kind of event.
    pub what: What,
}

/// The kinds of event in a packet's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It entered the pipe.
    Arrived,
    /// Its service ended, after this sojourn.
    Served(Duration),
    /// It will not be delivered.
    Dropped(DropCause),
}

impl<T> Pipe<T> {
    /// A pipe at time zero. Directions of the same seed have randomness of their own.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: &PipeConfig, direction: Direction, seed: u64) -> Result<Self, ConfigError> {
        let timetable = Timetable::new(config)?;
        let stream = |cause: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(cause * 2 + u64::from(direction == Direction::Down));
            rng
        };
        let cursor = match &timetable.service {
            Service::Opportunities(list) => Cursor::new(list, config.trace_start),
            Service::Unlimited | Service::Rate(_) => Cursor::default(),
        };
        Ok(Self {
            timetable,
            trace_start: config.trace_start,
            queue: Queue::new(config.queue),
            in_service: None,
            carry: Carry::default(),
            cursor,
            loss: LossProcess::new(config.loss, stream(0)),
            line: DelayLine::new(config.jitter, config.reorder, stream(1)),
            now: Duration::ZERO,
            counters: Counters::default(),
            log: None,
        })
    }

    /// The same pipe with a log of every packet; see [`Self::take_log`].
    #[must_use]
    pub fn with_log(self) -> Self {
        Self {
            log: Some(Vec::new()),
            ..self
        }
    }

    /// A packet comes, `bytes` long as an IP packet. Returns why it goes no further, if so.
    pub fn push(&mut self, now: Duration, bytes: u32, payload: T) -> Option<DropCause> {
        self.advance(now);
        let now = self.now;
        self.counters.arrived += 1;
        self.counters.arrived_bytes.0 += u64::from(bytes);
        self.note(now, bytes, What::Arrived);
        let packet = Packet {
            bytes,
            arrived: now,
            payload,
        };
        if self.timetable.down_until(now).is_some() {
            self.drop_packet(now, bytes, DropCause::Down);
            return Some(DropCause::Down);
        }
        if matches!(self.timetable.service, Service::Unlimited) {
            self.served(now, packet);
            return None;
        }
        // A server that waits takes the packet at once: it does not count among those that wait.
        let dropped = self.queue.push(packet).err().map(|_| DropCause::Full);
        if let Some(cause) = dropped {
            self.drop_packet(now, bytes, cause);
        }
        self.start(now);
        dropped
    }

    /// The next packet that is due up to now.
    pub fn pop(&mut self, now: Duration) -> Option<Delivery<T>> {
        self.advance(now);
        let (at, packet) = self.line.pop(now)?;
        self.counters.delivered += 1;
        self.counters.delivered_bytes.0 += u64::from(packet.bytes);
        Some(Delivery {
            at,
            arrived: packet.arrived,
            bytes: packet.bytes,
            payload: packet.payload,
        })
    }

    /// Returns the earliest time at which anything can be due; `None` while nothing is under way.
    #[must_use]
    pub fn next_event(&self) -> Option<Duration> {
        let waiting = self.in_service.is_some() || !self.queue.is_empty();
        let service = match (&self.in_service, &self.timetable.service) {
            (Some(served), Service::Rate(_)) => served.until,
            (_, Service::Opportunities(list)) if waiting => {
                self.cursor.time(list, self.trace_start)
            }
            (_, Service::Unlimited | Service::Rate(_) | Service::Opportunities(_)) => None,
        };
        service.into_iter().chain(self.line.due()).min()
    }

    /// Returns the counts of packets so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Packets that wait, and their bytes, without the one in service.
    #[must_use]
    pub fn queued(&self) -> (usize, Bytes) {
        (self.queue.len(), self.queue.bytes())
    }

    /// Bytes that are in service or travel.
    #[must_use]
    pub fn in_flight(&self) -> Bytes {
        let served = self.in_service.as_ref().map_or(0, |s| s.packet.bytes);
        Bytes(self.line.bytes() + u64::from(served))
    }

    /// The rate at a time; of a trace of opportunities that of the second before. `None` where there
    /// is no limit.
    #[must_use]
    pub fn rate(&self, at: Duration) -> Option<BitRate> {
        rate_at(
            &self.timetable.service,
            self.trace_start,
            &self.timetable,
            at,
        )
    }

    /// Returns the events since the last call, sorted by time; nothing without a log.
    pub fn take_log(&mut self) -> Vec<Happening> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Does all that happens up to a time.
    fn advance(&mut self, until: Duration) {
        self.now = self.now.max(until);
        let until = self.now;
        match self.timetable.service {
            Service::Unlimited => {}
            Service::Rate(_) => self.serve_bits(until),
            Service::Opportunities(_) => while self.serve_opportunity(until) {},
        }
    }

    fn serve_bits(&mut self, until: Duration) {
        while let Some(finish) = self.in_service.as_ref().and_then(|served| served.until)
            && finish <= until
            && let Some(InService { packet, .. }) = self.in_service.take()
        {
            self.served(finish, packet);
            self.start(finish);
        }
    }

    /// Starts the service of the next packet if the rate is free.
    fn start(&mut self, now: Duration) {
        if self.in_service.is_some() || !matches!(self.timetable.service, Service::Rate(_)) {
            return;
        }
        let Some(packet) = self.dequeue(now) else {
            return;
        };
        let Service::Rate(steps) = &self.timetable.service else {
            return;
        };
        let rate = Rate {
            steps,
            trace_start: self.trace_start,
            timetable: &self.timetable,
        };
        let until = self.carry.finish(&rate, now, packet.bytes);
        self.in_service = Some(InService {
            packet,
            until,
            left: 0,
        });
    }

    /// Uses one opportunity; `false` when there is none up to then.
    fn serve_opportunity(&mut self, until: Duration) -> bool {
        let Service::Opportunities(list) = &self.timetable.service else {
            return false;
        };
        if self.in_service.is_none() && self.queue.is_empty() {
            self.cursor.pass(list, self.trace_start, until);
            return false;
        }
        let Some(at) = self.cursor.time(list, self.trace_start) else {
            return false;
        };
        if at > until {
            return false;
        }
        let size = list.size();
        self.cursor.next += 1;
        if self.timetable.down_until(at).is_none() {
            self.fill_opportunity(at, size.bytes(), size.overhead());
        }
        true
    }

    fn fill_opportunity(&mut self, at: Duration, mut room: u32, overhead: u32) {
        while room > 0 {
            let next = self.in_service.take().or_else(|| {
                let packet = self.dequeue(at)?;
                let left = packet.bytes + overhead;
                Some(InService {
                    packet,
                    until: None,
                    left,
                })
            });
            let Some(mut next) = next else {
                return;
            };
            if next.left > room {
                next.left -= room;
                self.in_service = Some(next);
                return;
            }
            room -= next.left;
            self.served(at, next.packet);
        }
    }

    fn dequeue(&mut self, now: Duration) -> Option<Packet<T>> {
        let mut dropped = Vec::new();
        let packet = self.queue.pop(now, |packet| dropped.push(packet.bytes));
        for bytes in dropped {
            self.drop_packet(now, bytes, DropCause::Codel);
        }
        packet
    }

    fn served(&mut self, at: Duration, packet: Packet<T>) {
        self.counters.served += 1;
        self.counters.served_bytes.0 += u64::from(packet.bytes);
        self.note(at, packet.bytes, What::Served(at - packet.arrived));
        if self.loss.strikes() {
            self.drop_packet(at, packet.bytes, DropCause::Lost);
            return;
        }
        self.line.push(at, self.timetable.delay(at), packet);
    }

    fn drop_packet(&mut self, at: Duration, bytes: u32, cause: DropCause) {
        self.counters.count_drop(cause);
        self.note(at, bytes, What::Dropped(cause));
    }

    fn note(&mut self, at: Duration, bytes: u32, what: What) {
        if let Some(log) = &mut self.log {
            log.push(Happening { at, bytes, what });
        }
    }
}
