use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use splitsim_codec::{CodecId, CodecOptions, Encoded, FeatureCodec, open};
use splitsim_feature::{Feature, Task, units};
use splitsim_model::Package;
use splitsim_proto::{
    Attempt, CodecTables, Digest, EdgeStages, FrameHeader, Hello, Id, ImageSize, ModelIdentity,
    Name, PROTOCOL_VERSION, Verdict,
};
use splitsim_source::{ImageExtent, Source, SourceSpec};
use splitsim_truth::{GroundTruth, HeadOutput};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use crate::{EdgeRun, Lab};

/// An edge within the test: the libraries that the program is made of, put together another time.
#[derive(Debug)]
pub struct Peer {
    engine: Engine,
}

/// A frame as [`EdgeRun`] with the policy `always:richest` would ship it.
#[derive(Debug, Clone)]
pub struct Shipment {
    /// Its header.
    pub header: FrameHeader,
    /// The bytes.
    pub container: Bytes,
    /// The feature that went in.
    pub original: Feature,
    /// The feature that comes out.
    pub received: Feature,
    /// The picture's ground truth.
    pub truth: GroundTruth,
    /// The picture's size.
    pub extent: ImageExtent,
}

impl Peer {
    /// Loads the lab's model, backbone and heads.
    #[must_use]
    pub fn new(lab: &Lab) -> Self {
        let options = EngineOptions {
            parts: Parts::All,
            compute: Compute::F32,
            threads: Some(NonZeroUsize::MIN),
        };
        let engine = Engine::load(&lab.package(), &Task::ALL, options).unwrap();
        Self { engine }
    }

    /// A hello for one task, by an edge that sends no references.
    #[must_use]
    pub fn hello(&self, task: Task) -> Hello {
        let package = self.engine.package();
        Hello {
            protocol_version: PROTOCOL_VERSION,
            run_id: Id::new("peer").unwrap(),
            edge_id: Id::new("peer").unwrap(),
            policy: name("always:richest"),
            model: ModelIdentity {
                name: name(&package.manifest().name),
                digest: Digest::new(*package.digest().bytes()),
            },
            tasks: vec![task],
            codecs: vec![CodecTables {
                name: name(CodecId::Hevc.name()),
                task,
                tables_digest: Digest::new(*codec(package, task).tables_digest().bytes()),
            }],
            software_version: name("test"),
            references: false,
            max_container_bytes: units::Bytes(4 << 20),
            settings_digest: None,
            source: None,
        }
    }

    /// The shipment of a frame.
    #[must_use]
    pub fn shipment(&self, frame: u64, task: Task) -> Shipment {
        let index = usize::try_from(frame).unwrap();
        let spec = SourceSpec::Scenes {
            seed: EdgeRun::SEED,
            count: index + 1,
        };
        let item = Source::open(&spec).unwrap().item(index, task).unwrap();
        let extent = item.picture.extent();
        let original = self.engine.extract(task, item.picture).unwrap().feature;
        let codec = codec(self.engine.package(), task);
        let encoded = codec
            .encode_and_decode(&original, codec.ladder().richest())
            .unwrap();
        Shipment {
            header: header(frame, task, &item.name, extent, &encoded),
            container: encoded.container.to_bytes(),
            original,
            received: encoded.reconstruction,
            truth: item.truth.unwrap(),
            extent,
        }
    }

    /// Runs the task head on a feature and returns its output.
    #[must_use]
    pub fn head(&self, task: Task, feature: &Feature, extent: ImageExtent) -> HeadOutput {
        self.engine.run_head(task, feature, extent).unwrap()
    }
}

impl Shipment {
    /// The same frame with other bytes, whose number its header declares.
    #[must_use]
    pub fn with_container(&self, container: Vec<u8>) -> Self {
        let mut changed = self.clone();
        for attempt in &mut changed.header.attempts {
            attempt.container_bytes = units::Bytes::of(&container);
            attempt.payload_bytes = attempt.payload_bytes.min(attempt.container_bytes);
        }
        changed.container = container.into();
        changed
    }
}

fn codec(package: &Package, task: Task) -> Box<dyn FeatureCodec> {
    open(CodecId::Hevc, package, task, &CodecOptions::default()).unwrap()
}

fn header(
    frame: u64,
    task: Task,
    source: &str,
    extent: ImageExtent,
    encoded: &Encoded,
) -> FrameHeader {
    let container = &encoded.container;
    let side = |extent: usize| u32::try_from(extent).unwrap();
    FrameHeader {
        frame,
        task,
        source: name(source),
        image: ImageSize::new(side(extent.width()), side(extent.height())).unwrap(),
        codec: name(CodecId::Hevc.name()),
        metric: None,
        attempts: vec![Attempt {
            level: container.header().level.0.into(),
            label: name("richest"),
            payload_bytes: container.payload_bytes(),
            container_bytes: container.container_bytes(),
            encode: encoded.encode,
            decode: encoded.decode,
            score: Duration::ZERO,
            scores: Vec::new(),
            failed: None,
        }],
        shipped_attempt: 0,
        verdict: Verdict::Ungated,
        stages: EdgeStages::default(),
        picture_digest: None,
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
