use std::time::Duration;

use splitsim_feature::Task;

use crate::check;
use crate::failure::RequestError;
use crate::message::InvalidMessage;
use crate::wire;

/// The cloud's answer to a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameReply {
    /// The head has run.
    Result(FrameResult),
    /// It has not.
    Failed(RequestError),
}

/// The cloud's result for a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameResult {
    /// The frame's index in the edge's run.
    pub frame: u64,
    /// The head's answer in short.
    pub outcome: Outcome,
    /// The time spent in each of the cloud's stages.
    pub stages: CloudStages,
    /// `true` if the frame is durably in the run's store.
    pub stored: bool,
    /// `true` if the frame was in the store before this request.
    pub duplicate: bool,
}

/// A task head's answer in short.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Classification.
    Cls {
        /// The most likely classes, best first, 1 to [`Outcome::MAX_RANKED`].
        ranked: Vec<ClassScore>,
    },
    /// Segmentation.
    Seg {
        /// The classes that occur, ascending, at most [`Outcome::MAX_CLASSES`].
        classes: Vec<ClassPixels>,
    },
    /// Depth, over the whole image, in metres.
    Dpt {
        /// The nearest pixel.
        min_m: f32,
        /// The mean.
        mean_m: f32,
        /// The farthest pixel.
        max_m: f32,
    },
}

/// A class and the head's score of it: larger is more likely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScore {
    /// The class's index in the model's list.
    pub class: u32,
    /// The head's score, finite.
    pub score: f32,
}

/// A class and how many pixels were given to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassPixels {
    /// The class's index in the model's list.
    pub class: u32,
    /// Pixels of the original image.
    pub pixels: u64,
}

/// The time spent in each of the cloud's stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CloudStages {
    /// From the frame's last byte until decoding began.
    pub queue: Duration,
    /// Container to feature.
    pub decode: Duration,
    /// Feature to outcome.
    pub head: Duration,
    /// Work that only the experiment needs: reference head, distortion, storing.
    pub experiment: Duration,
}

impl FrameResult {
    /// The task of the outcome.
    #[must_use]
    pub const fn task(&self) -> Task {
        self.outcome.task()
    }
}

impl Outcome {
    /// The most classes that a classification names.
    pub const MAX_RANKED: usize = 5;
    /// The most classes that a segmentation names.
    pub const MAX_CLASSES: usize = 4096;

    /// The task whose head gives this kind of answer.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Cls { .. } => Task::Cls,
            Self::Seg { .. } => Task::Seg,
            Self::Dpt { .. } => Task::Dpt,
        }
    }
}

impl CloudStages {
    /// All stages together.
    #[must_use]
    pub const fn total(self) -> Duration {
        self.queue
            .saturating_add(self.decode)
            .saturating_add(self.head)
            .saturating_add(self.experiment)
    }
}

impl From<CloudStages> for wire::CloudStages {
    fn from(stages: CloudStages) -> Self {
        Self {
            queue_us: check::micros(stages.queue),
            decode_us: check::micros(stages.decode),
            head_us: check::micros(stages.head),
            experiment_us: check::micros(stages.experiment),
        }
    }
}

impl From<wire::CloudStages> for CloudStages {
    fn from(wire: wire::CloudStages) -> Self {
        Self {
            queue: Duration::from_micros(wire.queue_us),
            decode: Duration::from_micros(wire.decode_us),
            head: Duration::from_micros(wire.head_us),
            experiment: Duration::from_micros(wire.experiment_us),
        }
    }
}

impl From<&Outcome> for wire::frame_result::Outcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Cls { ranked } => Self::Cls(wire::ClsOutcome {
                ranked: ranked.iter().map(class_score_to_wire).collect(),
            }),
            Outcome::Seg { classes } => Self::Seg(wire::SegOutcome {
                classes: classes.iter().map(class_pixels_to_wire).collect(),
            }),
            &Outcome::Dpt {
                min_m,
                mean_m,
                max_m,
            } => Self::Dpt(wire::DptOutcome {
                min_m,
                mean_m,
                max_m,
            }),
        }
    }
}

