//! One frame after another, from the queue to its answer and settlement.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use splitsim_feature::units::Bytes;
use splitsim_policy::Company;
use splitsim_proto::{FrameReply, FrameResult, RequestError, RequestErrorKind};
use splitsim_transport::{Connection, PathSnapshot, TransportError};
use tokio::time::{interval, sleep_until};

use crate::courier::{Common, Halt};
use crate::outage::Failure;
use crate::outbox::OutboxError;
use crate::parcel::Parcel;
use crate::stages::{Made, score_of};
use crate::timeline::ExperimentLog;
use crate::uplink::{FrameLine, Trouble};
use crate::{EdgeEvent, FailedFrame, FrameRecord};

/// One of the places that frames have on the connection. It has one frame at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    common: Arc<Common>,
    /// The times in which experiment-only work held up this lane, and with it the frames that waited for it.
    log: ExperimentLog,
}

/// The outcome of an attempt to deliver a frame.
enum Delivery {
    Answered(Box<Replied>),
    /// The cloud will not take it as it is.
    Refused(String),
    /// The cloud does not take it, for no fault of its own.
    Kept(String),
    Halted,
}

/// The cloud's answer to a frame, with what was measured of it.
struct Replied {
    result: FrameResult,
    stream_bytes: Bytes,
    transfer: Duration,
    /// The connection when the answer was there.
    path: (Instant, PathSnapshot),
}

impl Lane {
    /// Finer than the round trips of most links, and few lines for a frame.
    pub(crate) const WATCH_EVERY: Duration = Duration::from_millis(100);

    /// Sends of one frame that the cloud may break down over. With the default waits it takes 11 s.
    const MAX_SETBACKS: u32 = 7;

    pub(crate) const fn new(common: Arc<Common>, log: ExperimentLog) -> Self {
        Self { common, log }
    }

    /// Brings one frame after another to the cloud, until there are no more. `false` when the time to end
    /// was over before.
    pub(crate) async fn run(mut self) -> Result<bool, OutboxError> {
        while let Some(frame) = self.common.next_spooled() {
            match self.common.is_halted() {
                false => {
                    let parcel = self.common.spool.take(frame)?;
                    self.handle(parcel).await?;
                }
                true => self.common.tally().kept.push(frame),
            }
        }
        let stop = self.common.shared.stop.clone();
        loop {
            let next = tokio::select! {
                biased;
                next = self.common.next_made() => next,
                () = stop.expired() => return Ok(false),
            };
            match next {
                Some(Made::Parcel(parcel)) => self.handle(*parcel).await?,
                Some(Made::Dropped(frame)) => self.common.tally().dropped.push(frame),
                Some(Made::Failed(failed)) => self.common.fail(failed).await,
                None => return Ok(true),
            }
        }
    }

    /// Delivers a frame, or keeps it for another time.
    async fn handle(&mut self, mut parcel: Parcel) -> Result<(), OutboxError> {
        match self.deliver(&mut parcel).await? {
            Delivery::Answered(replied) => self.answered(parcel, *replied).await,
            Delivery::Refused(reason) => self.refused(parcel, reason).await,
            Delivery::Kept(reason) => self.kept(parcel, reason).await,
            Delivery::Halted => {
                self.common.keep(&mut parcel, &self.log).await?;
                self.common.tally().kept.push(parcel.frame());
                Ok(())
            }
        }
    }

