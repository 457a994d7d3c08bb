//! The wire format against messages that another protobuf implementation wrote, see `golden/README.md`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_feature::{FeatureShape, Task};
use splitsim_proto::{
    Ack, Attempt, ClassPixels, ClassScore, CloudStages, CodecTables, Digest, EdgeStages,
    FrameHeader, FrameReply, FrameResult, Hello, HelloReply, Id, ImageSize, Limits, Message,
    ModelIdentity, Name, Outcome, PathSample, ReferenceHeader, ReferenceReply, ReferenceRequest,
    Refusal, RefusalKind, RequestError, RequestErrorKind, Score, Settlement, TruthKind, Verdict,
    Welcome,
};

fn check<M: Message + PartialEq + Debug>(golden: &str, message: &M) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(golden)
        .with_extension("bin");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(&M::decode_body(&bytes).unwrap(), message, "{golden}");
    assert_eq!(message.encode_body().unwrap(), bytes, "{golden}");
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn model() -> ModelIdentity {
    ModelIdentity {
        name: name("tiny-scenes"),
        digest: Digest::new(*b"0123456789abcdef0123456789abcdef"),
    }
}

fn codecs() -> Vec<CodecTables> {
    vec![CodecTables {
        name: name("hevc"),
        task: Task::Cls,
        tables_digest: Digest::new(*b"fedcba9876543210fedcba9876543210"),
    }]
}

#[test]
fn hello_and_its_replies() {
    check(
        "hello",
        &Hello {
            protocol_version: 1,
            run_id: Id::new("run-7").unwrap(),
            edge_id: Id::new("edge.a").unwrap(),
            policy: name("gate cosine 0.95"),
            model: model(),
            tasks: vec![Task::Cls, Task::Dpt],
            codecs: codecs(),
            software_version: name("splitsim 0.1.0"),
            references: true,
            max_container_bytes: Bytes(4 << 20),
            settings_digest: None,
            source: None,
        },
    );
    check(
        "welcome",
        &HelloReply::Welcome(Welcome {
            protocol_version: 1,
            model: model(),
            tasks: Task::ALL.to_vec(),
            codecs: codecs(),
            limits: Limits {
                max_container_bytes: Bytes(1000),
                max_reference_bytes: Bytes(5_000_000_000),
                max_frames_in_flight: 4,
            },
            software_version: name("splitsim 0.1.1"),
        }),
    );
    check(
        "refusal",
        &HelloReply::Refusal(Refusal::new(RefusalKind::CodecTables, "edge 1, cloud 2")),
    );
}

#[test]
fn frame_header() {
    let failed = Attempt {
        level: 0,
        label: name("qp 46"),
        payload_bytes: Bytes(0),
        container_bytes: Bytes(0),
        encode: us(5),
        decode: us(0),
        score: us(0),
        scores: vec![],
        failed: Some("encoder: no output".into()),
    };
    let shipped = Attempt {
        level: 2,
        label: name("qp 34"),
        payload_bytes: Bytes(1000),
        container_bytes: Bytes(1064),
        encode: us(81_000),
        decode: us(12_000),
        score: us(900),
        scores: vec![
            Score::new(name("cosine"), 0.9375).unwrap(),
            Score::new(name("mse"), 1e-300).unwrap(),
        ],
        failed: None,
    };
    check(
        "frame_header",
        &FrameHeader {
            frame: 300,
            task: Task::Seg,
            source: name("küche.png"),
            image: ImageSize::new(640, 480).unwrap(),
            codec: name("hevc"),
            metric: Some(name("cosine")),
            attempts: vec![failed, shipped],
            shipped_attempt: 1,
            verdict: Verdict::BestEffort,
            stages: EdgeStages {
                preprocess: us(1),
                extract: us(2),
                attempts: us(3),
                queue: us(4),
            },
            picture_digest: None,
        },
    );
}

#[test]
fn frame_replies() {
    let result = |frame, outcome, stages, stored| {
        FrameReply::Result(FrameResult {
            frame,
            outcome,
            stages,
            stored,
            duplicate: !stored && frame == 0,
        })
    };
    let ranked = vec![
        ClassScore {
            class: 7,
            score: 2.5,
        },
        ClassScore {
            class: 0,
            score: -0.5,
        },
    ];
    let stages = CloudStages {
        queue: us(1),
        decode: us(2),
        head: us(3),
        experiment: us(4),
    };
    check(
        "reply_cls",
        &result(300, Outcome::Cls { ranked }, stages, true),
    );
    let classes = vec![
        ClassPixels {
            class: 0,
            pixels: 5_000_000_000,
        },
        ClassPixels {
            class: 2,
            pixels: 1,
        },
    ];
    let outcome = Outcome::Seg { classes };
    check(
        "reply_seg",
        &result(0, outcome, CloudStages::default(), false),
    );
    let outcome = Outcome::Dpt {
        min_m: 0.5,
        mean_m: 1.25,
        max_m: 9.75,
    };
    let stages = CloudStages {
        head: us(70_000),
        ..CloudStages::default()
    };
    check("reply_dpt", &result(1, outcome, stages, false));
    let error = RequestError::new(RequestErrorKind::DigestMismatch, "edge 12, cloud 34");
    check("reply_error", &FrameReply::Failed(error));
}

