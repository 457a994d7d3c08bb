use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use splitsim_feature::{Feature, FeatureShape, Task, units};

use crate::check;
use crate::failure::RequestError;
use crate::frame::ImageSize;
use crate::message::InvalidMessage;
use crate::{Digest, wire};

/// The data about a frame that an experiment's cloud receives outside the measured link: the original feature and the
/// ground truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    frame: u64,
    task: Task,
    feature: Feature,
    truth: Option<ReferenceTruth>,
    picture_digest: Option<Digest>,
}

/// The ground truth of one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum ReferenceTruth {
    /// The class of the image.
    Cls {
        /// Its index in the model's list.
        label: u32,
    },
    /// The class of every pixel, row by row.
    Seg {
        /// The extent of the mask.
        image: ImageSize,
        /// One class per pixel; 255 is ignored.
        mask: Vec<u8>,
    },
    /// The depth of every pixel, row by row.
    Dpt {
        /// The extent of the map.
        image: ImageSize,
        /// Metres, never NaN. A value that is not above 0 and below the task's range counts as unknown.
        depth_m: Vec<f32>,
    },
}

/// The header that precedes a reference's raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceHeader {
    /// The frame's index in the edge's run.
    pub frame: u64,
    /// The task of feature and truth.
    pub task: Task,
    /// The feature's shape; its values follow as 32-bit little-endian floats.
    pub shape: FeatureShape,
    /// The truth that follows the feature.
    pub truth: TruthKind,
    /// The digest of the picture, as in the frame's header.
    pub picture_digest: Option<Digest>,
}

/// The kind and extent of a ground truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TruthKind {
    /// None is known.
    None,
    /// A class, in the header itself.
    Cls {
        /// Its index in the model's list.
        label: u32,
    },
    /// A mask of one byte per pixel follows.
    Seg {
        /// Its extent.
        image: ImageSize,
    },
    /// A depth map of one 32-bit little-endian float per pixel follows.
    Dpt {
        /// Its extent.
        image: ImageSize,
    },
}

/// The measurements that the edge has of a frame only after its reply, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The frame's index in the edge's run.
    pub frame: u64,
    /// The frame's task.
    pub task: Task,
    /// Round trip less the cloud's stages.
    pub transfer: Duration,
    /// From the image's capture to the reply.
    pub end_to_end: Duration,
    /// Bytes written to the frame's stream.
    pub stream_bytes: units::Bytes,
    /// Bytes of UDP payload that left the edge meanwhile.
    pub udp_tx_bytes: units::Bytes,
    /// UDP datagrams that left the edge meanwhile.
    pub udp_tx_datagrams: u64,
    /// The number of times that the frame was sent until a reply came, at least 1.
    pub sends: u32,
    /// The frames connection when the reply had come, where known.
    pub path: Option<PathSample>,
}

/// The frames connection at one moment, as the edge's QUIC saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathSample {
    /// From the sample until the message was written.
    pub age: Duration,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// The least round-trip time seen.
    pub min_rtt: Duration,
    /// Congestion window.
    pub window: units::Bytes,
    /// The largest UDP payload that is known to get through.
    pub mtu_bytes: u32,
    /// Packets sent since the connection's beginning; so the following.
    pub sent_packets: u64,
    /// UDP payload sent.
    pub sent: units::Bytes,
    /// Packets declared lost.
    pub lost_packets: u64,
    /// Their bytes.
    pub lost: units::Bytes,
    /// The number of congestion events.
    pub congestion_events: u64,
}

/// A request of an edge on a reference connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceRequest {
    /// Keep this reference; its raw bytes follow.
    Reference(ReferenceHeader),
    /// Log this settlement.
    Settlement(Settlement),
}

/// The cloud's answer to a [`ReferenceRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceReply {
    /// The reference is kept.
    Reference(Ack),
    /// The settlement is logged.
    Settlement(Ack),
    /// The request was not carried out.
    Failed(RequestError),
}

