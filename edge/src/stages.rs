//! The two stages before the courier, each on a thread of its own.

use std::collections::BTreeMap;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use splitsim_feature::Task;
use splitsim_policy::{Conditions, DecidedFrame};
use splitsim_proto::{Attempt, FrameHeader, Name};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::capture::{Capture, Captured, Ticket};
use crate::decisions::DecisionLog;
use crate::gate::{Choice, Gate, Gated};
use crate::link_meter::LinkMeter;
use crate::parcel::Parcel;
use crate::stop::Stop;
use crate::timeline::Timeline;
use crate::{EdgeError, EdgeEvent, FailedFrame};

/// The frames that the stages make, and the threads that make them.
#[derive(Debug)]
pub(crate) struct Stages {
    /// Ends when all is made.
    pub(crate) made: Receiver<Made>,
    pub(crate) threads: Threads,
}

/// The outcome of the stages for a frame.
#[derive(Debug)]
pub(crate) enum Made {
    Parcel(Box<Parcel>),
    /// The policy ships nothing of it.
    Dropped(u64),
    Failed(FailedFrame),
}

#[derive(Debug)]
pub(crate) struct Threads([(&'static str, JoinHandle<()>); 2]);

/// The state that all stages of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) events: Sender<EdgeEvent>,
    pub(crate) stop: Stop,
    pub(crate) depth: usize,
    pub(crate) link: LinkMeter,
}

impl Shared {
    /// Tells whoever listens. When the run is being given up nobody does.
    pub(crate) async fn tell(&self, event: EdgeEvent) {
        drop(self.events.send(event).await);
    }
}

/// The settings of the gate's thread.
pub(crate) struct GateSettings {
    pub(crate) gate: Gate,
    pub(crate) task: Task,
    pub(crate) codec: Name,
    pub(crate) decisions: DecisionLog,
    /// Decisions of an earlier process, by frame, that a kill kept from being carried out.
    pub(crate) standing: BTreeMap<u64, DecidedFrame>,
    /// The run's length at this process' start: that of earlier processes together.
    pub(crate) elapsed: Duration,
}

impl Stages {
    /// Starts both threads on these frames.
    pub(crate) fn start(
        capture: Capture,
        frames: impl Iterator<Item = u64> + Send + 'static,
        settings: GateSettings,
        shared: &Shared,
    ) -> Result<Self, EdgeError> {
        let (features, captured) = channel(shared.depth);
        let (parcels, made) = channel(shared.depth);
        let ahead = shared.clone();
        let capturing = spawn("capture", move || {
            capture_all(&capture, frames, &ahead, &features);
        })?;
        let beside = shared.clone();
        let gating = spawn("gate", move || {
            gate_all(settings, captured, &beside, &parcels);
        })?;
        Ok(Self {
            made,
            threads: Threads([capturing, gating]),
        })
    }
}

impl Threads {
    /// Waits for threads whose channels have ended, and finds out whether they did so in peace.
    pub(crate) fn join(self) -> Result<(), EdgeError> {
        self.0
            .into_iter()
            .try_for_each(|(stage, thread)| thread.join().map_err(|_| EdgeError::Broken { stage }))
    }
}

fn spawn(
    stage: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(&'static str, JoinHandle<()>), EdgeError> {
    Builder::new()
        .name(stage.to_owned())
        .spawn(work)
        .map(|thread| (stage, thread))
        .map_err(|source| EdgeError::Thread { stage, source })
}

/// Takes picture after picture, until all are taken, somebody asks for an end, or nobody listens.
fn capture_all(
    capture: &Capture,
    frames: impl Iterator<Item = u64>,
    shared: &Shared,
    features: &Sender<Result<Captured, FailedFrame>>,
) {
    for frame in frames {
        if shared.stop.is_requested() {
            return;
        }
        let captured = capture
            .take(frame)
            .map_err(|reason| FailedFrame { frame, reason });
        if let Ok(captured) = &captured {
            tell(&shared.events, extracted(&captured.ticket));
        }
        if features.blocking_send(captured).is_err() {
            return;
        }
    }
}

fn gate_all(
    mut settings: GateSettings,
    mut captured: Receiver<Result<Captured, FailedFrame>>,
    shared: &Shared,
    parcels: &Sender<Made>,
) {
    let begun = Instant::now();
    while let Some(captured) = captured.blocking_recv() {
        let made = match captured {
            Ok(captured) => {
                let conditions = Conditions {
                    now: settings.elapsed + begun.elapsed(),
                    age: captured.ticket.captured.elapsed(),
                    link: shared.link.estimate(),
                };
                gate_one(&mut settings, captured, conditions, &shared.events)
            }
            Err(failed) => Made::Failed(failed),
        };
        if parcels.blocking_send(made).is_err() {
            return;
        }
    }
}

/// The gate sees the feature; what else there is of the frame goes past it.
fn gate_one(
    settings: &mut GateSettings,
    captured: Captured,
    conditions: Conditions,
    events: &Sender<EdgeEvent>,
) -> Made {
    let Captured { ticket, feature } = captured;
    let frame = ticket.frame;
    let decisive = settings.gate.decisive().map(splitsim_cfqa::Metric::name);
    let heard = |index: usize, attempt: &Attempt| {
        tell(events, attempted(frame, index, attempt, decisive));
    };
    let failed = |reason: String| Made::Failed(FailedFrame { frame, reason });
    let gated = match settings.standing.get(&frame) {
        Some(decided) => settings.gate.repeat(decided, &feature, heard),
        None => {
            let (decided, gated) = settings.gate.choose(frame, &feature, conditions, heard);
            if let Err(error) = settings.decisions.add(&decided) {
                return failed(error.to_string());
            }
            settings.gate.observe(&decided);
            gated
        }
    };
    match gated {
        Gated::Shipped(choice) => {
            let points = feature.shape().points() as u64;
            Made::Parcel(Box::new(parcel(settings, ticket, *choice, points)))
        }
        Gated::Dropped { attempts } => {
            tell(events, EdgeEvent::Dropped { frame, attempts });
            Made::Dropped(frame)
        }
        Gated::Failed(error) => failed(error.to_string()),
    }
}

fn parcel(settings: &GateSettings, ticket: Ticket, choice: Choice, points: u64) -> Parcel {
    let Ticket {
        frame,
        source,
        image,
        picture_digest,
        captured,
        mut stages,
        reference,
    } = ticket;
    let chosen = Instant::now();
    stages.attempts = choice.took;
    let metric = settings.gate.decisive();
    Parcel {
        header: FrameHeader {
            frame,
            task: settings.task,
            source,
            image,
            codec: settings.codec.clone(),
            metric: metric.and_then(|metric| Name::new(metric.name()).ok()),
            attempts: choice.attempts,
            shipped_attempt: choice.shipped,
            verdict: choice.verdict,
            stages,
            picture_digest: Some(picture_digest),
        },
        container: choice.container,
        points,
        reference,
        timeline: Timeline::new(captured, chosen),
        reference_known: false,
        spooled: false,
        setbacks: 0,
    }
}

fn extracted(ticket: &Ticket) -> EdgeEvent {
    EdgeEvent::Extracted {
        frame: ticket.frame,
        source: ticket.source.to_string(),
        took: ticket.stages.preprocess + ticket.stages.extract,
    }
}

fn attempted(frame: u64, index: usize, attempt: &Attempt, decisive: Option<&str>) -> EdgeEvent {
    let failed = attempt.failed.as_ref().map(ToString::to_string);
    EdgeEvent::Attempt {
        frame,
        attempt: index,
        level: attempt.level,
        label: attempt.label.to_string(),
        container: failed.is_none().then_some(attempt.container_bytes),
        score: score_of(attempt, decisive),
        failed,
    }
}

/// An attempt's score by a metric.
pub(crate) fn score_of(attempt: &Attempt, metric: Option<&str>) -> Option<f64> {
    attempt
        .scores
        .iter()
        .find(|score| Some(score.metric().as_str()) == metric)
        .map(splitsim_proto::Score::value)
}

/// Nobody listens any more when the run is being given up, and then there is nobody to tell.
fn tell(events: &Sender<EdgeEvent>, event: EdgeEvent) {
    drop(events.blocking_send(event));
}
