//! How far the edges are.

use std::time::SystemTime;

use splitsim_edge::EdgeEvent;

use super::wire::PathSample;
use crate::Screen;
use crate::screen::Bar;

/// The bar of one edge.
pub(super) struct LiveEdge {
    screen: Screen,
    label: String,
    bar: Bar,
    answered: u64,
    reencodes: u64,
    container_bytes: u64,
    paths: Vec<PathSample>,
}

impl LiveEdge {
    /// A bar over `frames` under `label`.
    pub(super) fn new(screen: &Screen, label: String, frames: usize) -> Self {
        Self {
            screen: screen.clone(),
            bar: screen.bar(label.clone(), frames as u64),
            label,
            answered: 0,
            reencodes: 0,
            container_bytes: 0,
            paths: Vec::new(),
        }
    }

    pub(super) fn hear(&mut self, event: &EdgeEvent) {
        match event {
            EdgeEvent::Started {
                answered_before, ..
            } => self.answered = *answered_before as u64,
            EdgeEvent::Attempt { attempt, .. } => self.reencodes += u64::from(*attempt > 0),
            EdgeEvent::Replied(record) => {
                self.answered += 1;
                self.container_bytes += record.container_bytes.0;
            }
            EdgeEvent::Dropped { .. } => self.answered += 1,
            EdgeEvent::Retrying {
                attempts, reason, ..
            } => self.note(&format!(
                "attempt {attempts} to reach the cloud failed: {reason}"
            )),
            EdgeEvent::Failed(failed) => {
                self.note(&format!("frame {} failed: {}", failed.frame, failed.reason));
            }
            EdgeEvent::Path(path) => {
                self.paths.push((SystemTime::now(), *path));
                return;
            }
            EdgeEvent::Connected { .. }
            | EdgeEvent::Extracted { .. }
            | EdgeEvent::Shipped { .. }
            | EdgeEvent::Spooled { .. }
            | EdgeEvent::Stopping => return,
        }
        let kilobytes = self.container_bytes as f64 / 1000.0;
        let message = format!("re-encoded {}, {kilobytes:.1} kB", self.reencodes);
        self.bar.message(message);
        self.bar.set(self.answered);
    }

    /// Ends the bar; returns how the edge's connection was.
    pub(super) fn finish(self) -> Vec<PathSample> {
        self.bar.finish();
        self.paths
    }

    fn note(&self, line: &str) {
        self.screen.note(&format!("{}: {line}", self.label));
    }
}