/// Consent to a [`ReferenceRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The frame's index in the edge's run.
    pub frame: u64,
    /// The frame's task.
    pub task: Task,
    /// It was known already and has been left as it was.
    pub duplicate: bool,
}

impl Reference {
    /// A frame's reference.
    ///
    /// # Errors
    /// If the truth is of another task, does not fill its extent or holds NaN.
    pub fn new(
        frame: u64,
        task: Task,
        feature: Feature,
        truth: Option<ReferenceTruth>,
    ) -> Result<Self, InvalidMessage> {
        if let Some(truth) = &truth {
            truth.check(task)?;
        }
        Ok(Self {
            frame,
            task,
            feature,
            truth,
            picture_digest: None,
        })
    }

    /// The same, of the picture with this digest.
    #[must_use]
    pub fn of_picture(mut self, digest: Option<Digest>) -> Self {
        self.picture_digest = digest;
        self
    }

    /// The digest of the picture, where known.
    #[must_use]
    pub const fn picture_digest(&self) -> Option<Digest> {
        self.picture_digest
    }

    /// The frame's index in the edge's run.
    #[must_use]
    pub const fn frame(&self) -> u64 {
        self.frame
    }

    /// The task of feature and truth.
    #[must_use]
    pub const fn task(&self) -> Task {
        self.task
    }

    /// The feature before encoding.
    #[must_use]
    pub const fn feature(&self) -> &Feature {
        &self.feature
    }

    /// The ground truth, where known.
    #[must_use]
    pub const fn truth(&self) -> Option<&ReferenceTruth> {
        self.truth.as_ref()
    }

    /// Feature and ground truth.
    #[must_use]
    pub fn into_parts(self) -> (Feature, Option<ReferenceTruth>) {
        (self.feature, self.truth)
    }

    /// The header that goes first.
    #[must_use]
    pub fn header(&self) -> ReferenceHeader {
        ReferenceHeader {
            frame: self.frame,
            task: self.task,
            shape: self.feature.shape(),
            truth: self
                .truth
                .as_ref()
                .map_or(TruthKind::None, ReferenceTruth::kind),
            picture_digest: self.picture_digest,
        }
    }

    /// The raw bytes that follow the header: feature, then truth.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let values = self.feature.values();
        let mut body = BytesMut::with_capacity(size_of_val(values));
        values.iter().for_each(|&value| body.put_f32_le(value));
        match &self.truth {
            None | Some(ReferenceTruth::Cls { .. }) => {}
            Some(ReferenceTruth::Seg { mask, .. }) => body.put_slice(mask),
            Some(ReferenceTruth::Dpt { depth_m, .. }) => {
                depth_m.iter().for_each(|&metres| body.put_f32_le(metres));
            }
        }
        body.freeze()
    }

    /// Puts a received header and its raw bytes together.
    ///
    /// # Errors
    /// If the bytes are not as many as the header declares, or hold a value that is not finite.
    pub fn from_parts(header: &ReferenceHeader, body: &[u8]) -> Result<Self, InvalidMessage> {
        let expected = header.body_bytes().0;
        check::expect(
            body.len() as u64 == expected,
            "reference body",
            format!("{} bytes long", body.len()),
            format!("{expected} bytes"),
        )?;
        let (feature, truth) = body.split_at(header.shape.points() * size_of::<f32>());
        let feature = Feature::new(header.shape, floats(feature)).map_err(|error| {
            InvalidMessage::Unexpected {
                field: "reference feature",
                actual: error.to_string(),
                expected: "a feature".to_owned(),
            }
        })?;
        let truth = header.truth.read(truth);
        Self::new(header.frame, header.task, feature, truth)
            .map(|reference| reference.of_picture(header.picture_digest))
    }
}

