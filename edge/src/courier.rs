//! Delivery of references, frames and settlements, also while the cloud is away.
//!
//! The transport's options set the number of frames under way at once. Each has a [`Lane`], which takes the
//! next frame when its own is answered and settled. Lanes share connections, journal, spool and the account
//! of outages, so that a broken connection is one failure and is waited out once. A frame that cannot be
//! sent at once goes to the spool, and is sent from memory all the same when the cloud is back. The cloud
//! knows frames by number, so a frame whose reply was lost may be sent again.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use splitsim_proto::{PathSample, Settlement};
use splitsim_transport::{Backoff, CloseCode, Connection, PathSnapshot, TransportError};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use crate::journal::Journal;
use crate::lane::Lane;
use crate::lock::locked;
use crate::outage::Outages;
use crate::outbox::{Outbox, OutboxError};
use crate::parcel::Parcel;
use crate::spool::Spool;
use crate::stages::{Made, Shared};
use crate::timeline::{Clock, ExperimentLog};
use crate::uplink::{Trouble, Uplink};
use crate::{EdgeConfig, EdgeEvent, FailedFrame, FrameRecord};

/// Brings frames to the cloud.
#[derive(Debug)]
pub(crate) struct Courier {
    common: Arc<Common>,
    in_flight: NonZeroU32,
    retry: Backoff,
    log: ExperimentLog,
}

/// The state that lanes share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) uplink: Uplink,
    pub(crate) outages: Outages,
    pub(crate) shared: Shared,
    pub(crate) spool: Spool,
    journal: tokio::sync::Mutex<Journal>,
    spooled: Mutex<BTreeSet<u64>>,
    made: tokio::sync::Mutex<Receiver<Made>>,
    unsettled: Mutex<VecDeque<Unsettled>>,
    halt: Mutex<Option<Halt>>,
    tally: Mutex<Tally>,
    /// The time of the last path report.
    path_told: Mutex<Option<Instant>>,
}

/// A report on an answered frame that the cloud does not have yet.
#[derive(Debug, Clone, Copy)]
struct Unsettled {
    settlement: Settlement,
    /// The frames connection when the answer came; not known of a frame that another process sent.
    path: Option<(Instant, PathSnapshot)>,
}

/// The frames by outcome.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: Vec<FrameRecord>,
    pub(crate) dropped: Vec<u64>,
    pub(crate) failed: Vec<FailedFrame>,
    pub(crate) kept: Vec<u64>,
    pub(crate) unsettled: usize,
}

/// The reason why nothing more is sent.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody asked for it.
    Interrupted,
    /// The cloud is lost.
    Lost(TransportError),
}

/// The outcome of the courier's work.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) tally: Tally,
    pub(crate) halt: Option<Halt>,
    /// `true` if everything that the stages made was taken from them; an error of the disk ends the work early.
    pub(crate) drained: Result<bool, OutboxError>,
}

/// The frames and settlements to send.
#[derive(Debug)]
pub(crate) struct Freight {
    /// Frames of the spool, which come first.
    pub(crate) spooled: BTreeSet<u64>,
    /// The frames that the stages make.
    pub(crate) made: Receiver<Made>,
    /// Settlements that an earlier process could not tell.
    pub(crate) unsettled: Vec<Settlement>,
}

impl Courier {
    pub(crate) fn new(
        config: &EdgeConfig,
        uplink: Uplink,
        outbox: Outbox,
        freight: Freight,
        shared: Shared,
    ) -> Self {
        let Outbox { journal, spool } = outbox;
        let Freight {
            spooled,
            made,
            unsettled,
        } = freight;
        Self {
            log: ExperimentLog::new(shared.depth + FRAMES_IN_HAND),
            in_flight: config.transport.in_flight,
            retry: config.retry,
            common: Arc::new(Common {
                uplink,
                outages: Outages::new(config.retry),
                shared,
                spool,
                journal: tokio::sync::Mutex::new(journal),
                spooled: Mutex::new(spooled),
                made: tokio::sync::Mutex::new(made),
                unsettled: Mutex::new(unsettled.into_iter().map(Unsettled::of).collect()),
                halt: Mutex::default(),
                tally: Mutex::default(),
                path_told: Mutex::default(),
            }),
        }
    }

