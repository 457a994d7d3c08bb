//! Memory for request bodies, shared by all connections of a cloud.

use std::sync::Arc;

use splitsim_feature::units::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of request bodies that a cloud may hold at once, over all connections. A body that does not fit waits, and
/// so does its sender: none of it is read, and QUIC's flow control stops the sender.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    all: Arc<Semaphore>,
    units: u32,
}

/// The part of a [`BodyBudget`] that one peer may have: another's bodies still find room when it is used up. Clones
/// are the same part.
#[derive(Debug, Clone)]
pub struct BodyShare {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    units: u32,
}

/// Room for one body, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Budgets are counted in KiB, so that the count of any budget fits a semaphore's.
const UNIT_BYTES: u64 = 1 << 10;
/// The part of a budget that is one peer's.
const SHARES: u32 = 4;

impl BodyBudget {
    /// A budget of this size, at least 4 KiB.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        let units = units(bytes).clamp(SHARES, u32::MAX >> 1);
        Self {
            all: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    /// The part of one peer: a quarter of the whole.
    #[must_use]
    pub fn share(&self) -> BodyShare {
        let units = self.units / SHARES;
        BodyShare {
            own: Arc::new(Semaphore::new(units as usize)),
            all: Arc::clone(&self.all),
            units,
        }
    }

    /// The largest body that fits a peer's part.
    #[must_use]
    pub fn largest_body(&self) -> Bytes {
        Bytes(u64::from(self.units / SHARES) * UNIT_BYTES)
    }
}

impl BodyShare {
    /// Waits for room for a body; peers are served in order of arrival. A body that is larger than the
    /// share takes all of it.
    pub(crate) async fn room(&self, body: Bytes) -> Option<BodyRoom> {
        let units = units(body).clamp(1, self.units);
        // Neither is ever closed.
        let own = Arc::clone(&self.own).acquire_many_owned(units).await.ok()?;
        let all = Arc::clone(&self.all).acquire_many_owned(units).await.ok()?;
        Some(BodyRoom {
            _own: own,
            _all: all,
        })
    }
}

fn units(bytes: Bytes) -> u32 {
    u32::try_from(bytes.0.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn has_room(share: &BodyShare, kib: u64) -> Option<BodyRoom> {
        let room = share.room(Bytes(kib << 10));
        timeout(Duration::from_secs(1), room).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_has_used_its_share_up_waits_and_others_do_not() {
        let budget = BodyBudget::new(Bytes(16 << 10));
        assert_eq!(budget.largest_body(), Bytes(4 << 10));
        let (greedy, modest) = (budget.share(), budget.share());
        let first = has_room(&greedy, 3).await.unwrap();
        let _second = has_room(&greedy.clone(), 1).await.unwrap();
        assert!(has_room(&greedy, 1).await.is_none());
        assert!(has_room(&modest, 4).await.is_some());
        drop(first);
        assert!(has_room(&greedy, 2).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_peers_together_keep_to_the_budget() {
        let budget = BodyBudget::new(Bytes(16 << 10));
        let shares: Vec<BodyShare> = (0..5).map(|_| budget.share()).collect();
        let mut rooms = Vec::new();
        for share in &shares[..4] {
            rooms.push(has_room(share, 4).await.unwrap());
        }
        assert!(has_room(&shares[4], 1).await.is_none());
        rooms.pop();
        assert!(has_room(&shares[4], 1).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_oversized_body_takes_the_share_and_goes_through() {
        let share = BodyBudget::new(Bytes(16 << 10)).share();
        let whole = has_room(&share, 1000).await.unwrap();
        assert!(has_room(&share, 1).await.is_none());
        drop(whole);
        assert!(has_room(&share, 1).await.is_some());
    }
}