impl ReferenceTruth {
    /// The task that this is a truth of.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Cls { .. } => Task::Cls,
            Self::Seg { .. } => Task::Seg,
            Self::Dpt { .. } => Task::Dpt,
        }
    }

    const fn kind(&self) -> TruthKind {
        match *self {
            Self::Cls { label } => TruthKind::Cls { label },
            Self::Seg { image, .. } => TruthKind::Seg { image },
            Self::Dpt { image, .. } => TruthKind::Dpt { image },
        }
    }

    fn check(&self, task: Task) -> Result<(), InvalidMessage> {
        check::expect(self.task() == task, "truth", self.task(), task)?;
        let (image, values) = match self {
            Self::Cls { .. } => return Ok(()),
            Self::Seg { image, mask } => (image, mask.len()),
            Self::Dpt { image, depth_m } => (image, depth_m.len()),
        };
        check::expect(
            values as u64 == image.pixels(),
            "truth",
            format!("{values} values"),
            format!("{} pixels", image.pixels()),
        )?;
        let has_nan =
            matches!(self, Self::Dpt { depth_m, .. } if depth_m.iter().any(|m| m.is_nan()));
        check::expect(!has_nan, "truth", "depth with NaN", "depth in metres")
    }
}

impl TruthKind {
    /// Raw bytes of such a truth.
    #[must_use]
    pub const fn bytes(self) -> units::Bytes {
        match self {
            Self::None | Self::Cls { .. } => units::Bytes(0),
            Self::Seg { image } => units::Bytes(image.pixels()),
            Self::Dpt { image } => units::Bytes(image.pixels() * size_of::<f32>() as u64),
        }
    }

    const fn task(self) -> Option<Task> {
        match self {
            Self::None => None,
            Self::Cls { .. } => Some(Task::Cls),
            Self::Seg { .. } => Some(Task::Seg),
            Self::Dpt { .. } => Some(Task::Dpt),
        }
    }

    fn read(self, bytes: &[u8]) -> Option<ReferenceTruth> {
        match self {
            Self::None => None,
            Self::Cls { label } => Some(ReferenceTruth::Cls { label }),
            Self::Seg { image } => Some(ReferenceTruth::Seg {
                image,
                mask: bytes.to_vec(),
            }),
            Self::Dpt { image } => Some(ReferenceTruth::Dpt {
                image,
                depth_m: floats(bytes),
            }),
        }
    }
}

impl ReferenceHeader {
    /// Raw bytes of the feature.
    #[must_use]
    pub const fn feature_bytes(&self) -> units::Bytes {
        units::Bytes((self.shape.points() * size_of::<f32>()) as u64)
    }

    /// Raw bytes that follow the header: feature and truth.
    #[must_use]
    pub fn body_bytes(&self) -> units::Bytes {
        self.feature_bytes() + self.truth.bytes()
    }
}

