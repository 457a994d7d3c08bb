//! Connections by certificate: the limits of each certificate, and the choice of a connection to close.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use splitsim_proto::{Id, Refusal, RefusalKind};
use splitsim_transport::{BodyBudget, BodyShare, Certified};
use tokio_util::sync::CancellationToken;

use crate::CloudLimits;

/// All connections that are served.
#[derive(Debug)]
pub(crate) struct Peers {
    limits: PeerLimits,
    bodies: BodyBudget,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct PeerLimits {
    connections: NonZeroUsize,
    connections_per_certificate: NonZeroUsize,
    runs_per_certificate: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, Open>,
    /// The state kept for every certificate that has been served.
    known: BTreeMap<Certified, Known>,
}

/// A connection that is served.
#[derive(Debug)]
struct Open {
    certified: Certified,
    /// Requests under way.
    busy: usize,
    /// The time at which the last request ended, or else at which the connection was made.
    quiet_since: Instant,
    gives_way: CancellationToken,
}

#[derive(Debug)]
struct Known {
    bodies: BodyShare,
    /// Runs that its edges have begun since the cloud did.
    runs: BTreeSet<Id>,
}

/// A connection's place, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    peers: Arc<Peers>,
    number: u64,
    gives_way: CancellationToken,
    bodies: BodyShare,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    peers: Arc<Peers>,
    number: u64,
}

/// The idle time after which a connection may be closed for another: as a rule longer than the gap between two
/// frames of an edge.
const GRACE: Duration = Duration::from_secs(10);

impl Peers {
    pub(crate) fn new(limits: &CloudLimits) -> Self {
        Self {
            limits: PeerLimits {
                connections: limits.connections,
                connections_per_certificate: limits.connections_per_certificate,
                runs_per_certificate: limits.runs_per_certificate,
            },
            bodies: BodyBudget::new(limits.body_memory),
            state: Mutex::default(),
        }
    }

    /// Reserves a place for a connection with this certificate. If none is left, the connection that has been idle
    /// for the longest is closed: one with the same certificate if that has reached its limit, and otherwise one of
    /// the certificate that has the most.
    ///
    /// # Errors
    /// If no connection can be closed: the edge may try again.
    pub(crate) fn seat(self: &Arc<Self>, certified: &Certified) -> Result<Seat, Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.limits.connections_per_certificate.get();
        if state.count(certified) >= own && !state.make_room(certified) {
            return Err(full(format!("{own} connections with this certificate")));
        }
        let all = self.limits.connections.get();
        if state.open.len() >= all && !state.greediest().is_some_and(|most| state.make_room(&most))
        {
            return Err(full(format!("{all} connections")));
        }
        let number = state.next;
        state.next += 1;
        let gives_way = CancellationToken::new();
        state.open.insert(
            number,
            Open {
                certified: certified.clone(),
                busy: 0,
                quiet_since: Instant::now(),
                gives_way: gives_way.clone(),
            },
        );
        let bodies = state.known(certified, &self.bodies).bodies.clone();
        drop(state);
        Ok(Seat {
            peers: Arc::clone(self),
            number,
            gives_way,
            bodies,
        })
    }

    /// Counts a run that an edge with this certificate begins.
    ///
    /// # Errors
    /// If the certificate has begun the maximum number of runs.
    pub(crate) fn begin_run(&self, certified: &Certified, run: &Id) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.limits.runs_per_certificate.get();
        let runs = &mut state.known(certified, &self.bodies).runs;
        if runs.len() >= limit && !runs.contains(run) {
            let message = format!(
                "certificate of {certified} has begun {limit} runs since this cloud was started, which is \
                 all it may; raise --runs-per-certificate, or start the cloud again"
            );
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        runs.insert(run.clone());
        Ok(())
    }

    fn with_open(&self, number: u64, change: impl FnOnce(&mut Open)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = state.open.get_mut(&number) {
            change(open);
        }
    }
}

impl State {
    fn count(&self, certified: &Certified) -> usize {
        let open = self.open.values();
        open.filter(|open| open.certified == *certified).count()
    }

    /// The certificate with the most connections that are idle.
    fn greediest(&self) -> Option<Certified> {
        let mut idle = BTreeMap::<&Certified, usize>::new();
        for open in self.open.values().filter(|open| open.is_idle()) {
            *idle.entry(&open.certified).or_default() += 1;
        }
        idle.into_iter()
            .max_by_key(|&(_, connections)| connections)
            .map(|(certified, _)| certified.clone())
    }

