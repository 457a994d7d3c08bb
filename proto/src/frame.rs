use std::time::Duration;

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_policy::{MAX_ATTEMPTS, Verdict};

use crate::check;
use crate::message::InvalidMessage;
use crate::names::{Explanation, Name};
use crate::{Digest, wire};

/// The header that precedes a container on a frame's stream. It holds everything that the cloud needs from the edge
/// to run the head and to record the frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameHeader {
    /// The frame's index in the edge's run.
    pub frame: u64,
    /// The task of the feature.
    pub task: Task,
    /// The name of the image's source.
    pub source: Name,
    /// The image before preprocessing: heads of dense tasks answer at this size.
    pub image: ImageSize,
    /// The codec of every attempt.
    pub codec: Name,
    /// The metric that the decision was taken on; `None` when ungated.
    pub metric: Option<Name>,
    /// Every attempt in order, 1 to [`MAX_ATTEMPTS`], also those thrown away.
    pub attempts: Vec<Attempt>,
    /// The attempt whose container follows.
    pub shipped_attempt: usize,
    /// The reason why the policy chose that attempt.
    pub verdict: Verdict,
    /// The time spent in each of the edge's stages.
    pub stages: EdgeStages,
    /// The digest of the picture before preprocessing; `None` from edges that do not compute one.
    pub picture_digest: Option<Digest>,
}

/// The extent of an image in pixels, each side 1 to [`Self::MAX_SIDE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    width: u32,
    height: u32,
}

/// One pass through encoder, decoder and metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The step of the codec's ladder, 0 the cheapest.
    pub level: u32,
    /// The codec's own description of the level, such as "qp 34".
    pub label: Name,
    /// Entropy-coded bytes alone.
    pub payload_bytes: Bytes,
    /// The whole container, as it would be shipped.
    pub container_bytes: Bytes,
    /// Feature to container.
    pub encode: Duration,
    /// Container to feature, at the edge.
    pub decode: Duration,
    /// All metrics together.
    pub score: Duration,
    /// The values of the metrics, at most [`Self::MAX_SCORES`].
    pub scores: Vec<Score>,
    /// The reason why the attempt produced nothing to ship.
    pub failed: Option<Explanation>,
}

/// A metric's finite value: the edge's prediction, not the true distortion.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    metric: Name,
    value: f64,
}

/// The time spent in each of the edge's stages before the first byte was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeStages {
    /// Image to network input.
    pub preprocess: Duration,
    /// Network input to feature.
    pub extract: Duration,
    /// All attempts, decisions included.
    pub attempts: Duration,
    /// Waiting between stages.
    pub queue: Duration,
}

impl FrameHeader {
    /// The attempt whose container follows; `None` when the index is out of range: such a header is
    /// neither written nor read.
    #[must_use]
    pub fn shipped(&self) -> Option<&Attempt> {
        self.attempts.get(self.shipped_attempt)
    }

    /// Returns the number of container bytes that follow the header.
    #[must_use]
    pub fn container_bytes(&self) -> Bytes {
        self.shipped()
            .map_or(Bytes(0), |attempt| attempt.container_bytes)
    }
}

impl ImageSize {
    /// The longest side.
    pub const MAX_SIDE: u32 = 1 << 16;

    /// An image of `width × height` pixels.
    ///
    /// # Errors
    /// If a side is zero or longer than [`Self::MAX_SIDE`].
    pub fn new(width: u32, height: u32) -> Result<Self, InvalidMessage> {
        let fits = |side| (1..=Self::MAX_SIDE).contains(&side);
        check::expect(
            fits(width) && fits(height),
            "image size",
            format!("{width}x{height}"),
            format!("sides of 1 to {} pixels", Self::MAX_SIDE),
        )?;
        Ok(Self { width, height })
    }

    /// Columns.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Columns times rows.
    #[must_use]
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl Attempt {
    /// The most metrics that may score one attempt.
    pub const MAX_SCORES: usize = 64;
}

impl Score {
    /// A metric's value.
    ///
    /// # Errors
    /// If the value is NaN or infinite.
    pub fn new(metric: Name, value: f64) -> Result<Self, InvalidMessage> {
        check::finite("score", value).map(|value| Self { metric, value })
    }

    /// The metric.
    #[must_use]
    pub const fn metric(&self) -> &Name {
        &self.metric
    }

    /// Its value, in the metric's own unit and direction.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }
}

impl From<ImageSize> for wire::ImageSize {
    fn from(image: ImageSize) -> Self {
        Self {
            width: image.width,
            height: image.height,
        }
    }
}

impl TryFrom<wire::ImageSize> for ImageSize {
    type Error = InvalidMessage;

