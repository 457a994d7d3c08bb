//! The latency columns: their times, and the work that they leave out.
//!
//! No latency column contains work that only the experiment needs: waiting for the reference channel,
//! the cloud's measurement of the distortion, settlements. Such work delays its own frame and those that
//! wait behind it. Every lane therefore records it as spans of time, and subtracts the spans from the
//! waits of its frames.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use splitsim_feature::units::Bytes;
use splitsim_proto::{CloudStages, EdgeStages};
use splitsim_transport::LinkUsage;

/// The spans in which experiment-only work held up a lane of the courier.
#[derive(Debug, Clone)]
pub(crate) struct ExperimentLog {
    spans: VecDeque<(Instant, Instant)>,
    capacity: usize,
}

/// The times of a frame's events, and the traffic that it caused.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    /// The picture was there.
    captured: Instant,
    /// The policy had chosen what to ship.
    chosen: Instant,
    /// The first stream was opened for it.
    opened: Option<Instant>,
    /// Experiment-only work that the log does not hold, from the time before the frame was spooled.
    carried: Duration,
    /// The number of times it was sent.
    pub(crate) sends: u32,
    /// The traffic that left the edge for it.
    pub(crate) link: LinkUsage,
}

/// A timeline on the clock of the day, which outlives the process. In microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredTimeline {
    pub(crate) captured_us: u64,
    pub(crate) chosen_us: u64,
    /// 0 for a frame that was never sent.
    pub(crate) opened_us: u64,
    pub(crate) carried_us: u64,
    pub(crate) sends: u32,
    pub(crate) udp_bytes: u64,
    pub(crate) udp_datagrams: u64,
}

impl ExperimentLog {
    /// A log of the last spans of `waiting` frames.
    pub(crate) fn new(waiting: usize) -> Self {
        Self {
            spans: VecDeque::new(),
            capacity: waiting.saturating_mul(SPANS_PER_FRAME),
        }
    }

    /// Adds a span. Spans do not overlap, and come in order.
    pub(crate) fn record(&mut self, from: Instant, to: Instant) {
        if self.spans.len() >= self.capacity {
            self.spans.pop_front();
        }
        self.spans.push_back((from, to));
    }

    /// Returns the duration of experiment-only work between two moments.
    fn within(&self, from: Instant, to: Instant) -> Duration {
        let overlap = |&(start, end): &(Instant, Instant)| {
            end.min(to).saturating_duration_since(start.max(from))
        };
        self.spans.iter().map(overlap).sum()
    }
}

impl Timeline {
    pub(crate) fn new(captured: Instant, chosen: Instant) -> Self {
        Self {
            captured,
            chosen,
            opened: None,
            carried: Duration::ZERO,
            sends: 0,
            link: LinkUsage::default(),
        }
    }

    /// A stream is opened for the frame. What is not the stages' own time until the first one was
    /// waiting, and is written into `stages`.
    pub(crate) fn open(&mut self, now: Instant, log: &ExperimentLog, stages: &mut EdgeStages) {
        self.sends = self.sends.saturating_add(1);
        if self.opened.is_some() {
            return;
        }
        let worked = stages.preprocess + stages.extract + stages.attempts;
        let experiment = log.within(self.chosen, now) + self.carried;
        stages.queue = now
            .saturating_duration_since(self.captured)
            .saturating_sub(worked)
            .saturating_sub(experiment);
        self.opened = Some(now);
        self.carried = Duration::ZERO;
    }

    /// The frame's way over the link and back: from its first stream to the reply, less the cloud's
    /// work.
    pub(crate) fn transfer(
        &self,
        replied: Instant,
        log: &ExperimentLog,
        cloud: CloudStages,
    ) -> Duration {
        let opened = self.opened.unwrap_or(replied);
        replied
            .saturating_duration_since(opened)
            .saturating_sub(log.within(opened, replied) + self.carried)
            .saturating_sub(cloud.total())
    }

    /// Adds the frame's share of what a connection sent.
    pub(crate) fn add_link(&mut self, share: LinkUsage) {
        self.link = self.link + share;
    }

