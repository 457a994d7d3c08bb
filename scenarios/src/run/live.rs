//! Progress of the edges: one bar for the edges of a policy and task.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use splitsim_edge::EdgeEvent;

use super::wire::PathSample;
use crate::Screen;
use splitsim_cli::Bar;

/// The progress of one edge, on the bar that it shares with the other edges of its task.
pub(super) struct LiveEdge {
    label: String,
    task: Arc<Mutex<LiveTask>>,
    paths: Vec<PathSample>,
}

/// The bar of all edges of a policy and task.
pub(super) struct LiveTask {
    screen: Screen,
    label: String,
    bar: Option<Bar>,
    began: Instant,
    total: u64,
    edges: usize,
    tally: Tally,
}

/// The counts of the events so far.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    /// Captured and not yet answered.
    waiting: u64,
    reencodes: u64,
    container_bytes: u64,
    /// The codec's names of the levels, such as `qp 30`.
    labels: BTreeMap<u32, String>,
    /// Levels of the frames shipped last.
    levels: VecDeque<u32>,
    /// Answers of the last seconds: when, and bytes of the container.
    answers: VecDeque<(Instant, u64)>,
}

/// Over how many frames the mix of levels is counted.
const MIX_FRAMES: usize = 50;

/// Over how long goodput is averaged.
const GOODPUT_OVER: Duration = Duration::from_secs(10);

impl LiveTask {
    /// A bar under `label` for `edges` edges with `frames` frames each.
    pub(super) fn new(screen: &Screen, label: String, frames: usize, edges: usize) -> Self {
        let total = (frames * edges) as u64;
        Self {
            screen: screen.clone(),
            bar: Some(screen.bar(label.clone(), total)),
            label,
            began: Instant::now(),
            total,
            edges,
            tally: Tally::default(),
        }
    }

    /// One of its edges.
    pub(super) fn edge(this: &Arc<Mutex<Self>>, label: String) -> LiveEdge {
        LiveEdge {
            label,
            task: Arc::clone(this),
            paths: Vec::new(),
        }
    }

    fn hear(&mut self, event: &EdgeEvent) {
        let now = Instant::now();
        self.tally.hear(event, now);
        if let Some(bar) = &mut self.bar {
            bar.message(&self.tally.message(now, self.began));
            bar.set(self.tally.done);
        }
    }

    /// Ends an edge. After the last one, a line sums up their frames, and the bar makes room for others.
    fn edge_ended(&mut self) {
        self.edges = self.edges.saturating_sub(1);
        if self.edges > 0 {
            return;
        }
        if let Some(bar) = self.bar.take() {
            bar.clear();
            let took = Duration::from_secs(self.began.elapsed().as_secs());
            self.screen.note(&format!(
                "{} {}/{} in {}, {}",
                self.label,
                self.tally.done,
                self.total,
                humantime::format_duration(took),
                self.tally
            ));
        }
    }
}

impl LiveEdge {
    pub(super) fn hear(&mut self, event: &EdgeEvent) {
        if let EdgeEvent::Path(path) = event {
            self.paths.push((SystemTime::now(), *path));
            return;
        }
        if let EdgeEvent::Retrying {
            attempts, reason, ..
        } = event
        {
            self.note(&format!(
                "attempt {attempts} to reach the cloud failed: {reason}"
            ));
        }
        if let EdgeEvent::Failed(failed) = event {
            self.note(&format!("frame {} failed: {}", failed.frame, failed.reason));
        }
        self.task().hear(event);
    }

    /// Ends its part of the bar; returns how the edge's connection was.
    pub(super) fn finish(self) -> Vec<PathSample> {
        self.task().edge_ended();
        self.paths
    }

    fn task(&self) -> MutexGuard<'_, LiveTask> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: &str) {
        self.task().screen.note(&format!("{}: {line}", self.label));
    }
}

impl Tally {
    fn hear(&mut self, event: &EdgeEvent, now: Instant) {
        match event {
            EdgeEvent::Started {
                answered_before,
                spooled_before,
                ..
            } => {
                self.done += *answered_before as u64;
                self.waiting += *spooled_before as u64;
            }
            EdgeEvent::Extracted { .. } => self.waiting += 1,
            EdgeEvent::Attempt {
                attempt,
                level,
                label,
                ..
            } => {
                self.reencodes += u64::from(*attempt > 0);
                self.labels.entry(*level).or_insert_with(|| label.clone());
            }
            EdgeEvent::Shipped {
                level, sends: 1, ..
            } => self.shipped(*level),
            EdgeEvent::Replied(record) => self.replied(record.container_bytes.0, now),
            EdgeEvent::Dropped { .. } => self.over(),
            EdgeEvent::Failed(_) => self.waiting = self.waiting.saturating_sub(1),
            EdgeEvent::Connected { .. }
            | EdgeEvent::Retrying { .. }
            | EdgeEvent::Shipped { .. }
            | EdgeEvent::Path(_)
            | EdgeEvent::Spooled { .. }
            | EdgeEvent::Stopping => {}
        }
    }