    /// Sends a frame until it is answered, cannot be, or nothing more is sent.
    async fn deliver(&mut self, parcel: &mut Parcel) -> Result<Delivery, OutboxError> {
        loop {
            self.wait_out().await;
            if self.common.is_halted() {
                return Ok(Delivery::Halted);
            }
            // Connecting anew may take long: until then the frame is safe on the disk.
            if self.common.uplink.is_broken() {
                self.common.keep(parcel, &self.log).await?;
            }
            let began = Instant::now();
            let outcome = self.attempt(parcel).await;
            match outcome {
                Ok(replied) => {
                    self.common.outages.succeeded(began);
                    return Ok(Delivery::Answered(Box::new(replied)));
                }
                Err(Trouble::Frame(reason)) => {
                    self.common.outages.succeeded(began);
                    return Ok(Delivery::Refused(reason));
                }
                Err(Trouble::Conflict(reason)) => {
                    self.common.outages.succeeded(began);
                    return Ok(Delivery::Kept(reason));
                }
                Err(Trouble::Repeat(error)) => {
                    self.common.outages.succeeded(began);
                    self.common.keep(parcel, &self.log).await?;
                    if let Err(last) = self.pause(parcel, error).await {
                        return Ok(Delivery::Kept(last.to_string()));
                    }
                }
                Err(Trouble::Passing(error)) => {
                    self.common.keep(parcel, &self.log).await?;
                    self.failed(began, error).await;
                }
                Err(Trouble::Lasting(error)) => self.common.halt(Halt::Lost(error)),
                Err(Trouble::Stopped) => self.common.halt(Halt::Interrupted),
            }
        }
    }

    /// Waits until an outage allows the next attempt. Where the run is to end, it is not waited for.
    async fn wait_out(&self) {
        while let Some(until) = self.common.outages.pause()
            && until > Instant::now()
            && !self.common.is_halted()
        {
            tokio::select! {
                biased;
                () = self.common.shared.stop.requested() => self.common.halt(Halt::Interrupted),
                () = sleep_until(until.into()) => {}
            }
        }
    }

    /// Waits before a frame is sent again that the cloud broke down over. An error gives it up: others may be
    /// served meanwhile, so it is not waited for as a cloud that is away.
    async fn pause(
        &self,
        parcel: &mut Parcel,
        error: TransportError,
    ) -> Result<(), TransportError> {
        parcel.setbacks += 1;
        let attempts = parcel.setbacks;
        if attempts >= Self::MAX_SETBACKS {
            return Err(error);
        }
        let delay = self.common.outages.delay(attempts);
        let event = EdgeEvent::Retrying {
            attempts,
            delay,
            reason: error.to_string(),
        };
        self.common.shared.tell(event).await;
        tokio::select! {
            biased;
            () = self.common.shared.stop.requested() => self.common.halt(Halt::Interrupted),
            () = tokio::time::sleep(delay) => {}
        }
        Ok(())
    }

    /// Notes the failure of an attempt that began then, and gives up when it was the last.
    async fn failed(&self, began: Instant, error: TransportError) {
        match self.common.outages.failed(began, Instant::now()) {
            Failure::New { attempts, delay } => {
                let event = EdgeEvent::Retrying {
                    attempts,
                    delay,
                    reason: error.to_string(),
                };
                self.common.shared.tell(event).await;
            }
            Failure::Known => {}
            Failure::Last { attempts, elapsed } => {
                self.common.halt(Halt::Lost(TransportError::GaveUp {
                    attempts,
                    elapsed,
                    last: Box::new(error),
                }));
            }
        }
    }

    /// One attempt: the reference, unless the cloud has it, and the frame.
    async fn attempt(&mut self, parcel: &mut Parcel) -> Result<Replied, Trouble> {
        let uplink = &self.common.uplink;
        let retry = self.common.outages.left(Instant::now());
        let line = self.in_time(uplink.frames(&retry)).await?;
        if let Some(reference) = &parcel.reference
            && !parcel.reference_known
        {
            let start = Instant::now();
            let sent = self.in_time(uplink.send_reference(reference, &retry)).await;
            self.log.record(start, Instant::now());
            sent?;
            parcel.reference_known = true;
        }
        self.common.shared.tell(shipped(parcel)).await;
        self.send(parcel, &line).await
    }

