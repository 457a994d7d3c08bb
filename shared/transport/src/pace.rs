//! The time limit on a request that is only partly received.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time limits of all requests of one connection. Clones belong to the same connection.
///
/// A request has the time `patience` for each further [`STEP_BYTES`]. This limits neither its length nor, above some
/// hundred bit/s, the rate of the link; `patience` itself is the longest outage survived. While other requests of the
/// connection arrive at that pace, one without progress has longer: they share a link, and it may be last in the
/// order of sending.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    patience: Duration,
    /// Bytes that came on any stream of the connection.
    came: Arc<AtomicU64>,
}

/// The patience with one request.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    turn: Instant,
    own: u64,
    came_before: u64,
    extensions: u32,
}

/// The bytes of a request that must arrive for the wait to start anew.
const STEP_BYTES: u64 = 16 << 10;

/// The number of times that progress of other requests excuses one without progress.
const MAX_EXTENSIONS: u32 = 9;

impl Pace {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            came: Arc::default(),
        }
    }

    /// For a request that begins now.
    pub(crate) fn begin(&self) -> Pacer {
        Pacer {
            turn: Instant::now(),
            own: 0,
            came_before: self.came.load(Ordering::Relaxed),
            extensions: 0,
            pace: self.clone(),
        }
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }
}

impl Pacer {
    /// Returns the time until which the next bytes are awaited.
    pub(crate) fn deadline(&self) -> Instant {
        self.turn + self.pace.patience
    }

    /// Counts bytes of the request that have arrived.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.pace.came.fetch_add(bytes as u64, Ordering::Relaxed);
        self.own += bytes as u64;
        if self.own >= STEP_BYTES {
            self.restart();
            self.extensions = 0;
        }
    }

    /// Called after the deadline; `true` to wait for another turn.
    pub(crate) fn extend(&mut self) -> bool {
        let came = self.pace.came.load(Ordering::Relaxed);
        let others = came.saturating_sub(self.came_before + self.own);
        if others < STEP_BYTES || self.extensions == MAX_EXTENSIONS {
            return false;
        }
        self.extensions += 1;
        self.restart();
        true
    }

    /// The sender was kept waiting by this side: the wait begins anew.
    pub(crate) fn restart(&mut self) {
        self.turn = Instant::now();
        self.own = 0;
        self.came_before = self.pace.came.load(Ordering::Relaxed);
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.pace.patience()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(120);

    fn late(pacer: &Pacer) -> bool {
        Instant::now() >= pacer.deadline()
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_minute_is_not_progress() {
        let mut pacer = Pace::new(PATIENCE).begin();
        for _ in 0..2 {
            advance(Duration::from_secs(60)).await;
            pacer.came(1);
        }
        assert!(late(&pacer) && !pacer.extend());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_link_with_outages_has_all_the_time_that_it_needs() {
        let mut pacer = Pace::new(PATIENCE).begin();
        // 128 KiB at 4 kbit/s, with a minute's outage after each 16 KiB.
        for step in 1..=256 {
            advance(Duration::from_secs(1)).await;
            pacer.came(512);
            assert!(!late(&pacer), "{step}");
            if step % 32 == 0 {
                advance(Duration::from_secs(60)).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_in_the_order_of_sending_waits_for_the_others_but_not_for_ever() {
        let pace = Pace::new(PATIENCE);
        let (mut busy, mut last) = (pace.begin(), pace.begin());
        for _ in 0..MAX_EXTENSIONS {
            advance(PATIENCE).await;
            busy.came(1 << 20);
            assert!(late(&last) && last.extend());
        }
        advance(PATIENCE).await;
        busy.came(1 << 20);
        assert!(late(&last) && !last.extend());
    }
}
