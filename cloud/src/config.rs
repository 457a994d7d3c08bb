use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use splitsim_codec::{CodecOptions, container};
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_model::Package;
use splitsim_results::RunRecord;
use splitsim_source::ImageExtent;
use splitsim_transport::{BodyBudget, Identity, TransportOptions};

/// The configuration of a cloud: models, limits and the folder of the results.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The cloud's certificate, and the authority that edges must prove to belong to.
    pub identity: Identity,
    /// The directory of `results.sqlite`. A missing directory or file is created; an existing file is
    /// appended to.
    pub out: PathBuf,
    /// The tasks that are served: the engine has been loaded with their heads.
    pub tasks: Vec<Task>,
    /// A directory of original features and ground truth, used for edges that send none. Default: none.
    ///
    /// For a frame of source `NAME` it holds `NAME.npy`, the feature, and the truth of the task:
    /// `NAME.label.txt` with a class index or `NAME.json` with a field `class`; `NAME.mask.png`, 8-bit grey,
    /// 255 ignored; `NAME.depth.png`, 16-bit grey, millimetres, 0 unknown. `NAME` is written as
    /// `splitsim features extract` writes it. A picture's may stand without its ending, unless that could be
    /// another picture's; where the picture itself lies beside, frames of another one have no original. The
    /// scene `scene-SEED-NNNNNN` is also found as `NNNNNN`, if `NNNNNN.json` names that seed. What is missing
    /// leaves its columns empty.
    pub references: Option<PathBuf>,
    /// The transport's options. `max_streams` follows from [`CloudLimits::frames_in_flight`].
    pub transport: TransportOptions,
    /// The limits on what edges may send.
    pub limits: CloudLimits,
    /// The decoders' programs and time limit.
    pub codec: CodecOptions,
    /// Frames that are worked on at once; further ones wait. Default: one per core.
    pub workers: NonZeroUsize,
    /// `true` if the connection samples that edges send are recorded. Default true; an experiment that takes finer
    /// samples itself turns them off.
    pub connection_samples: bool,
    /// Run records known before the edges say hello: a hello carries neither metric, threshold, seed nor
    /// scenario. Default: none.
    pub runs: Vec<RunRecord>,
}

/// The limits on what a cloud accepts from its edges. They bound its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudLimits {
    /// The largest container.
    pub container: container::Limits,
    /// The most pixels of a frame's image: dense heads answer for every one. Default
    /// [`ImageExtent::MAX_SERVED_PIXELS`], which edges keep to.
    pub image_pixels: u64,
    /// The largest reference, feature and ground truth together. Default 256 MiB, three of ViT-g's
    /// depth features.
    pub reference: Bytes,
    /// All references that wait for their frames. The oldest make room for new ones, and their frames
    /// are then answered `reference missing`. Default 512 MiB.
    pub reference_memory: Bytes,
    /// Requests under way on one connection. Default 16.
    pub frames_in_flight: NonZeroU32,
    /// Frames that wait for a worker, over all connections; further ones are answered `overloaded`.
    /// Default 256.
    pub frames_waiting: NonZeroUsize,
    /// Connections at once. Beyond the limit the longest idle one is closed for a new one; where none is idle, a
    /// new one is turned away. Default 256.
    pub connections: NonZeroUsize,
    /// Connections at once with one certificate: an edge needs two. Default 64, for certificates that several edges
    /// share.
    pub connections_per_certificate: NonZeroUsize,
    /// Runs that edges with one certificate may begin while the cloud runs. Default 1024.
    pub runs_per_certificate: NonZeroUsize,
    /// Bodies of requests that are under way, over all connections: a quarter of it for each certificate. Further
    /// bodies wait, and their edges with them. Default 1 GiB.
    pub body_memory: Bytes,
    /// Bytes that QUIC buffers of one stream before they are read; each stream of each connection has this window.
    /// Default 1 MiB.
    pub stream_window: Bytes,
    /// The longest pause in the middle of a request. Default: the idle timeout, so that a request survives the same
    /// outages as its connection.
    pub request_patience: Option<Duration>,
    /// The time that a stopping cloud waits for the frames in flight. Default 10 s.
    pub drain: Duration,
}

impl CloudConfig {
    /// A configuration with defaults for everything not named here. It serves every task for which the package has a
    /// head; if it has none, all tasks, which the engine refuses with the remedy.
    #[must_use]
    pub fn new(listen: SocketAddr, identity: Identity, out: PathBuf, package: &Package) -> Self {
        let mut tasks = package.manifest().tasks.available();
        let with_head = |&task: &Task| package.manifest().has_head(task);
        if tasks.iter().any(with_head) {
            tasks.retain(with_head);
        }
        Self {
            listen,
            identity,
            out,
            tasks,
            references: None,
            transport: TransportOptions::default(),
            limits: CloudLimits::default(),
            codec: CodecOptions::default(),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            connection_samples: true,
            runs: Vec::new(),
        }
    }
}

impl Default for CloudLimits {
    fn default() -> Self {
        Self {
            container: container::Limits::default(),
            image_pixels: ImageExtent::MAX_SERVED_PIXELS,
            reference: Bytes(256 << 20),
            reference_memory: Bytes(512 << 20),
            frames_in_flight: const { NonZeroU32::new(16).expect("16 is not zero") },
            frames_waiting: const { NonZeroUsize::new(256).expect("256 is not zero") },
            connections: const { NonZeroUsize::new(256).expect("256 is not zero") },
            connections_per_certificate: const { NonZeroUsize::new(64).expect("64 is not zero") },
            runs_per_certificate: const { NonZeroUsize::new(1024).expect("1024 is not zero") },
            body_memory: Bytes(1 << 30),
            stream_window: Bytes(1 << 20),
            request_patience: None,
            drain: Duration::from_secs(10),
        }
    }
}

/// Room for a container's header and the inline ranges of 500 layers.
const CONTAINER_OVERHEAD_BYTES: u64 = 4096;

impl CloudLimits {
    /// Converts the limits to those announced to edges.
    pub(crate) fn to_proto(&self) -> splitsim_proto::Limits {
        splitsim_proto::Limits {
            max_container_bytes: Bytes(
                self.container.payload_bytes as u64 + CONTAINER_OVERHEAD_BYTES,
            ),
            max_reference_bytes: self
                .reference
                .min(self.reference_memory)
                .min(BodyBudget::new(self.body_memory).largest_body()),
            max_frames_in_flight: self.frames_in_flight.get(),
        }
    }

    /// The windows of a connection: a stream that waits for room leaves the others theirs.
    pub(crate) fn windows(&self, options: &TransportOptions) -> TransportOptions {
        let stream_window = self.stream_window.min(options.stream_window);
        let streams = u64::from(self.max_streams());
        TransportOptions {
            max_streams: self.max_streams(),
            stream_window,
            connection_window: Bytes(stream_window.0.saturating_mul(streams)),
            ..options.clone()
        }
    }

    /// Streams of one connection: the hello's, and one per request.
    pub(crate) const fn max_streams(&self) -> u32 {
        self.frames_in_flight.get().saturating_add(1)
    }
}