    /// Lets the connection of this certificate that has been idle for the longest give way.
    fn make_room(&mut self, certified: &Certified) -> bool {
        let longest = self
            .open
            .iter()
            .filter(|(_, open)| open.certified == *certified && open.is_idle())
            .min_by_key(|(_, open)| open.quiet_since)
            .map(|(&number, _)| number);
        let gone = longest.and_then(|number| self.open.remove(&number));
        gone.is_some_and(|open| {
            open.gives_way.cancel();
            true
        })
    }

    fn known(&mut self, certified: &Certified, bodies: &BodyBudget) -> &mut Known {
        self.known
            .entry(certified.clone())
            .or_insert_with(|| Known {
                bodies: bodies.share(),
                runs: BTreeSet::new(),
            })
    }
}

impl Open {
    fn is_idle(&self) -> bool {
        self.busy == 0 && self.quiet_since.elapsed() >= GRACE
    }
}

impl Seat {
    /// A request begins.
    pub(crate) fn busy(&self) -> Busy {
        self.peers.with_open(self.number, |open| open.busy += 1);
        Busy {
            peers: Arc::clone(&self.peers),
            number: self.number,
        }
    }

    /// Ready when another connection needs the place more.
    pub(crate) async fn gives_way(&self) {
        self.gives_way.cancelled().await;
    }

    /// The memory for bodies that the certificate's connections share.
    pub(crate) fn bodies(&self) -> BodyShare {
        self.bodies.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self
            .peers
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.open.remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.peers.with_open(self.number, |open| {
            open.busy -= 1;
            open.quiet_since = Instant::now();
        });
    }
}

fn full(limit: String) -> Refusal {
    let message = format!("{limit} are served already, none of them idle; try again later");
    Refusal::new(RefusalKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(connections: usize, per_certificate: usize) -> Arc<Peers> {
        let limit = |limit| NonZeroUsize::new(limit).unwrap();
        Arc::new(Peers::new(&CloudLimits {
            connections: limit(connections),
            connections_per_certificate: limit(per_certificate),
            runs_per_certificate: limit(2),
            ..CloudLimits::default()
        }))
    }

    fn edge(id: &str) -> Certified {
        Certified::Edge(Id::new(id).unwrap())
    }

    /// As if the connection had been quiet for longer than the grace.
    fn idle(seat: &Seat, longer: u64) {
        let past = Instant::now() - GRACE - Duration::from_secs(longer);
        seat.peers
            .with_open(seat.number, |open| open.quiet_since = past);
    }

    #[test]
    fn one_certificate_cannot_shut_out_the_others() {
        let peers = peers(4, 3);
        let greedy: Vec<Seat> = (0..3)
            .map(|_| peers.seat(&edge("greedy")).unwrap())
            .collect();
        assert!(peers.seat(&edge("greedy")).is_err());
        let _honest = peers.seat(&edge("honest")).unwrap();
        let refusal = peers.seat(&edge("late")).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
        drop(greedy);
        peers.seat(&edge("late")).unwrap();
    }

    #[test]
    fn the_longest_idle_of_whoever_has_the_most_gives_way() {
        let peers = peers(4, 4);
        let greedy: Vec<Seat> = (0..3)
            .map(|_| peers.seat(&edge("greedy")).unwrap())
            .collect();
        let honest = peers.seat(&edge("honest")).unwrap();
        idle(&honest, 100);
        idle(&greedy[0], 5);
        idle(&greedy[1], 50);
        let _late = peers.seat(&edge("late")).unwrap();
        let gone = |seat: &Seat| seat.gives_way.is_cancelled();
        assert_eq!(
            (greedy.iter().map(gone).collect::<Vec<_>>(), gone(&honest)),
            (vec![false, true, false], false)
        );
    }

    #[test]
    fn a_connection_with_a_request_under_way_does_not_give_way() {
        let peers = peers(1, 1);
        let seat = peers.seat(&edge("a")).unwrap();
        let busy = seat.busy();
        idle(&seat, 100);
        assert!(peers.seat(&edge("b")).is_err());
        drop(busy);
        // It has been quiet since just now.
        assert!(peers.seat(&edge("b")).is_err());
        idle(&seat, 0);
        let _other = peers.seat(&edge("b")).unwrap();
        assert!(seat.gives_way.is_cancelled());
        drop(seat);
        assert!(peers.seat(&edge("c")).is_err());
    }

    #[test]
    fn a_certificate_begins_so_many_runs_and_goes_on_with_them() {
        let peers = peers(1, 1);
        let run = |text: &str| Id::new(text).unwrap();
        for name in ["r1", "r2", "r1"] {
            peers.begin_run(&edge("a"), &run(name)).unwrap();
        }
        let refusal = peers.begin_run(&edge("a"), &run("r3")).unwrap_err();
        assert!(
            refusal.to_string().contains("--runs-per-certificate"),
            "{refusal}"
        );
        peers.begin_run(&edge("b"), &run("r3")).unwrap();
    }
}
