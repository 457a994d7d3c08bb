//! One frame, from its bytes to its reply. Blocks on decoder, model and disk.

use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use splitsim_feature::Feature;
use splitsim_proto::{
    CloudStages, FrameHeader, FrameResult, Hello, Outcome, RequestError, RequestErrorKind,
};
use splitsim_results::{DistortionRecord, FrameIdentity, FrameKey, Recorded};
use splitsim_transport::ReceivedFrame;
use splitsim_vision::VisionError;

use crate::admission::{self, Admitted, decode_error};
use crate::experiment::{self, ExperimentError, Received};
use crate::references::{Directory, Found};
use crate::seldom::seldom;
use crate::shared::Shared;
use crate::tally::Event;
use crate::{outcome, records};

/// The time at which a frame's last byte arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) instant: Instant,
    pub(crate) time: SystemTime,
}

impl Arrival {
    pub(crate) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: SystemTime::now(),
        }
    }
}

/// Decodes a frame, runs the head, and records it with its true distortion.
pub(crate) fn process(
    shared: &Shared,
    hello: &Hello,
    frame: &ReceivedFrame,
    arrival: Arrival,
) -> Result<FrameResult, RequestError> {
    let mut job = Job {
        shared,
        header: &frame.header,
        identity: records::identity(frame),
        key: records::key(hello, frame.header.frame, frame.header.task),
        received_at: arrival.time,
        stages: CloudStages {
            queue: arrival.instant.elapsed(),
            ..CloudStages::default()
        },
    };
    let mut decoding = Stopwatch::start();
    let admitted = admission::admit(shared, hello, frame)?;
    job.stages.decode = decoding.lap();
    let recorded = job.is_recorded()?;
    let original = match recorded {
        true => None,
        false => job.original(hello)?,
    };
    job.stages.experiment = decoding.lap();
    let feature = admitted
        .codec
        .decode(&admitted.container)
        .map_err(|error| decode_error(&error))?;
    job.stages.decode += decoding.lap();
    job.finish(&admitted, &feature, original, recorded)
}

/// A frame that is being worked on.
struct Job<'a> {
    shared: &'a Shared,
    header: &'a FrameHeader,
    identity: FrameIdentity,
    key: FrameKey,
    received_at: SystemTime,
    stages: CloudStages,
}

impl Job<'_> {
    fn is_recorded(&self) -> Result<bool, RequestError> {
        self.shared
            .journal
            .with(|store| store.contains_same(&self.key, &self.identity))
            .map_err(|error| self.shared.not_recorded(&error))
    }

    /// Finds the frame's original feature and truth: among those from the edge if its hello announced references, else
    /// in the directory if there is one.
    fn original(&self, hello: &Hello) -> Result<Option<Found>, RequestError> {
        let references = &self.shared.references;
        let picture = self.header.picture_digest;
        if hello.references {
            let original = references.pool.find(&self.key, picture)?;
            return Ok(Some(Found::FromEdge(original)));
        }
        let source = self.header.source.as_str();
        let find = |directory: &Directory| directory.find(source, self.key.task, picture);
        let directory = references.directory.as_ref();
        Ok(directory.map(find).map(Found::FromDirectory))
    }

    /// From the decoded feature to the reply.
    fn finish(
        mut self,
        admitted: &Admitted<'_>,
        feature: &Feature,
        original: Option<Found>,
        recorded: bool,
    ) -> Result<FrameResult, RequestError> {
        let mut watch = Stopwatch::start();
        let (task, extent) = (self.key.task, admitted.extent);
        let output = self
            .shared
            .engine
            .run_head(task, feature, extent)
            .map_err(|error| head_error(&error))?;
        let outcome = outcome::of(&output);
        self.stages.head = watch.lap();
        let duplicate = recorded || {
            let received = Received {
                task,
                extent,
                feature,
                output: &output,
            };
            let distortion = self.distortion(original.as_ref(), received)?;
            self.stages.experiment += watch.lap();
            let recorded = self.record(feature, &outcome, distortion.as_ref())?;
            self.stages.experiment += watch.lap();
            recorded == Recorded::Duplicate
        };
        self.conclude(duplicate);
        Ok(FrameResult {
            frame: self.key.frame,
            outcome,
            stages: self.stages,
            stored: true,
            duplicate,
        })
    }

    fn distortion(
        &self,
        original: Option<&Found>,
        received: Received<'_>,
    ) -> Result<Option<DistortionRecord>, RequestError> {
        let Some(found) = original else {
            return Ok(None);
        };
        match experiment::measure(&self.shared.engine, found.original(), received) {
            Ok(record) => Ok(record),
            Err(ExperimentError::Head(error)) => Err(head_error(&error)),
            Err(error) => match found {
                Found::FromEdge(_) => {
                    // Otherwise a corrected one would count as a duplicate.
                    self.shared.references.pool.forget(&self.key);
                    Err(refused(RequestErrorKind::ReferenceRefused, &error))
                }
                Found::FromDirectory(_) => {
                    let source = self.header.source.as_str();
                    seldom!(warn, %error, source, "no distortion: the reference does not fit");
                    Ok(None)
                }
            },
        }
    }

    /// Records the frame durably. The time for recording is not part of the record.
    fn record(
        &self,
        feature: &Feature,
        outcome: &Outcome,
        distortion: Option<&DistortionRecord>,
    ) -> Result<Recorded, RequestError> {
        let frame = records::frame(
            (self.key.clone(), self.identity.clone()),
            self.header,
            feature.shape(),
            outcome,
            self.received_at,
        );
        let frame = frame.ok_or_else(|| {
            RequestError::new(
                RequestErrorKind::HeaderRefused,
                "the shipped attempt is none of the attempts",
            )
        })?;
        let attempts = records::attempts(self.header);
        let stages = records::stages(self.header.stages, self.stages);
        self.shared
            .journal
            .with(|store| store.record_frame(&frame, &attempts, distortion, &stages))
            .map_err(|error| self.shared.not_recorded(&error))
    }

    fn conclude(&self, duplicate: bool) {
        let shared = self.shared;
        if duplicate {
            shared.tally.count(Event::Duplicate);
            tracing::info!("answered again, recorded before");
            return;
        }
        shared.tally.count(Event::Frame);
        shared.references.pool.forget(&self.key);
        let mut unsettled = shared
            .unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unsettled.put(self.key.clone(), 1, self.stages.experiment);
        tracing::debug!(stages = ?self.stages, "recorded");
    }
}

/// Converts a head's failure into the error that the edge receives. The shape of the input was checked before, so
/// that a failure in libtorch is not the frame's fault.
fn head_error(error: &VisionError) -> RequestError {
    let kind = match error {
        VisionError::Torch(_)
        | VisionError::File(_)
        | VisionError::Io { .. }
        | VisionError::BrokeDown
        | VisionError::EngineGone => RequestErrorKind::BrokeDown,
        VisionError::Model(_)
        | VisionError::Feature(_)
        | VisionError::WeightFile { .. }
        | VisionError::MissingWeight { .. }
        | VisionError::WeightShape { .. }
        | VisionError::UnusedWeights { .. }
        | VisionError::Input { .. }
        | VisionError::HeadInput { .. }
        | VisionError::NotLoaded { .. }
        | VisionError::HeadOutput(_)
        | VisionError::Prediction(_)
        | VisionError::Training(_) => RequestErrorKind::HeadFailed,
    };
    RequestError::new(kind, error.to_string())
}

fn refused(kind: RequestErrorKind, error: &ExperimentError) -> RequestError {
    RequestError::new(kind, error.to_string())
}

/// Time since the last look.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}