    /// Brings the spooled frames to the cloud, then what the stages make.
    pub(crate) async fn run(mut self) -> Ended {
        let drained = self.work().await;
        let Common {
            uplink,
            unsettled,
            halt,
            tally,
            ..
        } = &*self.common;
        let halt = locked(halt).take();
        let mut tally = std::mem::take(&mut *locked(tally));
        tally.unsettled = locked(unsettled).len();
        let (code, reason) = match (&halt, &drained) {
            (_, Err(error)) => (CloseCode::Failed, error.to_string()),
            (None, Ok(_)) => (CloseCode::Done, String::new()),
            (Some(Halt::Interrupted), Ok(_)) => (CloseCode::Shutdown, "interrupted".to_owned()),
            (Some(Halt::Lost(error)), Ok(_)) => (CloseCode::Failed, error.to_string()),
        };
        uplink.close(code, &reason).await;
        Ended {
            tally,
            halt,
            drained,
        }
    }

    async fn work(&mut self) -> Result<bool, OutboxError> {
        self.reach().await?;
        let mut lanes = JoinSet::new();
        for _ in 0..self.in_flight.get() {
            lanes.spawn(Lane::new(Arc::clone(&self.common), self.log.clone()).run());
        }
        let mut drained = true;
        while let Some(ended) = lanes.join_next().await {
            // None is aborted while it is waited for, so it can only have panicked.
            let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            // The first error ends the other lanes too.
            drained &= ended?;
        }
        if drained {
            self.settle_last().await?;
        }
        Ok(drained)
    }

    /// Says hello before anything is sent, and tells what an earlier process could not.
    async fn reach(&mut self) -> Result<(), OutboxError> {
        match self.common.uplink.connect(&self.retry).await {
            Ok(()) => self.common.settle(&mut self.log).await,
            Err(Trouble::Stopped) => {
                self.common.halt(Halt::Interrupted);
                Ok(())
            }
            Err(Trouble::Passing(error) | Trouble::Lasting(error)) => {
                self.common.halt(Halt::Lost(error));
                Ok(())
            }
            // No frame has been sent that could be at fault.
            Err(Trouble::Frame(_) | Trouble::Conflict(_) | Trouble::Repeat(_)) => Ok(()),
        }
    }

    /// Settles what is left, over a new connection if it must be.
    async fn settle_last(&mut self) -> Result<(), OutboxError> {
        if self.common.is_halted() || locked(&self.common.unsettled).is_empty() {
            return Ok(());
        }
        match self.common.uplink.references(&self.retry).await {
            Ok(_) => self.common.settle(&mut self.log).await,
            Err(_) => Ok(()),
        }
    }
}

impl Unsettled {
    const fn of(settlement: Settlement) -> Self {
        Self {
            settlement,
            path: None,
        }
    }

    /// The settlement as it is sent at `now`.
    fn message(&self, now: Instant) -> Settlement {
        let sample = |(at, path): (Instant, PathSnapshot)| PathSample {
            age: now.saturating_duration_since(at),
            rtt: path.rtt,
            min_rtt: path.min_rtt,
            window: path.congestion_window,
            mtu_bytes: u32::try_from(path.mtu.0).unwrap_or(u32::MAX),
            sent_packets: path.sent_packets,
            sent: path.sent,
            lost_packets: path.lost_packets,
            lost: path.lost,
            congestion_events: path.congestion_events,
        };
        Settlement {
            path: self.path.map(sample),
            ..self.settlement
        }
    }
}

impl Common {
    /// The next frame of the spool.
    pub(crate) fn next_spooled(&self) -> Option<u64> {
        locked(&self.spooled).pop_first()
    }

    /// Returns the next frame that the stages make; `None` when all are made.
    pub(crate) async fn next_made(&self) -> Option<Made> {
        self.made.lock().await.recv().await
    }