    async fn send(&mut self, parcel: &mut Parcel, line: &FrameLine) -> Result<Replied, Trouble> {
        let (frame, session) = (parcel.frame(), line.session());
        let opened = Instant::now();
        let stages = &mut parcel.header.stages;
        parcel.timeline.open(opened, &self.log, stages);
        line.enter(frame);
        let before = session.connection().path();
        let sending = session.send_frame(&parcel.header, parcel.container.clone());
        let sending = self.watched(session.connection(), sending);
        let sent = self.in_time(async { Ok(sending.await) }).await;
        let replied = Instant::now();
        let passage = line.leave(frame);
        parcel.timeline.add_link(passage.share);
        let uplink = &self.common.uplink;
        let sent = sent?.map_err(|error| uplink.frames_failed(line, error))?;
        let result = stored(sent.reply).map_err(|source| {
            if source.kind == RequestErrorKind::ReferenceMissing {
                parcel.reference_known = false;
            }
            let peer = session.connection().peer();
            let rejected = TransportError::Rejected {
                peer,
                frame,
                source,
            };
            uplink.frames_failed(line, rejected)
        })?;
        let transfer = parcel.timeline.transfer(replied, &self.log, result.stages);
        let path = session.connection().path();
        // Of a frame that was sent again, the time does not belong to these bytes alone.
        if parcel.timeline.sends == 1 {
            let company = (!passage.alone).then(|| Company {
                arrived: Bytes(path.arrived.0.saturating_sub(before.arrived.0)),
                span: replied - opened,
                min_rtt: path.min_rtt,
            });
            let link = &self.common.shared.link;
            link.observe(sent.stream_bytes, transfer, path, company);
        }
        let measured = replied.checked_sub(result.stages.experiment);
        self.log.record(measured.unwrap_or(replied), replied);
        uplink.frame_answered();
        Ok(Replied {
            result,
            stream_bytes: sent.stream_bytes,
            transfer,
            path: (replied, path),
        })
    }

    async fn answered(&mut self, parcel: Parcel, replied: Replied) -> Result<(), OutboxError> {
        let Replied {
            result,
            stream_bytes,
            transfer,
            path,
        } = replied;
        let record = FrameRecord::new(&parcel, &result, transfer, stream_bytes);
        self.common.answered(&parcel, record, path).await?;
        self.common.settle(&mut self.log).await
    }

    /// A frame that the cloud does not take now is not taken unchanged later: if it is spooled, it is
    /// forgotten, and made anew when the run is continued.
    async fn refused(&mut self, parcel: Parcel, reason: String) -> Result<(), OutboxError> {
        let frame = parcel.frame();
        if parcel.spooled {
            self.common.spool.remove(frame)?;
        }
        self.common.fail(FailedFrame { frame, reason }).await;
        Ok(())
    }

    /// A frame that another try, or another id, may bring to the cloud waits in the spool for it.
    async fn kept(&mut self, mut parcel: Parcel, reason: String) -> Result<(), OutboxError> {
        let frame = parcel.frame();
        self.common.keep(&mut parcel, &self.log).await?;
        self.common.tally().kept.push(frame);
        self.common.fail(FailedFrame { frame, reason }).await;
        Ok(())
    }

    /// Does some work, unless the time to end runs out first.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            () = self.common.shared.stop.expired() => Err(Trouble::Stopped),
            done = work => done,
        }
    }

    /// Tells how the connection is while something is sent over it, and at its end.
    async fn watched<T>(&self, connection: &Connection, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut tick = interval(Self::WATCH_EVERY);
        let mut begun = false;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    self.common.tell_path(connection);
                    return done;
                }
                _ = tick.tick() => {
                    // Other lanes watch the same connection.
                    if !begun || self.common.path_is_due() {
                        self.common.tell_path(connection);
                    }
                    begun = true;
                }
            }
        }
    }
}

/// The result, unless the cloud has not written it down: then there is none that anyone could rely on.
fn stored(reply: FrameReply) -> Result<FrameResult, RequestError> {
    match reply {
        FrameReply::Result(result) if result.stored => Ok(result),
        FrameReply::Result(_) => Err(RequestError::new(
            RequestErrorKind::StoreFailed,
            "the cloud has an answer, but did not write it down",
        )),
        FrameReply::Failed(error) => Err(error),
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
