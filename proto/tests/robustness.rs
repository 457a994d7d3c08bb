//! Messages that break a rule are neither written nor read, and no bytes make a reader panic.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use splitsim_feature::units::Bytes;
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_proto::framing::{self, FramingError, MAX_MESSAGE_BYTES, PREFIX_BYTES};
use splitsim_proto::{
    Attempt, ClassPixels, ClassScore, CloudStages, EdgeStages, Explanation, FrameHeader,
    FrameReply, FrameResult, Hello, HelloReply, ImageSize, InvalidMessage, Message, Name, Outcome,
    Reference, ReferenceHeader, ReferenceReply, ReferenceRequest, ReferenceTruth, RequestError,
    RequestErrorKind, Score, TruthKind, Verdict,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn attempt(container_bytes: u64) -> Attempt {
    Attempt {
        level: 1,
        label: name("qp 34"),
        payload_bytes: Bytes(0),
        container_bytes: Bytes(container_bytes),
        encode: Duration::ZERO,
        decode: Duration::ZERO,
        score: Duration::ZERO,
        scores: vec![Score::new(name("mse"), 0.5).unwrap()],
        failed: None,
    }
}

fn header() -> FrameHeader {
    FrameHeader {
        frame: 1,
        task: Task::Cls,
        source: name("a.png"),
        image: ImageSize::new(224, 224).unwrap(),
        codec: name("hevc"),
        metric: None,
        attempts: vec![attempt(10), attempt(20)],
        shipped_attempt: 1,
        verdict: Verdict::Ungated,
        stages: EdgeStages::default(),
        picture_digest: None,
    }
}

/// Writing must fail, and for a reason that names `field`.
fn check_header(change: impl FnOnce(&mut FrameHeader), field: &str) {
    let mut header = header();
    change(&mut header);
    let error = framing::encode_frame(&header).unwrap_err();
    assert!(matches!(error, FramingError::Invalid { .. }), "{error}");
    assert!(error.to_string().contains(field), "{error}");
}

fn check_outcome(outcome: Outcome, field: &str) {
    let reply = FrameReply::Result(FrameResult {
        frame: 1,
        outcome,
        stages: CloudStages::default(),
        stored: true,
        duplicate: false,
    });
    let error = reply.encode_body().unwrap_err();
    assert!(error.to_string().contains(field), "{error}");
}

#[test]
fn a_header_must_ship_one_of_its_attempts() {
    assert_eq!(header().container_bytes(), Bytes(20));
    framing::encode_frame(&header()).unwrap();
    check_header(|header| header.attempts.clear(), "attempts has 0 entries");
    check_header(
        |header| header.attempts = vec![attempt(1); 257],
        "attempts has 257",
    );
    check_header(|header| header.shipped_attempt = 2, "shipped attempt is 2");
    check_header(
        |header| header.attempts[1].failed = Some("no".into()),
        "a failed one",
    );
    check_header(|header| header.attempts[1] = attempt(0), "container bytes");
    check_header(
        |header| header.attempts[0].payload_bytes = Bytes(11),
        "payload bytes is 11",
    );
    check_header(
        |header| header.attempts[0].scores = vec![Score::new(name("mse"), 0.5).unwrap(); 65],
        "scores has 65",
    );
}

#[test]
fn a_header_may_not_outgrow_the_limit_unnoticed() {
    let mut header = header();
    let long = Explanation::from("x".repeat(Explanation::MAX_BYTES));
    for _ in 0..254 {
        let mut failed = attempt(10);
        failed.failed = Some(long.clone());
        header.attempts.push(failed);
    }
    let error = framing::encode_frame(&header).unwrap_err();
    assert!(
        matches!(
            error,
            FramingError::TooLong {
                max: MAX_MESSAGE_BYTES,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn scores_and_sizes_are_finite_and_bounded() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(
            Score::new(name("mse"), value),
            Err(InvalidMessage::NotFinite { field: "score", .. })
        ));
    }
    assert!(ImageSize::new(0, 1).is_err());
    assert!(ImageSize::new(1, ImageSize::MAX_SIDE + 1).is_err());
    assert_eq!(ImageSize::new(1 << 16, 1 << 16).unwrap().pixels(), 1 << 32);
}

#[test]
fn outcomes_are_checked() {
    let score = |class, score| ClassScore { class, score };
    let ranked = |ranked: &[ClassScore]| Outcome::Cls {
        ranked: ranked.to_vec(),
    };
    check_outcome(ranked(&[]), "ranked classes has 0");
    check_outcome(ranked(&[score(1, 0.0); 6]), "ranked classes has 6");
    check_outcome(ranked(&[score(1, f32::NAN)]), "class score is NaN");
    check_outcome(ranked(&[score(1, 0.0), score(2, 1.0)]), "out of order");
    let pixels = |class| ClassPixels { class, pixels: 1 };
    check_outcome(
        Outcome::Seg {
            classes: vec![pixels(1), pixels(1)],
        },
        "repeated",
    );
    check_outcome(
        Outcome::Dpt {
            min_m: 2.0,
            mean_m: 1.5,
            max_m: 1.0,
        },
        "least depth is 2",
    );
}

#[test]
fn a_references_bytes_are_little_endian_and_must_fit_its_header() {
    let shape = FeatureShape::new(1, 1, 1, 2).unwrap();
    let feature = Feature::new(shape, vec![1.0, -2.0]).unwrap();
    let image = ImageSize::new(1, 1).unwrap();
    let truth = ReferenceTruth::Dpt {
        image,
        depth_m: vec![0.5],
    };
    let reference = Reference::new(3, Task::Dpt, feature.clone(), Some(truth)).unwrap();
    // IEEE 754 binary32, least significant byte first.
    let expected = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f];
    assert_eq!(reference.body()[..], expected);
    let header = reference.header();
    assert_eq!(header.body_bytes(), Bytes(12));
    assert_eq!(
        Reference::from_parts(&header, &expected).unwrap(),
        reference
    );

    assert!(Reference::from_parts(&header, &expected[..11]).is_err());
    let mut not_finite = expected;
    not_finite[2..4].copy_from_slice(&[0xc0, 0x7f]);
    let error = Reference::from_parts(&header, &not_finite).unwrap_err();
    assert!(error.to_string().contains("not finite"), "{error}");

    let wrong_task = ReferenceTruth::Cls { label: 1 };
    assert!(Reference::new(3, Task::Dpt, feature.clone(), Some(wrong_task)).is_err());
    let too_short = ReferenceTruth::Seg {
        image,
        mask: vec![],
    };
    assert!(Reference::new(3, Task::Seg, feature, Some(too_short)).is_err());
    let mismatched = ReferenceRequest::Reference(ReferenceHeader {
        task: Task::Seg,
        ..header
    });
    assert!(mismatched.encode_body().is_err());
}

fn spans() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let scores = vec(("[a-z-]{1,12}", prop::num::f64::NORMAL), 0..4);
    (
        any::<u32>(),
        "[ -~]{1,40}",
        any::<[u32; 2]>(),
        spans(),
        scores,
    )
        .prop_map(|(level, label, [payload, side], encode, scores)| Attempt {
            level,
            label: name(&label),
            payload_bytes: Bytes(payload.into()),
            container_bytes: Bytes(u64::from(payload) + u64::from(side) + 1),
            encode,
            decode: encode,
            score: Duration::ZERO,
            scores: scores
                .into_iter()
                .map(|(metric, value)| Score::new(name(&metric), value).unwrap())
                .collect(),
            failed: None,
        })
}