    /// The timeline as of `clock`, with what `log` holds of it.
    pub(crate) fn store(&self, clock: Clock, log: &ExperimentLog) -> StoredTimeline {
        let since = self.opened.unwrap_or(self.chosen);
        StoredTimeline {
            captured_us: clock.micros_of(self.captured),
            chosen_us: clock.micros_of(self.chosen),
            opened_us: self.opened.map_or(0, |opened| clock.micros_of(opened)),
            carried_us: micros(self.carried + log.within(since, clock.now)),
            sends: self.sends,
            udp_bytes: self.link.udp_bytes.0,
            udp_datagrams: self.link.datagrams,
        }
    }
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    now: Instant,
    since_1970: Duration,
}

impl Clock {
    pub(crate) fn now() -> Self {
        Self {
            now: Instant::now(),
            since_1970: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    fn micros_of(self, moment: Instant) -> u64 {
        micros(self.since_1970.saturating_sub(self.now - moment))
    }

    /// A moment before the start of the machine's clock counts as that start: as now, if it cannot be
    /// told.
    fn moment_of(self, micros: u64) -> Instant {
        let ago = self
            .since_1970
            .saturating_sub(Duration::from_micros(micros));
        self.now.checked_sub(ago).unwrap_or(self.now)
    }
}

impl StoredTimeline {
    /// The timeline on this process's clock.
    pub(crate) fn resume(self, clock: Clock) -> Timeline {
        Timeline {
            captured: clock.moment_of(self.captured_us),
            chosen: clock.moment_of(self.chosen_us),
            opened: (self.opened_us > 0).then(|| clock.moment_of(self.opened_us)),
            carried: Duration::from_micros(self.carried_us),
            sends: self.sends,
            link: LinkUsage {
                datagrams: self.udp_datagrams,
                udp_bytes: Bytes(self.udp_bytes),
            },
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Reference, the cloud's measuring, settlement, and one reference sent again.
const SPANS_PER_FRAME: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn stages() -> EdgeStages {
        EdgeStages {
            preprocess: ms(5),
            extract: ms(40),
            attempts: ms(55),
            queue: ms(0),
        }
    }

    #[test]
    fn the_stages_add_up_to_the_time_without_the_experiment() {
        let start = Instant::now();
        let at = |time| start + ms(time);
        let mut log = ExperimentLog::new(4);
        let mut timeline = Timeline::new(at(0), at(100));
        // The settlement of the frame before, half of it before this one was chosen; the reference.
        log.record(at(90), at(110));
        log.record(at(110), at(140));
        let mut stages = stages();
        timeline.open(at(150), &log, &mut stages);
        assert_eq!(stages.queue, ms(10));

        // The stream broke, and the reference had to be sent again.
        log.record(at(200), at(220));
        timeline.open(at(230), &log, &mut stages);
        assert_eq!((stages.queue, timeline.sends), (ms(10), 2));

        let cloud = CloudStages {
            queue: ms(3),
            decode: ms(7),
            head: ms(8),
            experiment: ms(15),
        };
        let transfer = timeline.transfer(at(300), &log, cloud);
        assert_eq!(transfer, ms(97));
        let worked = stages.preprocess + stages.extract + stages.attempts + stages.queue;
        let experiment = ms(10 + 30 + 20 + 15);
        assert_eq!(
            worked + transfer + cloud.queue + cloud.decode + cloud.head,
            ms(300) - experiment
        );
    }

    #[test]
    fn a_stored_timeline_goes_on_where_it_was() {
        let start = Instant::now();
        let at = |time| start + ms(time);
        let mut log = ExperimentLog::new(4);
        log.record(at(100), at(130));
        let timeline = Timeline::new(at(0), at(100));
        let clock = |time| Clock {
            now: at(time),
            since_1970: ms(1_000_000 + time),
        };
        let stored = timeline.store(clock(150), &log);
        assert_eq!(stored.captured_us, 1_000_000_000);
        assert_eq!((stored.opened_us, stored.carried_us), (0, 30_000));

        // Another process, 50 ms later.
        let mut resumed = stored.resume(clock(200));
        let mut stages = stages();
        resumed.open(at(210), &ExperimentLog::new(4), &mut stages);
        assert_eq!(stages.queue, ms(210 - 100 - 30));
    }

    #[test]
    fn a_time_before_the_clock_began_is_now() {
        let clock = Clock::now();
        assert!(clock.moment_of(1) <= clock.now);
    }
}