    /// From now on frames are spooled, and no more are made. The first reason counts: the others come of
    /// it.
    pub(crate) fn halt(&self, halt: Halt) {
        locked(&self.halt).get_or_insert(halt);
        self.shared.stop.request();
    }

    pub(crate) fn is_halted(&self) -> bool {
        locked(&self.halt).is_some()
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        locked(&self.tally)
    }

    /// Records an answered frame in the journal, and reports it to the listener.
    pub(crate) async fn answered(
        &self,
        parcel: &Parcel,
        record: FrameRecord,
        path: (Instant, PathSnapshot),
    ) -> Result<(), OutboxError> {
        self.journal.lock().await.answered(&record).await?;
        if parcel.spooled {
            self.spool.remove(parcel.frame())?;
        }
        if parcel.reference.is_some() {
            let path = Some(path);
            locked(&self.unsettled).push_back(Unsettled {
                settlement: record.settlement(),
                path,
            });
        }
        let event = EdgeEvent::Replied(Box::new(record.clone()));
        self.shared.tell(event).await;
        self.tally().answered.push(record);
        Ok(())
    }

    pub(crate) async fn fail(&self, failed: FailedFrame) {
        self.shared.tell(EdgeEvent::Failed(failed.clone())).await;
        self.tally().failed.push(failed);
    }

    /// Puts a frame into the spool, unless it is there.
    pub(crate) async fn keep(
        &self,
        parcel: &mut Parcel,
        log: &ExperimentLog,
    ) -> Result<(), OutboxError> {
        if parcel.spooled {
            return Ok(());
        }
        let spool = self.spool.clone();
        let path = spool.path(parcel.frame());
        let stored = parcel.timeline.store(Clock::now(), log);
        let copy = parcel.clone();
        let written = tokio::task::spawn_blocking(move || spool.put(&copy, stored)).await;
        written.map_err(|source| OutboxError::Io {
            operation: "write",
            path: path.clone(),
            source: source.into(),
        })??;
        parcel.spooled = true;
        let frame = parcel.frame();
        self.shared.tell(EdgeEvent::Spooled { frame, path }).await;
        Ok(())
    }

    /// Tells the cloud what became known after its replies, as far as there is a connection for it. What
    /// that took goes into `log`.
    pub(crate) async fn settle(&self, log: &mut ExperimentLog) -> Result<(), OutboxError> {
        loop {
            let Some(unsettled) = locked(&self.unsettled).pop_front() else {
                return Ok(());
            };
            let start = Instant::now();
            let settlement = unsettled.message(start);
            let told = tokio::select! {
                biased;
                () = self.shared.stop.expired() => None,
                told = self.uplink.settle(&settlement) => told,
            };
            log.record(start, Instant::now());
            match told {
                Some(Ok(())) => {
                    let mut journal = self.journal.lock().await;
                    journal.settled(settlement.frame).await?;
                    continue;
                }
                Some(Err(trouble)) => {
                    tracing::warn!("settlement of frame {}: {trouble}", settlement.frame);
                }
                None => {}
            }
            locked(&self.unsettled).push_front(unsettled);
            return Ok(());
        }
    }

    /// `true` if it is time for the next path report.
    pub(crate) fn path_is_due(&self) -> bool {
        // Half of the interval: lanes whose ticks fall between each other's do not tell the same twice.
        let told = *locked(&self.path_told);
        told.is_none_or(|told| told.elapsed() >= Lane::WATCH_EVERY / 2)
    }

    /// Tells how the frames connection is.
    pub(crate) fn tell_path(&self, connection: &Connection) {
        *locked(&self.path_told) = Some(Instant::now());
        let event = EdgeEvent::Path(connection.path());
        // Where so many events wait that there is no room, this one is not missed.
        drop(self.shared.events.try_send(event));
    }
}

/// Beside those in the channel: one that the gate holds out, and one that is being sent.
const FRAMES_IN_HAND: usize = 2;
