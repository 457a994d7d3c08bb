//! A cloud on the loopback interface and the requests of its edges: real features of a small random model.

#![allow(dead_code, reason = "every test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use splitsim_cloud::{Cloud, CloudConfig, CloudError, CloudReport};
use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_codec::{CodecId, CodecOptions, Encoded, FeatureCodec, Level, open};
use splitsim_feature::{Feature, Task, units};
use splitsim_model::{Package, RangeTable, ValueRange};
use splitsim_proto::{
    Attempt, CodecTables, Digest, EdgeStages, FrameHeader, FrameReply, FrameResult, Hello, Id,
    ImageSize, ModelIdentity, Name, PROTOCOL_VERSION, Reference, ReferenceTruth, RequestError,
    Score, Verdict,
};
use splitsim_results::{LoggedFrame, Store};
use splitsim_source::{ImageExtent, Item, Source, SourceSpec};
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_transport::{
    CloseCode, EdgeEndpoint, FrameSession, Identity, ReferenceSession, Target, TransportError,
    TransportOptions,
};
use splitsim_truth::GroundTruth;
use splitsim_vision::train::{TrainConfig, random_package};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A script in ffmpeg's place, which does `before` and then becomes the real one, `$ffmpeg`.
pub(crate) fn ffmpeg_after(folder: &Path, before: &str) -> PathBuf {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let real = Ffmpeg::find(None, encoder).unwrap();
    let real = real.path().display();
    let script = format!("#!/bin/sh\nffmpeg='{real}'\n{before}\nexec \"$ffmpeg\" \"$@\"\n");
    let path = folder.join("ffmpeg");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// A model and the identities of both sides.
pub(crate) struct Lab {
    dir: TempDir,
    pub(crate) engine: Engine,
    codecs: BTreeMap<Task, Box<dyn FeatureCodec>>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("random");
        let package = random_package(&TrainConfig::miniature(), &root).unwrap();
        let mut manifest = package.manifest().clone();
        for task in Task::ALL {
            let common = manifest.tasks.common_mut(task).unwrap();
            let range = ValueRange::new(-8.0, 8.0).unwrap();
            common.ranges = RangeTable(vec![range; common.taps.len()]);
            common.ladders.insert("hevc".to_owned(), vec![38.0, 22.0]);
        }
        manifest.write(&root).unwrap();
        let options = EngineOptions {
            parts: Parts::All,
            compute: Compute::F32,
            // The tests of a file run at once.
            threads: Some(NonZeroUsize::MIN),
        };
        let package = Package::open(&root).unwrap();
        let engine = Engine::load(&package, &Task::ALL, options).unwrap();
        let certs = dir.path().join("certs");
        identity::create(&certs, &IdentityOptions::default()).unwrap();
        let options = CodecOptions::default();
        let codecs = Task::ALL
            .into_iter()
            .map(|task| (task, open(CodecId::Hevc, &package, task, &options).unwrap()))
            .collect();
        Self {
            dir,
            engine,
            codecs,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn package_dir(&self) -> PathBuf {
        self.path().join("random")
    }

    pub(crate) fn identity(&self, side: &str) -> PathBuf {
        self.path().join("certs").join(side)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    pub(crate) fn config(&self) -> CloudConfig {
        let identity = Identity::load(&self.identity("cloud")).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        CloudConfig::new(listen, identity, self.out(), self.engine.package())
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_with(self.config()).await
    }

    pub(crate) async fn start_with(&self, config: CloudConfig) -> Running {
        let cloud = Cloud::start(config, self.engine.clone()).await.unwrap();
        let target = Target {
            address: cloud.local_addr(),
            server_name: "localhost".to_owned(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(cloud.serve(async {
            let _ = stopped.await;
        }));
        Running {
            target,
            stop,
            serving,
        }
    }

    /// The hello of an edge of run `run`, with or without references.
    pub(crate) fn hello(&self, references: bool) -> Hello {
        let package = self.engine.package();
        Hello {
            protocol_version: PROTOCOL_VERSION,
            run_id: Id::new("run").unwrap(),
            edge_id: Id::new("edge-0").unwrap(),
            policy: name("always 1"),
            model: ModelIdentity {
                name: name(&package.manifest().name),
                digest: Digest::new(*package.digest().bytes()),
            },
            tasks: Task::ALL.to_vec(),
            codecs: Task::ALL
                .into_iter()
                .map(|task| self.codec_tables(task))
                .collect(),
            software_version: name("test edge"),
            references,
            max_container_bytes: units::Bytes(4 << 20),
            settings_digest: Some(Digest::new([5; 32])),
            source: Some(name("scenes:5:60")),
        }
    }

    fn codec_tables(&self, task: Task) -> CodecTables {
        CodecTables {
            name: name("hevc"),
            task,
            tables_digest: Digest::new(*self.codecs[&task].tables_digest().bytes()),
        }
    }

    pub(crate) fn connect(&self, running: &Running) -> EdgeEndpoint {
        self.connect_to(&running.target)
    }

    pub(crate) fn connect_to(&self, target: &Target) -> EdgeEndpoint {
        let identity = Identity::load(&self.identity("edge")).unwrap();
        EdgeEndpoint::toward(target.address, &identity, &TransportOptions::default()).unwrap()
    }

    /// An edge with its two connections.
    pub(crate) async fn edge(&self, running: &Running, hello: &Hello) -> Edge {
        let endpoint = self.connect(running);
        let target = &running.target;
        let frames = endpoint.connect_frames(target, hello).await.unwrap();
        let references = endpoint.connect_references(target, hello).await.unwrap();
        Edge {
            endpoint,
            frames,
            references,
        }
    }

    /// The feature of a rendered scene, coded at the richer of two levels.
    pub(crate) fn shipment(&self, frame: u64, task: Task) -> Shipment {
        let spec = SourceSpec::Scenes { seed: 5, count: 60 };
        let source = Source::open(&spec).unwrap();
        self.shipment_of(frame, task, source.item(frame as usize, task).unwrap())
    }

    /// As [`Self::shipment`], of a picture of which no truth is known, in a file.
    pub(crate) fn shipment_of_file(&self, frame: u64, task: Task, path: PathBuf) -> Shipment {
        let source = Source::open(&SourceSpec::Path(path)).unwrap();
        let mut item = source.item(0, task).unwrap();
        item.truth = Some(GroundTruth::Cls { label: 0 });
        self.shipment_of(frame, task, item)
    }

    fn shipment_of(&self, frame: u64, task: Task, item: Item) -> Shipment {
        let extent = item.picture.extent();
        let feature = self.engine.extract(task, item.picture).unwrap().feature;
        let encoded = self.codecs[&task]
            .encode_and_decode(&feature, Level(1))
            .unwrap();
        Shipment {
            header: header(frame, task, &item.name, extent, &encoded),
            container: encoded.container.to_bytes(),
            original: feature,
            received: encoded.reconstruction,
            truth: item.truth.unwrap(),
            extent,
        }
    }

    /// All frames in the results, after the cloud has ended.
    pub(crate) fn logged(&self) -> Vec<LoggedFrame> {
        self.results().frames().unwrap()
    }

    /// The results, after the cloud has ended.
    pub(crate) fn results(&self) -> Store {
        let path = self.out().join(Store::FILE_NAME);
        assert!(
            !path.with_extension("sqlite-wal").exists(),
            "the log is folded in"
        );
        Store::open(&path).unwrap()
    }
}

/// A cloud that serves.
pub(crate) struct Running {
    pub(crate) target: Target,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<CloudReport, CloudError>>,
}

impl Running {
    pub(crate) async fn stop(self) -> CloudReport {
        let _ = self.stop.send(());
        self.serving.await.unwrap().unwrap()
    }
}

/// An edge that has been welcomed.
pub(crate) struct Edge {
    pub(crate) endpoint: EdgeEndpoint,
    pub(crate) frames: FrameSession,
    pub(crate) references: ReferenceSession,
}

impl Edge {
    pub(crate) async fn refer(&self, shipment: &Shipment) -> bool {
        let ack = self.references.send_reference(&shipment.reference()).await;
        ack.unwrap().duplicate
    }

    pub(crate) async fn send(&self, shipment: &Shipment) -> FrameReply {
        send(&self.frames, shipment).await.unwrap()
    }

    pub(crate) async fn done(self) {
        self.endpoint.close(CloseCode::Done, "");
        self.endpoint.wait_idle().await;
    }
}

pub(crate) async fn send(
    session: &FrameSession,
    shipment: &Shipment,
) -> Result<FrameReply, TransportError> {
    session
        .send_frame(&shipment.header, shipment.container.clone())
        .await
        .map(|sent| sent.reply)
}

/// A frame as an edge has it.
#[derive(Clone)]
pub(crate) struct Shipment {
    pub(crate) header: FrameHeader,
    pub(crate) container: Bytes,
    pub(crate) original: Feature,
    pub(crate) received: Feature,
    pub(crate) truth: GroundTruth,
    pub(crate) extent: ImageExtent,
}

impl Shipment {
    pub(crate) fn reference(&self) -> Reference {
        let size = |size: [usize; 2]| ImageSize::new(size[1] as u32, size[0] as u32).unwrap();
        let truth = match &self.truth {
            GroundTruth::Cls { label } => ReferenceTruth::Cls { label: *label },
            GroundTruth::Seg { mask } => ReferenceTruth::Seg {
                image: size(mask.size()),
                mask: mask.view().iter().copied().collect(),
            },
            GroundTruth::Dpt { depth } => ReferenceTruth::Dpt {
                image: size(depth.size()),
                depth_m: depth.view().iter().copied().collect(),
            },
        };
        let FrameHeader { frame, task, .. } = self.header;
        let reference = Reference::new(frame, task, self.original.clone(), Some(truth)).unwrap();
        reference.of_picture(self.header.picture_digest)
    }

    /// The same frame with another container, whose length the header declares.
    pub(crate) fn with_container(&self, container: Vec<u8>) -> Self {
        let mut changed = self.clone();
        let shipped = changed.header.shipped_attempt;
        let attempt = &mut changed.header.attempts[shipped];
        attempt.container_bytes = units::Bytes::of(&container);
        attempt.payload_bytes = attempt.payload_bytes.min(attempt.container_bytes);
        changed.container = container.into();
        changed
    }
}

fn header(
    frame: u64,
    task: Task,
    source: &str,
    extent: ImageExtent,
    encoded: &Encoded,
) -> FrameHeader {
    let container = &encoded.container;
    let attempt = |level: u32, failed: Option<&str>| Attempt {
        level,
        label: name(&format!("level {level}")),
        payload_bytes: container.payload_bytes(),
        container_bytes: container.container_bytes(),
        encode: encoded.encode,
        decode: encoded.decode,
        score: Duration::from_micros(1500),
        scores: vec![Score::new(name("cosine"), 0.5).unwrap()],
        failed: failed.map(Into::into),
    };
    FrameHeader {
        frame,
        task,
        source: name(source),
        image: ImageSize::new(extent.width() as u32, extent.height() as u32).unwrap(),
        codec: name("hevc"),
        metric: Some(name("cosine")),
        attempts: vec![attempt(0, Some("the encoder was killed")), attempt(1, None)],
        shipped_attempt: 1,
        verdict: Verdict::Passed,
        stages: EdgeStages {
            extract: Duration::from_millis(20),
            ..EdgeStages::default()
        },
        picture_digest: Some(picture_digest(source)),
    }
}

/// Another picture for each name: tests never have two of one.
pub(crate) fn picture_digest(source: &str) -> Digest {
    Digest::new(*splitsim_model::Digest::of(source.as_bytes()).bytes())
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn result(reply: FrameReply) -> FrameResult {
    match reply {
        FrameReply::Result(result) => result,
        FrameReply::Failed(error) => panic!("{error}"),
    }
}

pub(crate) fn error(reply: FrameReply) -> RequestError {
    match reply {
        FrameReply::Result(result) => panic!("{result:?}"),
        FrameReply::Failed(error) => error,
    }
}