    fn shipped(&mut self, level: u32) {
        self.levels.push_back(level);
        if self.levels.len() > MIX_FRAMES {
            self.levels.pop_front();
        }
    }

    fn replied(&mut self, container_bytes: u64, now: Instant) {
        self.over();
        self.container_bytes += container_bytes;
        self.answers.push_back((now, container_bytes));
    }

    fn over(&mut self) {
        self.done += 1;
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Goodput, queue and mix of levels, for a line that is replaced soon.
    fn message(&mut self, now: Instant, began: Instant) -> String {
        let goodput = self.goodput_mbit(now, began);
        let mut message = format!("{goodput:.2} Mbit/s, {} waiting", self.waiting);
        let mix = self.mix();
        if !mix.is_empty() {
            message = format!("{message}, {mix}");
        }
        message
    }

    /// The rate of answered containers over the last [`GOODPUT_OVER`], Mbit/s.
    fn goodput_mbit(&mut self, now: Instant, began: Instant) -> f64 {
        let old = |(at, _): &(Instant, u64)| now.duration_since(*at) > GOODPUT_OVER;
        while self.answers.front().is_some_and(old) {
            self.answers.pop_front();
        }
        let bytes: u64 = self.answers.iter().map(|(_, bytes)| bytes).sum();
        let over = now.duration_since(began).min(GOODPUT_OVER).as_secs_f64();
        if over > 0.0 {
            bytes as f64 * 8.0 / over / 1e6
        } else {
            0.0
        }
    }

    /// Returns the counts of levels among the frames shipped last, the greatest first: `12× qp 30, 3× qp 27`.
    fn mix(&self) -> String {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for level in &self.levels {
            *counts.entry(*level).or_default() += 1;
        }
        let mut counts: Vec<(u32, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|&(level, count)| (std::cmp::Reverse(count), level));
        let words = counts.into_iter().map(|(level, count)| {
            let label = self.labels.get(&level);
            let label = label.map_or_else(|| format!("level {level}"), Clone::clone);
            format!("{count}× {label}")
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// The line that stays when the bar is done.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kilobytes = self.container_bytes as f64 / 1000.0;
        write!(f, "{kilobytes:.1} kB, {} re-encodes", self.reencodes)?;
        match self.mix() {
            mix if mix.is_empty() => Ok(()),
            mix if self.levels.len() < MIX_FRAMES => write!(f, ", {mix}"),
            mix => write!(f, ", of the last {MIX_FRAMES}: {mix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_names_levels_by_how_often_they_were_shipped() {
        let mut tally = Tally::default();
        tally.labels.insert(2, "qp 30".to_owned());
        [2, 2, 1].into_iter().for_each(|level| tally.shipped(level));
        assert_eq!(tally.mix(), "2× qp 30, 1× level 1");
        (0..MIX_FRAMES).for_each(|_| tally.shipped(1));
        assert_eq!(tally.mix(), "50× level 1");
    }

    #[test]
    fn goodput_forgets_what_was_answered_long_ago() {
        let (began, mut tally) = (Instant::now(), Tally::default());
        let after = |seconds| began + Duration::from_secs(seconds);
        tally.replied(250_000, after(2));
        assert_eq!(tally.message(after(2), began), "1.00 Mbit/s, 0 waiting");
        tally.replied(1_250_000, after(20));
        assert_eq!(tally.message(after(20), began), "1.00 Mbit/s, 0 waiting");
        assert_eq!(tally.goodput_mbit(after(31), began), 0.0);
        assert_eq!(tally.to_string(), "1500.0 kB, 0 re-encodes");
    }

    #[test]
    fn frames_wait_from_capture_to_answer() {
        let (now, mut tally) = (Instant::now(), Tally::default());
        let extracted = EdgeEvent::Extracted {
            frame: 0,
            source: "a".to_owned(),
            took: Duration::ZERO,
        };
        let started = EdgeEvent::Started {
            frames: 9,
            answered_before: 3,
            spooled_before: 1,
        };
        let dropped = EdgeEvent::Dropped {
            frame: 0,
            attempts: 1,
        };
        for event in [&started, &extracted, &extracted, &dropped] {
            tally.hear(event, now);
        }
        assert_eq!((tally.done, tally.waiting), (4, 2));
    }
}
