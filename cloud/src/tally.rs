use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use splitsim_proto::Hello;

/// The counts of a cloud's work while it served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CloudReport {
    /// Frames that were recorded.
    pub frames: u64,
    /// Frames that had been recorded before, and were answered again.
    pub duplicates: u64,
    /// Frames, references and settlements that were answered with an error.
    pub errors: u64,
    /// Errors because the results could not be written: the refused items are missing in them unless the
    /// edge sent them again.
    pub write_failures: u64,
    /// Frames that were answered as recorded and are not in the results at the end: somebody removed or
    /// overwrote the file meanwhile.
    pub missing: u64,
    /// References that came.
    pub references: u64,
    /// Settlements that were recorded.
    pub settlements: u64,
    /// Distinct edges of all runs that were welcomed.
    pub edges: u64,
}

/// The events that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Frame,
    Duplicate,
    Error,
    WriteFailure,
    Reference,
    Settlement,
}

/// The counts so far, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: [AtomicU64; 6],
    edges: Mutex<BTreeSet<(String, String)>>,
}

impl Tally {
    pub(crate) fn count(&self, event: Event) {
        self.counts[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn welcome(&self, hello: &Hello) {
        let edge = (hello.run_id.to_string(), hello.edge_id.to_string());
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        edges.insert(edge);
    }

    pub(crate) fn report(&self) -> CloudReport {
        let of = |event: Event| self.counts[event as usize].load(Ordering::Relaxed);
        let edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        CloudReport {
            frames: of(Event::Frame),
            duplicates: of(Event::Duplicate),
            errors: of(Event::Error),
            write_failures: of(Event::WriteFailure),
            missing: 0,
            references: of(Event::Reference),
            settlements: of(Event::Settlement),
            edges: edges.len() as u64,
        }
    }
}
