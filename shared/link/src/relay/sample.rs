use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use splitsim_feature::units::{BitRate, Bytes};

use crate::{Counters, Direction, Pipe};

/// One direction of a link at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSample {
    /// The time since the link's start.
    pub at: Duration,
    /// The direction.
    pub direction: Direction,
    /// The rate of service; `None` where there is no limit.
    pub rate: Option<BitRate>,
    /// Packets that wait.
    pub queued_packets: usize,
    /// Their bytes.
    pub queued: Bytes,
    /// Bytes in service and travelling.
    pub in_flight: Bytes,
    /// Counts of the packets since the link's start.
    pub counters: Counters,
}

/// The samples that nobody has taken yet.
pub(super) type Samples = Arc<Mutex<Vec<LinkSample>>>;

impl LinkSample {
    pub(super) fn of<T>(pipe: &Pipe<T>, direction: Direction, at: Duration) -> Self {
        let (queued_packets, queued) = pipe.queued();
        Self {
            at,
            direction,
            rate: pipe.rate(at),
            queued_packets,
            queued,
            in_flight: pipe.in_flight(),
            counters: pipe.counters(),
        }
    }
}

pub(super) fn take(samples: &Samples) -> Vec<LinkSample> {
    let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut samples)
}

pub(super) fn add(samples: &Samples, sample: LinkSample) {
    let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
    samples.push(sample);
}