const fn class_score_to_wire(entry: &ClassScore) -> wire::ClassScore {
    wire::ClassScore {
        class: entry.class,
        score: entry.score,
    }
}

const fn class_pixels_to_wire(entry: &ClassPixels) -> wire::ClassPixels {
    wire::ClassPixels {
        class: entry.class,
        pixels: entry.pixels,
    }
}

impl TryFrom<wire::frame_result::Outcome> for Outcome {
    type Error = InvalidMessage;

    fn try_from(wire: wire::frame_result::Outcome) -> Result<Self, Self::Error> {
        match wire {
            wire::frame_result::Outcome::Cls(cls) => classification(&cls.ranked),
            wire::frame_result::Outcome::Seg(seg) => segmentation(&seg.classes),
            wire::frame_result::Outcome::Dpt(dpt) => depth(&dpt),
        }
    }
}

fn classification(ranked: &[wire::ClassScore]) -> Result<Outcome, InvalidMessage> {
    check::count("ranked classes", ranked.len(), (1, Outcome::MAX_RANKED))?;
    for entry in ranked {
        check::finite("class score", entry.score.into())?;
    }
    check::expect(
        ranked.is_sorted_by(|better, worse| better.score >= worse.score),
        "ranked classes",
        "out of order",
        "the best first",
    )?;
    let ranked = ranked.iter().map(|entry| ClassScore {
        class: entry.class,
        score: entry.score,
    });
    Ok(Outcome::Cls {
        ranked: ranked.collect(),
    })
}

fn segmentation(classes: &[wire::ClassPixels]) -> Result<Outcome, InvalidMessage> {
    check::count("classes", classes.len(), (0, Outcome::MAX_CLASSES))?;
    check::expect(
        classes.is_sorted_by(|lower, higher| lower.class < higher.class),
        "classes",
        "out of order or repeated",
        "each once, ascending",
    )?;
    let classes = classes.iter().map(|entry| ClassPixels {
        class: entry.class,
        pixels: entry.pixels,
    });
    Ok(Outcome::Seg {
        classes: classes.collect(),
    })
}

fn depth(wire: &wire::DptOutcome) -> Result<Outcome, InvalidMessage> {
    for metres in [wire.min_m, wire.mean_m, wire.max_m] {
        check::finite("depth", metres.into())?;
    }
    check::expect(
        wire.min_m <= wire.max_m,
        "least depth",
        wire.min_m,
        format!("at most the greatest, {}", wire.max_m),
    )?;
    Ok(Outcome::Dpt {
        min_m: wire.min_m,
        mean_m: wire.mean_m,
        max_m: wire.max_m,
    })
}

impl From<&FrameReply> for wire::FrameReply {
    fn from(reply: &FrameReply) -> Self {
        use wire::frame_reply::Reply;
        let reply = match reply {
            FrameReply::Result(result) => Reply::Result(wire::FrameResult {
                frame: result.frame,
                outcome: Some((&result.outcome).into()),
                stages: Some(result.stages.into()),
                stored: result.stored,
                duplicate: result.duplicate,
            }),
            FrameReply::Failed(error) => Reply::Error(error.into()),
        };
        Self { reply: Some(reply) }
    }
}

impl TryFrom<wire::FrameReply> for FrameReply {
    type Error = InvalidMessage;

    fn try_from(wire: wire::FrameReply) -> Result<Self, Self::Error> {
        use wire::frame_reply::Reply;
        match check::required("reply", wire.reply)? {
            Reply::Result(result) => Ok(Self::Result(FrameResult {
                frame: result.frame,
                outcome: check::required("outcome", result.outcome)?.try_into()?,
                stages: check::required("stages", result.stages)?.into(),
                stored: result.stored,
                duplicate: result.duplicate,
            })),
            Reply::Error(error) => Ok(Self::Failed(error.try_into()?)),
        }
    }
}
