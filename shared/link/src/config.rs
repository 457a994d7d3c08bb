use std::fmt;
use std::time::Duration;

use splitsim_feature::units::BitRate;

use crate::{AtEnd, Loss, Opportunities, QueueConfig, RateSteps};

/// Both directions of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkConfig {
    /// From the edges to the cloud.
    pub up: PipeConfig,
    /// From the cloud to the edges.
    pub down: PipeConfig,
    /// The seed of all random decisions.
    pub seed: u64,
}

/// One direction of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct PipeConfig {
    /// The service process: unlimited, a rate, or delivery opportunities.
    pub service: Service,
    /// The position in the trace at which the link starts; zero is the trace's first row. A constant rate ignores it.
    pub trace_start: Duration,
    /// The time that a packet travels after it was served.
    pub delay: Duration,
    /// The most that it may travel longer: uniformly distributed from zero.
    pub jitter: Duration,
    /// `true` if a packet may overtake an earlier one that jitter delays more.
    pub reorder: bool,
    /// The model of packet loss.
    pub loss: Loss,
    /// The queue in front of the service.
    pub queue: QueueConfig,
    /// The changes over time, sorted by time.
    pub events: Vec<Event>,
}

/// The process that serves packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// At once.
    Unlimited,
    /// Bit by bit, at a rate that may change.
    Rate(RateSteps),
    /// At opportunities.
    Opportunities(Opportunities),
}

/// A change of a link's behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An outage: arriving packets are lost, queued packets stay queued, and packets in flight are
    /// delivered.
    Down {
        /// The time of its start.
        at: Duration,
        /// Its duration.
        length: Duration,
    },
    /// A new constant rate.
    Rate {
        /// The time of the change.
        at: Duration,
        /// The rate; zero stops the service, and lets the queue fill.
        rate: BitRate,
    },
    /// A new propagation delay, for packets that leave the queue from now on.
    Delay {
        /// The time of the change.
        at: Duration,
        /// The new propagation delay.
        delay: Duration,
    },
}

/// The direction of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the cloud.
    Up,
    /// From the cloud.
    Down,
}

/// A link that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two cuts at once.
    #[error("the link goes down at {at:?} while it is down until {until:?}; make them one")]
    Overlap {
        /// The second one's beginning.
        at: Duration,
        /// The first one's end.
        until: Duration,
    },
    /// An event before an earlier one of its kind, or at its time.
    #[error("an event at {at:?} does not come after the one at {before:?}")]
    NotAscending {
        /// Its time.
        at: Duration,
        /// The time of the one before.
        before: Duration,
    },
    /// A rate for a link that has no constant one.
    #[error(
        "the rate changes at {at:?}, but a trace or no limit rules it; events go with a constant rate"
    )]
    NoConstantRate {
        /// The event's time.
        at: Duration,
    },
}

impl PipeConfig {
    /// A link that changes nothing.
    #[must_use]
    pub fn transparent() -> Self {
        Self {
            service: Service::Unlimited,
            trace_start: Duration::ZERO,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: false,
            loss: Loss::None,
            queue: QueueConfig::default(),
            events: Vec::new(),
        }
    }

    /// A constant rate and a delay, with the default queue.
    #[must_use]
    pub fn constant(rate: BitRate, delay: Duration) -> Self {
        Self {
            service: Service::Rate(RateSteps::constant(rate)),
            delay,
            ..Self::transparent()
        }
    }
}

impl Event {
    /// Returns the time at which it happens.
    #[must_use]
    pub const fn at(&self) -> Duration {
        match self {
            Self::Down { at, .. } | Self::Rate { at, .. } | Self::Delay { at, .. } => *at,
        }
    }
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Up, Self::Down];

    /// `up` or `down`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The events of a pipe by their kinds, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timetable {
    /// From and until, ascending and apart.
    cuts: Vec<(Duration, Duration)>,
    delays: Vec<(Duration, Duration)>,
    /// The service with the events of its rate.
    pub(crate) service: Service,
}

impl Timetable {
    pub(crate) fn new(config: &PipeConfig) -> Result<Self, ConfigError> {
        let (mut cuts, mut delays, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for event in &config.events {
            match *event {
                Event::Down { at, length } => cuts.push((at, at.saturating_add(length))),
                Event::Delay { at, delay } => delays.push((at, delay)),
                Event::Rate { at, rate } => rates.push((at, rate)),
            }
        }
        if let Some(pair) = cuts.windows(2).find(|pair| pair[1].0 < pair[0].1) {
            let ((_, until), (at, _)) = (pair[0], pair[1]);
            return Err(ConfigError::Overlap { at, until });
        }
        ascending(delays.iter().map(|(at, _)| *at))?;
        ascending(rates.iter().map(|(at, _)| *at))?;
        delays.insert(0, (Duration::ZERO, config.delay));
        Ok(Self {
            cuts,
            delays,
            service: with_rates(&config.service, &rates)?,
        })
    }

    /// The end of the cut that the link is in.
    pub(crate) fn down_until(&self, at: Duration) -> Option<Duration> {
        let after = self.cuts.partition_point(|(from, _)| *from <= at);
        let &(_, until) = self.cuts.get(after.checked_sub(1)?)?;
        (at < until).then_some(until)
    }

    /// The beginning of the next cut.
    pub(crate) fn next_cut(&self, at: Duration) -> Option<Duration> {
        let after = self.cuts.partition_point(|(from, _)| *from <= at);
        self.cuts.get(after).map(|(from, _)| *from)
    }

    pub(crate) fn delay(&self, at: Duration) -> Duration {
        let after = self.delays.partition_point(|(from, _)| *from <= at);
        // The first entry holds from zero on.
        self.delays[after.saturating_sub(1)].1
    }
}

fn ascending(times: impl Iterator<Item = Duration> + Clone) -> Result<(), ConfigError> {
    let mut pairs = times.clone().zip(times.skip(1));
    match pairs.find(|(before, at)| at <= before) {
        Some((before, at)) => Err(ConfigError::NotAscending { at, before }),
        None => Ok(()),
    }
}

/// A constant rate and its changes are steps of which the last one holds.
fn with_rates(service: &Service, changes: &[(Duration, BitRate)]) -> Result<Service, ConfigError> {
    let Some(&(first, _)) = changes.first() else {
        return Ok(service.clone());
    };
    let none = ConfigError::NoConstantRate { at: first };
    let Service::Rate(steps) = service else {
        return Err(none);
    };
    if !steps.length().is_zero() {
        return Err(none);
    }
    let mut rows = vec![(Duration::ZERO, steps.rate(Duration::ZERO))];
    if first.is_zero() {
        rows.clear();
    }
    rows.extend_from_slice(changes);
    let end = rows.last().map_or(Duration::ZERO, |(at, _)| *at) + Duration::from_nanos(1);
    RateSteps::new(&rows, end, AtEnd::Hold)
        .map(Service::Rate)
        .map_err(|_| none)
}
