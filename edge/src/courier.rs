//! Reference, frame, settlement; and what to do when the cloud is away.
//!
//! One frame is under way at a time, so that every datagram belongs to a frame. A frame that cannot be
//! sent at once goes to the spool, and is sent from memory all the same when the cloud is back. The
//! cloud knows frames by number, so a frame whose reply was lost may be sent again.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::time::{Duration, Instant};

use splitsim_feature::units::Bytes;
use splitsim_proto::{FrameReply, FrameResult, RequestErrorKind, Settlement};
use splitsim_transport::{Backoff, CloseCode, Connection, FrameSession, TransportError};
use tokio::sync::mpsc::Receiver;
use tokio::time::{interval, sleep};

use crate::outbox::{Outbox, OutboxError};
use crate::parcel::Parcel;
use crate::stages::{Made, Shared, score_of};
use crate::timeline::{Clock, ExperimentLog};
use crate::uplink::{Trouble, Uplink};
use crate::{EdgeEvent, FailedFrame, FrameRecord};

/// What brings frames to the cloud.
#[derive(Debug)]
pub(crate) struct Courier {
    uplink: Uplink,
    outbox: Outbox,
    retry: Backoff,
    shared: Shared,
    log: ExperimentLog,
    unsettled: VecDeque<Settlement>,
    halt: Option<Halt>,
    tally: Tally,
}

/// What became of the frames.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: Vec<FrameRecord>,
    pub(crate) dropped: Vec<u64>,
    pub(crate) failed: Vec<FailedFrame>,
    pub(crate) kept: Vec<u64>,
    pub(crate) unsettled: usize,
}

/// Why nothing more is sent.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody asked for it.
    Interrupted,
    /// The cloud is lost.
    Lost(TransportError),
}

/// How the courier's work ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) tally: Tally,
    pub(crate) halt: Option<Halt>,
    /// Whether all that the stages made was taken from them; an error of the disk ends it early.
    pub(crate) drained: Result<bool, OutboxError>,
}

/// What came of an attempt to deliver.
enum Delivery {
    Answered(Box<Replied>),
    Refused(String),
    Halted(Halt),
}

/// The cloud's answer to a frame, with what was measured of it.
struct Replied {
    result: FrameResult,
    stream_bytes: Bytes,
    transfer: Duration,
}

/// A time in which nothing gets through.
struct Outage {
    since: Instant,
    failures: u32,
}

impl Courier {
    pub(crate) fn new(
        uplink: Uplink,
        outbox: Outbox,
        retry: Backoff,
        shared: Shared,
        unsettled: Vec<Settlement>,
    ) -> Self {
        Self {
            uplink,
            outbox,
            retry,
            log: ExperimentLog::new(shared.depth + FRAMES_IN_HAND),
            shared,
            unsettled: unsettled.into(),
            halt: None,
            tally: Tally::default(),
        }
    }

    /// Brings the spooled frames to the cloud, then what the stages make.
    pub(crate) async fn run(mut self, mut made: Receiver<Made>, spooled: BTreeSet<u64>) -> Ended {
        let drained = self.work(&mut made, spooled).await;
        self.tally.unsettled = self.unsettled.len();
        let (code, reason) = match (&self.halt, &drained) {
            (_, Err(error)) => (CloseCode::Failed, error.to_string()),
            (None, Ok(_)) => (CloseCode::Done, String::new()),
            (Some(Halt::Interrupted), Ok(_)) => (CloseCode::Shutdown, "interrupted".to_owned()),
            (Some(Halt::Lost(error)), Ok(_)) => (CloseCode::Failed, error.to_string()),
        };
        self.uplink.close(code, &reason).await;
        Ended {
            tally: self.tally,
            halt: self.halt,
            drained,
        }
    }

    async fn work(
        &mut self,
        made: &mut Receiver<Made>,
        spooled: BTreeSet<u64>,
    ) -> Result<bool, OutboxError> {
        self.reach().await?;
        for frame in spooled {
            match self.halt {
                None => {
                    let parcel = self.outbox.spool.take(frame)?;
                    self.handle(parcel).await?;
                }
                Some(_) => self.tally.kept.push(frame),
            }
        }
        let stop = self.shared.stop.clone();
        loop {
            let next = tokio::select! {
                biased;
                next = made.recv() => next,
                () = stop.expired() => return Ok(false),
            };
            match next {
                Some(Made::Parcel(parcel)) => self.handle(*parcel).await?,
                Some(Made::Dropped(frame)) => self.tally.dropped.push(frame),
                Some(Made::Failed(failed)) => self.fail(failed).await,
                None => break,
            }
        }
        self.settle_last().await?;
        Ok(true)
    }

    /// Says hello before anything is sent, and tells what an earlier process could not.
    async fn reach(&mut self) -> Result<(), OutboxError> {
        match self.uplink.connect(&self.retry).await {
            Ok(()) => self.settle().await,
            Err(Trouble::Stopped) => {
                self.halt(Halt::Interrupted);
                Ok(())
            }
            Err(Trouble::Passing(error) | Trouble::Lasting(error)) => {
                self.halt(Halt::Lost(error));
                Ok(())
            }
            // No frame has been sent that could be at fault.
            Err(Trouble::Frame(_)) => Ok(()),
        }
    }