#[test]
fn references_settlements_and_their_replies() {
    check(
        "reference",
        &ReferenceRequest::Reference(ReferenceHeader {
            frame: 9,
            task: Task::Dpt,
            shape: FeatureShape::new(2, 4, 257, 64).unwrap(),
            truth: TruthKind::Dpt {
                image: ImageSize::new(224, 200).unwrap(),
            },
            picture_digest: None,
        }),
    );
    check(
        "settlement",
        &ReferenceRequest::Settlement(Settlement {
            frame: 9,
            task: Task::Dpt,
            transfer: us(35_000),
            end_to_end: us(400_000),
            stream_bytes: Bytes(1200),
            udp_tx_bytes: Bytes(1500),
            udp_tx_datagrams: 3,
            sends: 2,
            path: None,
        }),
    );
    let ack = |duplicate| Ack {
        frame: 9,
        task: Task::Dpt,
        duplicate,
    };
    check("reference_ack", &ReferenceReply::Reference(ack(false)));
    check("settlement_ack", &ReferenceReply::Settlement(ack(true)));
}

#[test]
fn what_earlier_releases_leave_out() {
    check(
        "hello_of_settings",
        &Hello {
            protocol_version: 1,
            run_id: Id::new("run-7").unwrap(),
            edge_id: Id::new("edge.a").unwrap(),
            policy: name("gate cosine 0.95"),
            model: model(),
            tasks: vec![],
            codecs: vec![],
            software_version: name("splitsim 0.1.0"),
            references: false,
            max_container_bytes: Bytes(4 << 20),
            settings_digest: Some(Digest::new(*b"0123456789abcdeffedcba9876543210")),
            source: Some(name("küche/")),
        },
    );
    let picture_digest = Some(Digest::new(*b"fedcba98765432100123456789abcdef"));
    let attempt = Attempt {
        level: 0,
        label: name("qp 34"),
        payload_bytes: Bytes(100),
        container_bytes: Bytes(164),
        encode: us(0),
        decode: us(0),
        score: us(0),
        scores: vec![],
        failed: None,
    };
    check(
        "frame_header_of_picture",
        &FrameHeader {
            frame: 7,
            task: Task::Cls,
            source: name("a.png"),
            image: ImageSize::new(64, 48).unwrap(),
            codec: name("hevc"),
            metric: None,
            attempts: vec![attempt],
            shipped_attempt: 0,
            verdict: Verdict::Ungated,
            stages: EdgeStages::default(),
            picture_digest,
        },
    );
    check(
        "reference_of_picture",
        &ReferenceRequest::Reference(ReferenceHeader {
            frame: 9,
            task: Task::Cls,
            shape: FeatureShape::new(1, 1, 257, 64).unwrap(),
            truth: TruthKind::Cls { label: 3 },
            picture_digest,
        }),
    );
    check(
        "settlement_with_path",
        &ReferenceRequest::Settlement(Settlement {
            frame: 9,
            task: Task::Dpt,
            transfer: us(35_000),
            end_to_end: us(400_000),
            stream_bytes: Bytes(1200),
            udp_tx_bytes: Bytes(1500),
            udp_tx_datagrams: 3,
            sends: 2,
            path: Some(PathSample {
                age: us(1),
                rtt: us(21_000),
                min_rtt: us(20_000),
                window: Bytes(12_000),
                mtu_bytes: 1452,
                sent_packets: 7,
                sent: Bytes(5000),
                lost_packets: 2,
                lost: Bytes(1300),
                congestion_events: 1,
            }),
        }),
    );
    for (golden, kind, message) in [
        ("reply_conflict", RequestErrorKind::Conflict, "a, not b"),
        ("reply_broke_down", RequestErrorKind::BrokeDown, "killed"),
    ] {
        check(
            golden,
            &FrameReply::Failed(RequestError::new(kind, message)),
        );
    }
}