impl ReferenceReply {
    /// The consent.
    ///
    /// # Errors
    /// The cloud's error, when it did not consent.
    pub fn into_ack(self) -> Result<Ack, RequestError> {
        match self {
            Self::Reference(ack) | Self::Settlement(ack) => Ok(ack),
            Self::Failed(error) => Err(error),
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks();
    chunks.iter().copied().map(f32::from_le_bytes).collect()
}

impl From<&ReferenceHeader> for wire::ReferenceHeader {
    fn from(header: &ReferenceHeader) -> Self {
        use wire::reference_header::Truth;
        let truth = match header.truth {
            TruthKind::None => Truth::None(wire::NoTruth {}),
            TruthKind::Cls { label } => Truth::Cls(wire::ClsTruth { label }),
            TruthKind::Seg { image } => Truth::Seg(wire::SegTruth {
                image: Some(image.into()),
            }),
            TruthKind::Dpt { image } => Truth::Dpt(wire::DptTruth {
                image: Some(image.into()),
            }),
        };
        let extent = |extent| u32::try_from(extent).unwrap_or(u32::MAX);
        Self {
            frame: header.frame,
            task: check::task_to_wire(header.task),
            shape: header.shape.dims().map(extent).to_vec(),
            truth: Some(truth),
            feature_bytes: header.feature_bytes().0,
            truth_bytes: header.truth.bytes().0,
            picture_digest: check::optional_digest_to_wire(header.picture_digest),
        }
    }
}

impl TryFrom<wire::ReferenceHeader> for ReferenceHeader {
    type Error = InvalidMessage;

    fn try_from(wire: wire::ReferenceHeader) -> Result<Self, Self::Error> {
        let header = Self {
            frame: wire.frame,
            task: check::task("task", wire.task)?,
            shape: shape(&wire.shape)?,
            truth: check::required("truth", wire.truth)?.try_into()?,
            picture_digest: check::optional_digest("picture digest", &wire.picture_digest)?,
        };
        if let Some(task) = header.truth.task() {
            check::expect(task == header.task, "truth", task, header.task)?;
        }
        let feature_bytes = header.feature_bytes().0;
        check::expect(
            wire.feature_bytes == feature_bytes,
            "feature bytes",
            wire.feature_bytes,
            feature_bytes,
        )?;
        let truth_bytes = header.truth.bytes().0;
        check::expect(
            wire.truth_bytes == truth_bytes,
            "truth bytes",
            wire.truth_bytes,
            truth_bytes,
        )?;
        Ok(header)
    }
}

fn shape(wire: &[u32]) -> Result<FeatureShape, InvalidMessage> {
    let &[views, layers, tokens, dim] = wire else {
        return Err(InvalidMessage::Count {
            field: "shape",
            actual: wire.len(),
            min: 4,
            max: 4,
        });
    };
    let [views, layers, tokens, dim] =
        [views, layers, tokens, dim].map(|extent| usize::try_from(extent).unwrap_or(usize::MAX));
    FeatureShape::new(views, layers, tokens, dim).map_err(|error| InvalidMessage::Unexpected {
        field: "shape",
        actual: format!("{wire:?}"),
        expected: format!("a feature's ({error})"),
    })
}

impl TryFrom<wire::reference_header::Truth> for TruthKind {
    type Error = InvalidMessage;

    fn try_from(wire: wire::reference_header::Truth) -> Result<Self, Self::Error> {
        use wire::reference_header::Truth;
        let image =
            |image: Option<wire::ImageSize>| check::required("truth image", image)?.try_into();
        Ok(match wire {
            Truth::None(_) => Self::None,
            Truth::Cls(cls) => Self::Cls { label: cls.label },
            Truth::Seg(seg) => Self::Seg {
                image: image(seg.image)?,
            },
            Truth::Dpt(dpt) => Self::Dpt {
                image: image(dpt.image)?,
            },
        })
    }
}

impl From<&Settlement> for wire::Settlement {
    fn from(settlement: &Settlement) -> Self {
        Self {
            frame: settlement.frame,
            task: check::task_to_wire(settlement.task),
            transfer_us: check::micros(settlement.transfer),
            end_to_end_us: check::micros(settlement.end_to_end),
            stream_bytes: settlement.stream_bytes.0,
            udp_tx_bytes: settlement.udp_tx_bytes.0,
            udp_tx_datagrams: settlement.udp_tx_datagrams,
            sends: settlement.sends,
            path: settlement.path.map(Into::into),
        }
    }
}

impl From<PathSample> for wire::PathSample {
    fn from(sample: PathSample) -> Self {
        Self {
            age_us: check::micros(sample.age),
            rtt_us: check::micros(sample.rtt),
            min_rtt_us: check::micros(sample.min_rtt),
            window_bytes: sample.window.0,
            mtu_bytes: sample.mtu_bytes,
            sent_packets: sample.sent_packets,
            sent_bytes: sample.sent.0,
            lost_packets: sample.lost_packets,
            lost_bytes: sample.lost.0,
            congestion_events: sample.congestion_events,
        }
    }
}

impl From<wire::PathSample> for PathSample {
    fn from(wire: wire::PathSample) -> Self {
        Self {
            age: Duration::from_micros(wire.age_us),
            rtt: Duration::from_micros(wire.rtt_us),
            min_rtt: Duration::from_micros(wire.min_rtt_us),
            window: units::Bytes(wire.window_bytes),
            mtu_bytes: wire.mtu_bytes,
            sent_packets: wire.sent_packets,
            sent: units::Bytes(wire.sent_bytes),
            lost_packets: wire.lost_packets,
            lost: units::Bytes(wire.lost_bytes),
            congestion_events: wire.congestion_events,
        }
    }
}

impl TryFrom<wire::Settlement> for Settlement {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Settlement) -> Result<Self, Self::Error> {
        check::expect(wire.sends > 0, "sends", wire.sends, "at least 1")?;
        Ok(Self {
            frame: wire.frame,
            task: check::task("task", wire.task)?,
            transfer: Duration::from_micros(wire.transfer_us),
            end_to_end: Duration::from_micros(wire.end_to_end_us),
            stream_bytes: units::Bytes(wire.stream_bytes),
            udp_tx_bytes: units::Bytes(wire.udp_tx_bytes),
            udp_tx_datagrams: wire.udp_tx_datagrams,
            sends: wire.sends,
            path: wire.path.map(Into::into),
        })
    }
}

impl From<&ReferenceRequest> for wire::ReferenceRequest {
    fn from(request: &ReferenceRequest) -> Self {
        use wire::reference_request::Request;
        let request = match request {
            ReferenceRequest::Reference(header) => Request::Reference(header.into()),
            ReferenceRequest::Settlement(settlement) => Request::Settlement(settlement.into()),
        };
        Self {
            request: Some(request),
        }
    }
}

impl TryFrom<wire::ReferenceRequest> for ReferenceRequest {
    type Error = InvalidMessage;