    /// From now on frames are spooled, and no more are made.
    fn halt(&mut self, halt: Halt) {
        self.shared.stop.request();
        self.halt = Some(halt);
    }

    /// Delivers a frame, or keeps it for another time.
    async fn handle(&mut self, mut parcel: Parcel) -> Result<(), OutboxError> {
        if self.halt.is_none() {
            match self.deliver(&mut parcel).await? {
                Delivery::Answered(replied) => return self.answered(parcel, *replied).await,
                Delivery::Refused(reason) => return self.refused(parcel, reason).await,
                Delivery::Halted(halt) => self.halt(halt),
            }
        }
        self.keep(&mut parcel).await?;
        self.tally.kept.push(parcel.frame());
        Ok(())
    }

    /// Sends a frame until it is answered, cannot be, or the cloud has been away for too long.
    async fn deliver(&mut self, parcel: &mut Parcel) -> Result<Delivery, OutboxError> {
        let stop = self.shared.stop.clone();
        let mut outage: Option<Outage> = None;
        loop {
            // Connecting anew may take long: until then the frame is safe on the disk.
            if self.uplink.is_broken() {
                self.keep(parcel).await?;
            }
            let retry = outage
                .as_ref()
                .map_or(self.retry, |outage| outage.left(&self.retry));
            let trouble = tokio::select! {
                biased;
                () = stop.expired() => Trouble::Stopped,
                attempt = self.attempt(parcel, &retry) => match attempt {
                    Ok(replied) => return Ok(Delivery::Answered(Box::new(replied))),
                    Err(trouble) => trouble,
                },
            };
            let error = match trouble {
                Trouble::Passing(error) => error,
                Trouble::Frame(reason) => return Ok(Delivery::Refused(reason)),
                Trouble::Lasting(error) => return Ok(Delivery::Halted(Halt::Lost(error))),
                Trouble::Stopped => return Ok(Delivery::Halted(Halt::Interrupted)),
            };
            self.keep(parcel).await?;
            let outage = outage.get_or_insert_with(Outage::begin);
            if let Some(halt) = self.wait_out(outage, error).await {
                return Ok(Delivery::Halted(halt));
            }
        }
    }

    /// Waits before the next attempt, unless there is to be none.
    async fn wait_out(&self, outage: &mut Outage, error: TransportError) -> Option<Halt> {
        let Some(delay) = outage.next_delay(&self.retry) else {
            return Some(Halt::Lost(TransportError::GaveUp {
                attempts: outage.failures,
                elapsed: outage.since.elapsed(),
                last: Box::new(error),
            }));
        };
        let event = EdgeEvent::Retrying {
            attempts: outage.failures,
            delay,
            reason: error.to_string(),
        };
        self.shared.tell(event).await;
        tokio::select! {
            biased;
            () = self.shared.stop.requested() => Some(Halt::Interrupted),
            () = sleep(delay) => None,
        }
    }

    /// One attempt: the reference, unless the cloud has it, and the frame.
    async fn attempt(&mut self, parcel: &mut Parcel, retry: &Backoff) -> Result<Replied, Trouble> {
        let frames = self.uplink.frames(retry).await?;
        if let Some(reference) = &parcel.reference
            && !parcel.reference_known
        {
            let start = Instant::now();
            let sent = self.uplink.send_reference(reference, retry).await;
            self.log.record(start, Instant::now());
            sent?;
            parcel.reference_known = true;
        }
        self.shared.tell(shipped(parcel)).await;
        self.send(parcel, &frames).await
    }

    async fn send(
        &mut self,
        parcel: &mut Parcel,
        frames: &FrameSession,
    ) -> Result<Replied, Trouble> {
        let counter = frames.connection().link_counter();
        let stages = &mut parcel.header.stages;
        parcel.timeline.open(Instant::now(), &self.log, stages);
        let sent = frames.send_frame(&parcel.header, parcel.container.clone());
        let sent = watched(&self.shared, frames.connection(), sent).await;
        let replied = Instant::now();
        parcel.timeline.add_link(counter.usage());
        let sent = sent.map_err(|error| self.uplink.frames_failed(error))?;
        let result = match sent.reply {
            FrameReply::Result(result) => result,
            FrameReply::Failed(source) => {
                if source.kind == RequestErrorKind::ReferenceMissing {
                    parcel.reference_known = false;
                }
                let peer = frames.connection().peer();
                let frame = parcel.frame();
                let rejected = TransportError::Rejected {
                    peer,
                    frame,
                    source,
                };
                return Err(self.uplink.frames_failed(rejected));
            }
        };
        let transfer = parcel.timeline.transfer(replied, &self.log, result.stages);
        // Of a frame that was sent again, the time does not belong to these bytes alone.
        if parcel.timeline.sends == 1 {
            let path = frames.connection().path();
            self.shared.link.observe(sent.stream_bytes, transfer, path);
        }
        let measured = replied.checked_sub(result.stages.experiment);
        self.log.record(measured.unwrap_or(replied), replied);
        self.uplink.frame_answered();
        Ok(Replied {
            result,
            stream_bytes: sent.stream_bytes,
            transfer,
        })
    }