fn truths() -> impl Strategy<Value = (Task, TruthKind)> {
    let image = (1u32..5000, 1u32..5000).prop_map(|(w, h)| ImageSize::new(w, h).unwrap());
    prop_oneof![
        Just((Task::Cls, TruthKind::None)),
        any::<u32>().prop_map(|label| (Task::Cls, TruthKind::Cls { label })),
        image
            .clone()
            .prop_map(|image| (Task::Seg, TruthKind::Seg { image })),
        image.prop_map(|image| (Task::Dpt, TruthKind::Dpt { image })),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        // What is read must also be fit to be written.
        if let Ok(message) = Hello::decode_body(&bytes) { message.encode_body().unwrap(); }
        if let Ok(message) = HelloReply::decode_body(&bytes) { message.encode_body().unwrap(); }
        if let Ok(message) = FrameHeader::decode_body(&bytes) { message.encode_body().unwrap(); }
        if let Ok(message) = FrameReply::decode_body(&bytes) { message.encode_body().unwrap(); }
        if let Ok(message) = ReferenceRequest::decode_body(&bytes) { message.encode_body().unwrap(); }
        if let Ok(message) = ReferenceReply::decode_body(&bytes) { message.encode_body().unwrap(); }
    }

    #[test]
    fn a_damaged_header_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = header().encode_body().unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(read) = FrameHeader::decode_body(&body) {
            prop_assert!(read.shipped().is_some());
        }
    }

    #[test]
    fn a_declared_length_is_within_the_limit_or_refused(
        prefix in any::<[u8; PREFIX_BYTES]>(),
        limit in 0usize..4 << 20,
    ) {
        if let Ok(length) = framing::decode_prefix(prefix, limit) {
            prop_assert!(length <= limit.min(MAX_MESSAGE_BYTES));
        }
    }

    #[test]
    fn headers_survive_the_wire(
        attempts in vec(attempts(), 1..6),
        shipped in any::<prop::sample::Index>(),
        stage in spans(),
    ) {
        let mut header = header();
        header.shipped_attempt = shipped.index(attempts.len());
        header.attempts = attempts;
        header.stages.extract = stage;
        let body = header.encode_body().unwrap();
        prop_assert_eq!(FrameHeader::decode_body(&body).unwrap(), header);
    }

    #[test]
    fn reference_headers_survive_the_wire((task, truth) in truths(), dims in [1usize..9, 1..9, 1..2000, 1..2000]) {
        let [views, layers, tokens, dim] = dims;
        let shape = FeatureShape::new(views, layers, tokens, dim);
        prop_assume!(shape.is_ok());
        let shape = shape.unwrap();
        let header = ReferenceHeader { frame: 1, task, shape, truth, picture_digest: None };
        let request = ReferenceRequest::Reference(header);
        let body = request.encode_body().unwrap();
        prop_assert_eq!(ReferenceRequest::decode_body(&body).unwrap(), request);
    }

    #[test]
    fn every_explanation_can_be_sent(text in "\\PC{0,3000}") {
        let error = RequestError::new(RequestErrorKind::StoreFailed, text);
        let reply = FrameReply::Failed(error);
        let body = reply.encode_body().unwrap();
        prop_assert_eq!(FrameReply::decode_body(&body).unwrap(), reply);
    }
}