    fn try_from(wire: wire::ImageSize) -> Result<Self, Self::Error> {
        Self::new(wire.width, wire.height)
    }
}

impl From<&Attempt> for wire::Attempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            level: attempt.level,
            label: attempt.label.to_string(),
            payload_bytes: attempt.payload_bytes.0,
            container_bytes: attempt.container_bytes.0,
            encode_us: check::micros(attempt.encode),
            decode_us: check::micros(attempt.decode),
            score_us: check::micros(attempt.score),
            scores: attempt.scores.iter().map(Into::into).collect(),
            failed: attempt.failed.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<wire::Attempt> for Attempt {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Attempt) -> Result<Self, Self::Error> {
        check::count("scores", wire.scores.len(), (0, Self::MAX_SCORES))?;
        check::expect(
            wire.payload_bytes <= wire.container_bytes,
            "payload bytes",
            wire.payload_bytes,
            format!("at most the container's {}", wire.container_bytes),
        )?;
        Ok(Self {
            level: wire.level,
            label: check::name("level label", wire.label)?,
            payload_bytes: Bytes(wire.payload_bytes),
            container_bytes: Bytes(wire.container_bytes),
            encode: Duration::from_micros(wire.encode_us),
            decode: Duration::from_micros(wire.decode_us),
            score: Duration::from_micros(wire.score_us),
            scores: wire
                .scores
                .into_iter()
                .map(Score::try_from)
                .collect::<Result<_, _>>()?,
            failed: wire.failed.map(Into::into),
        })
    }
}

impl From<&Score> for wire::Score {
    fn from(score: &Score) -> Self {
        Self {
            metric: score.metric.to_string(),
            value: score.value,
        }
    }
}

impl TryFrom<wire::Score> for Score {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Score) -> Result<Self, Self::Error> {
        Self::new(check::name("score metric", wire.metric)?, wire.value)
    }
}

impl From<EdgeStages> for wire::EdgeStages {
    fn from(stages: EdgeStages) -> Self {
        Self {
            preprocess_us: check::micros(stages.preprocess),
            extract_us: check::micros(stages.extract),
            attempts_us: check::micros(stages.attempts),
            queue_us: check::micros(stages.queue),
        }
    }
}

impl From<wire::EdgeStages> for EdgeStages {
    fn from(wire: wire::EdgeStages) -> Self {
        Self {
            preprocess: Duration::from_micros(wire.preprocess_us),
            extract: Duration::from_micros(wire.extract_us),
            attempts: Duration::from_micros(wire.attempts_us),
            queue: Duration::from_micros(wire.queue_us),
        }
    }
}

const fn verdict_to_wire(verdict: Verdict) -> i32 {
    use wire::frame_header::Verdict as Wire;
    let wire = match verdict {
        Verdict::Ungated => Wire::Ungated,
        Verdict::Passed => Wire::Passed,
        Verdict::BestEffort => Wire::BestEffort,
    };
    wire as i32
}

fn verdict(wire: i32) -> Result<Verdict, InvalidMessage> {
    use wire::frame_header::Verdict as Wire;
    match Wire::try_from(wire) {
        Ok(Wire::Ungated) => Ok(Verdict::Ungated),
        Ok(Wire::Passed) => Ok(Verdict::Passed),
        Ok(Wire::BestEffort) => Ok(Verdict::BestEffort),
        Ok(Wire::Unspecified) | Err(_) => Err(InvalidMessage::UnknownValue {
            field: "verdict",
            actual: wire,
        }),
    }
}

impl From<&FrameHeader> for wire::FrameHeader {
    fn from(header: &FrameHeader) -> Self {
        Self {
            frame: header.frame,
            task: check::task_to_wire(header.task),
            source: header.source.to_string(),
            image: Some(header.image.into()),
            codec: header.codec.to_string(),
            metric: header
                .metric
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            attempts: header.attempts.iter().map(Into::into).collect(),
            shipped_attempt: u32::try_from(header.shipped_attempt).unwrap_or(u32::MAX),
            verdict: verdict_to_wire(header.verdict),
            stages: Some(header.stages.into()),
            container_bytes: header.container_bytes().0,
            picture_digest: check::optional_digest_to_wire(header.picture_digest),
        }
    }
}

impl TryFrom<wire::FrameHeader> for FrameHeader {
    type Error = InvalidMessage;

    fn try_from(wire: wire::FrameHeader) -> Result<Self, Self::Error> {
        check::count("attempts", wire.attempts.len(), (1, MAX_ATTEMPTS))?;
        let header = Self {
            frame: wire.frame,
            task: check::task("task", wire.task)?,
            source: check::name("source", wire.source)?,
            image: check::required("image", wire.image)?.try_into()?,
            codec: check::name("codec", wire.codec)?,
            metric: check::optional_name("metric", wire.metric)?,
            attempts: wire
                .attempts
                .into_iter()
                .map(Attempt::try_from)
                .collect::<Result<_, _>>()?,
            shipped_attempt: usize::try_from(wire.shipped_attempt).unwrap_or(usize::MAX),
            verdict: verdict(wire.verdict)?,
            stages: check::required("stages", wire.stages)?.into(),
            picture_digest: check::optional_digest("picture digest", &wire.picture_digest)?,
        };
        check_shipped(&header, wire.container_bytes)?;
        Ok(header)
    }
}

/// The shipped attempt must exist, have succeeded, and be as long as the bytes that follow.
fn check_shipped(header: &FrameHeader, container_bytes: u64) -> Result<(), InvalidMessage> {
    let attempts = header.attempts.len();
    let Some(shipped) = header.shipped() else {
        return Err(InvalidMessage::Unexpected {
            field: "shipped attempt",
            actual: header.shipped_attempt.to_string(),
            expected: format!("one of {attempts} attempts"),
        });
    };
    check::expect(
        shipped.failed.is_none(),
        "shipped attempt",
        "a failed one",
        "one that succeeded",
    )?;
    let expected = shipped.container_bytes.0;
    check::expect(
        container_bytes == expected && expected > 0,
        "container bytes",
        container_bytes,
        format!("the shipped attempt's {expected}, and not 0"),
    )
}