    async fn answered(&mut self, parcel: Parcel, replied: Replied) -> Result<(), OutboxError> {
        let Replied {
            result,
            stream_bytes,
            transfer,
        } = replied;
        let record = FrameRecord::new(&parcel, &result, transfer, stream_bytes);
        self.outbox.journal.answered(&record).await?;
        if parcel.spooled {
            self.outbox.spool.remove(parcel.frame())?;
        }
        if parcel.reference.is_some() {
            self.unsettled.push_back(record.settlement());
        }
        let event = EdgeEvent::Replied(Box::new(record.clone()));
        self.shared.tell(event).await;
        self.tally.answered.push(record);
        self.settle().await
    }

    /// A frame that the cloud does not take now is not taken unchanged later: if it is spooled, it is
    /// forgotten, and made anew when the run is continued.
    async fn refused(&mut self, parcel: Parcel, reason: String) -> Result<(), OutboxError> {
        let frame = parcel.frame();
        if parcel.spooled {
            self.outbox.spool.remove(frame)?;
        }
        self.fail(FailedFrame { frame, reason }).await;
        Ok(())
    }

    async fn fail(&mut self, failed: FailedFrame) {
        self.shared.tell(EdgeEvent::Failed(failed.clone())).await;
        self.tally.failed.push(failed);
    }

    /// Puts a frame into the spool, unless it is there.
    async fn keep(&mut self, parcel: &mut Parcel) -> Result<(), OutboxError> {
        if parcel.spooled {
            return Ok(());
        }
        let spool = self.outbox.spool.clone();
        let path = spool.path(parcel.frame());
        let stored = parcel.timeline.store(Clock::now(), &self.log);
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

    /// Tells the cloud what became known after its replies, as far as there is a connection for it.
    async fn settle(&mut self) -> Result<(), OutboxError> {
        let stop = self.shared.stop.clone();
        while let Some(settlement) = self.unsettled.front().copied() {
            let start = Instant::now();
            let told = tokio::select! {
                biased;
                () = stop.expired() => None,
                told = self.uplink.settle(&settlement) => told,
            };
            self.log.record(start, Instant::now());
            match told {
                Some(Ok(())) => self.outbox.journal.settled(settlement.frame).await?,
                Some(Err(trouble)) => {
                    tracing::warn!("settlement of frame {}: {trouble}", settlement.frame);
                    return Ok(());
                }
                None => return Ok(()),
            }
            self.unsettled.pop_front();
        }
        Ok(())
    }

    /// Settles what is left, over a new connection if it must be.
    async fn settle_last(&mut self) -> Result<(), OutboxError> {
        if self.halt.is_some() || self.unsettled.is_empty() {
            return Ok(());
        }
        match self.uplink.references(&self.retry).await {
            Ok(_) => self.settle().await,
            Err(_) => Ok(()),
        }
    }
}

impl Outage {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            failures: 0,
        }
    }

    /// The wait before the next attempt; `None` when the time for attempts is over.
    fn next_delay(&mut self, retry: &Backoff) -> Option<Duration> {
        self.failures += 1;
        let delay = retry.delay(self.failures);
        (self.since.elapsed() + delay < retry.total).then_some(delay)
    }

    /// What is left of the time for attempts.
    fn left(&self, retry: &Backoff) -> Backoff {
        Backoff {
            total: retry.total.saturating_sub(self.since.elapsed()),
            ..*retry
        }
    }
}

/// Tells how the connection is while something is sent over it, and at its end.
async fn watched<T>(shared: &Shared, connection: &Connection, work: impl Future<Output = T>) -> T {
    let tell = || {
        let event = EdgeEvent::Path(connection.path());
        // Where so many events wait that there is no room, this one is not missed.
        drop(shared.events.try_send(event));
    };
    let mut work = pin!(work);
    let mut tick = interval(WATCH_EVERY);
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                tell();
                return done;
            }
            _ = tick.tick() => tell(),
        }
    }
}

fn shipped(parcel: &Parcel) -> EdgeEvent {
    let header = &parcel.header;
    let metric = header.metric.as_ref().map(splitsim_proto::Name::as_str);
    let shipped = header.shipped();
    EdgeEvent::Shipped {
        frame: header.frame,
        level: shipped.map_or(0, |attempt| attempt.level),
        attempts: header.attempts.len(),
        container: header.container_bytes(),
        score: shipped.and_then(|attempt| score_of(attempt, metric)),
        verdict: header.verdict,
        sends: parcel.timeline.sends + 1,
    }
}

/// Finer than the round trips of most links, and few lines for a frame.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// Beside those in the channel: one that the gate holds out, and one that is being sent.
const FRAMES_IN_HAND: usize = 2;
