use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::queue::Packet;

/// Packets between their service and their delivery.
#[derive(Debug)]
pub(crate) struct DelayLine<T> {
    travelling: BinaryHeap<Reverse<Travelling<T>>>,
    jitter: Duration,
    reorder: bool,
    latest: Duration,
    sent: u64,
    bytes: u64,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Travelling<T> {
    due: Duration,
    /// Those that are due at once leave in the order in which they came.
    number: u64,
    packet: Packet<T>,
}

impl<T> DelayLine<T> {
    pub(crate) const fn new(jitter: Duration, reorder: bool, rng: ChaCha8Rng) -> Self {
        Self {
            travelling: BinaryHeap::new(),
            jitter,
            reorder,
            latest: Duration::ZERO,
            sent: 0,
            bytes: 0,
            rng,
        }
    }

    /// A packet starts at `now` and travels for `delay` and its share of jitter. Unless packets may
    /// overtake, none arrives before one that started earlier.
    pub(crate) fn push(&mut self, now: Duration, delay: Duration, packet: Packet<T>) {
        let mut due = now + delay;
        if !self.jitter.is_zero() {
            due += self.jitter.mul_f64(self.rng.random::<f64>());
        }
        if !self.reorder {
            due = due.max(self.latest);
        }
        self.latest = self.latest.max(due);
        self.bytes += u64::from(packet.bytes);
        let number = self.sent;
        self.sent += 1;
        self.travelling.push(Reverse(Travelling {
            due,
            number,
            packet,
        }));
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.travelling.peek().map(|Reverse(next)| next.due)
    }

    pub(crate) fn pop(&mut self, now: Duration) -> Option<(Duration, Packet<T>)> {
        if self.due()? > now {
            return None;
        }
        let Reverse(next) = self.travelling.pop()?;
        self.bytes -= u64::from(next.packet.bytes);
        Some((next.due, next.packet))
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<T> Travelling<T> {
    const fn key(&self) -> (Duration, u64) {
        (self.due, self.number)
    }
}

impl<T> PartialEq for Travelling<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Travelling<T> {}

impl<T> PartialOrd for Travelling<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Travelling<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
