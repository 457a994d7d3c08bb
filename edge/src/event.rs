use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_policy::Verdict;
use splitsim_transport::{Channel, PathSnapshot};

use crate::{FailedFrame, FrameRecord};

/// An event of a run, sent as it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum EdgeEvent {
    /// All is ready, and work begins.
    Started {
        /// Frames of the source.
        frames: usize,
        /// Those of them that were answered in an earlier run of the same id.
        answered_before: usize,
        /// Those of them that wait in the spool since an earlier run.
        spooled_before: usize,
    },
    /// A connection is made.
    Connected {
        /// The channel that it serves.
        channel: Channel,
        /// The cloud.
        peer: SocketAddr,
        /// The cloud's description of its software.
        cloud: String,
    },
    /// The cloud did not answer, and will be asked again.
    Retrying {
        /// Attempts so far.
        attempts: u32,
        /// The wait before the next one.
        delay: Duration,
        /// The error of the last attempt.
        reason: String,
    },
    /// A feature is there.
    Extracted {
        /// The frame.
        frame: u64,
        /// Its picture's name.
        source: String,
        /// Picture to feature.
        took: Duration,
    },
    /// A feature was encoded, decoded and scored, or that failed.
    Attempt {
        /// The frame.
        frame: u64,
        /// The attempt's place, from 0.
        attempt: usize,
        /// The level tried.
        level: u32,
        /// The codec's name of the level, such as `qp 30`.
        label: String,
        /// Bytes that would be shipped; `None` when it failed.
        container: Option<Bytes>,
        /// The score by the policy's metric.
        score: Option<f64>,
        /// The reason why it failed; `None` if it did not.
        failed: Option<String>,
    },
    /// A frame is on its way. It may be shipped more than once.
    Shipped {
        /// The frame.
        frame: u64,
        /// The level shipped.
        level: u32,
        /// Encodings made.
        attempts: usize,
        /// Bytes of the container.
        container: Bytes,
        /// The score by the policy's metric.
        score: Option<f64>,
        /// The reason for this level.
        verdict: Verdict,
        /// The number of times it has been sent, this one included.
        sends: u32,
    },
    /// The state of the frames connection, about ten times a second while frames are under way, and whenever
    /// one is answered.
    Path(PathSnapshot),
    /// The cloud has answered a frame.
    Replied(Box<FrameRecord>),
    /// The policy ships nothing of a frame.
    Dropped {
        /// The frame.
        frame: u64,
        /// Encodings made.
        attempts: usize,
    },
    /// A frame came to nothing.
    Failed(FailedFrame),
    /// A frame could not be sent yet, and is safe on the disk.
    Spooled {
        /// The frame.
        frame: u64,
        /// Its file.
        path: PathBuf,
    },
    /// Somebody asked for an early end; what is under way is sent or spooled.
    Stopping,
}