    fn try_from(wire: wire::ReferenceRequest) -> Result<Self, Self::Error> {
        use wire::reference_request::Request;
        match check::required("request", wire.request)? {
            Request::Reference(header) => Ok(Self::Reference(header.try_into()?)),
            Request::Settlement(settlement) => Ok(Self::Settlement(settlement.try_into()?)),
        }
    }
}

impl From<&Ack> for wire::Ack {
    fn from(ack: &Ack) -> Self {
        Self {
            frame: ack.frame,
            task: check::task_to_wire(ack.task),
            duplicate: ack.duplicate,
        }
    }
}

impl TryFrom<wire::Ack> for Ack {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Ack) -> Result<Self, Self::Error> {
        Ok(Self {
            frame: wire.frame,
            task: check::task("task", wire.task)?,
            duplicate: wire.duplicate,
        })
    }
}

impl From<&ReferenceReply> for wire::ReferenceReply {
    fn from(reply: &ReferenceReply) -> Self {
        use wire::reference_reply::Reply;
        let reply = match reply {
            ReferenceReply::Reference(ack) => Reply::Reference(ack.into()),
            ReferenceReply::Settlement(ack) => Reply::Settlement(ack.into()),
            ReferenceReply::Failed(error) => Reply::Error(error.into()),
        };
        Self { reply: Some(reply) }
    }
}

impl TryFrom<wire::ReferenceReply> for ReferenceReply {
    type Error = InvalidMessage;

    fn try_from(wire: wire::ReferenceReply) -> Result<Self, Self::Error> {
        use wire::reference_reply::Reply;
        match check::required("reply", wire.reply)? {
            Reply::Reference(ack) => Ok(Self::Reference(ack.try_into()?)),
            Reply::Settlement(ack) => Ok(Self::Settlement(ack.try_into()?)),
            Reply::Error(error) => Ok(Self::Failed(error.try_into()?)),
        }
    }
}
