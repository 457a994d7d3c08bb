//! Replies and records of valid and invalid frames.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::time::Duration;

use splitsim_feature::{Task, units::Bytes};
use splitsim_proto::{
    Digest, FrameHeader, Hello, Id, ImageSize, Outcome, RefusalKind, RequestErrorKind, Settlement,
};
use splitsim_results::LoggedFrame;
use splitsim_transport::TransportError;
use splitsim_truth::{GroundTruth, HeadOutput, agreement};
use support::{Lab, Shipment, error, name, result, send};

/// Performance by the definitions, written down once more: CFQA §4.6.
fn performance(truth: &GroundTruth, output: &HeadOutput) -> f64 {
    match (truth, output) {
        (GroundTruth::Cls { label }, HeadOutput::Cls(logits)) => {
            let own = logits.values()[*label as usize];
            1.0 + logits.values().iter().filter(|&&other| other > own).count() as f64
        }
        (GroundTruth::Seg { mask }, HeadOutput::Seg(prediction)) => {
            let pairs: Vec<(u8, u8)> = (mask.view().iter().copied())
                .zip(prediction.mask().view().iter().copied())
                .filter(|&(truth, _)| truth != 255)
                .collect();
            let ious: Vec<f64> = (0..=254)
                .filter_map(|class| {
                    let count = |holds: &dyn Fn(bool, bool) -> bool| {
                        let holds = |&&(t, p): &&(u8, u8)| holds(t == class, p == class);
                        pairs.iter().filter(holds).count() as f64
                    };
                    let union = count(&|t, p| t || p);
                    (union > 0.0).then(|| count(&|t, p| t && p) / union)
                })
                .collect();
            100.0 * ious.iter().sum::<f64>() / ious.len() as f64
        }
        (GroundTruth::Dpt { depth }, HeadOutput::Dpt(predicted)) => {
            let squares: Vec<f64> = (depth.view().iter())
                .zip(predicted.view())
                .filter(|(truth, _)| (0.001..10.0).contains(*truth))
                .map(|(&truth, &predicted)| f64::from(predicted - truth).powi(2))
                .collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
        }
        other => panic!("{other:?}"),
    }
}

fn check_logged(lab: &Lab, shipment: &Shipment, logged: &LoggedFrame) {
    let FrameHeader { frame, task, .. } = shipment.header;
    assert_eq!(
        (logged.frame.key.frame, logged.frame.key.task),
        (frame, task)
    );
    let run = |feature| lab.engine.run_head(task, feature, shipment.extent).unwrap();
    let original = performance(&shipment.truth, &run(&shipment.original));
    let received = performance(&shipment.truth, &run(&shipment.received));
    let worse = match task {
        Task::Seg => original - received,
        Task::Cls | Task::Dpt => received - original,
    };
    let mse = (shipment.original.values().iter())
        .zip(shipment.received.values())
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum::<f64>()
        / shipment.original.shape().points() as f64;
    let measured = logged.distortion.unwrap();
    for (measured, expected) in [
        (measured.original, original),
        (measured.received, received),
        (measured.distortion, worse),
        (measured.feature_mse, mse),
    ] {
        let measured = measured.unwrap();
        assert!((measured - expected).abs() < 1e-4, "{measured} {expected}");
    }
    assert!(mse > 0.0 && mse < 1.0, "{mse}");
    let agreed = agreement(&run(&shipment.original), &run(&shipment.received)).unwrap();
    assert!(
        (measured.agreement.unwrap() - agreed).abs() < 1e-4,
        "{measured:?} {agreed}"
    );
    assert_eq!(logged.frame.container_bytes, Bytes::of(&shipment.container));
    assert_eq!(
        logged.frame.score.as_ref().map(|score| score.value),
        Some(0.5)
    );
    let [failed, shipped] = &logged.attempts[..] else {
        panic!("{:?}", logged.attempts);
    };
    assert_eq!(failed.failed.as_deref(), Some("the encoder was killed"));
    assert_eq!((failed.encode_ms, failed.container_bytes), (None, None));
    assert_eq!(shipped.score_ms, Some(1.5));
}

fn settlement(header: &FrameHeader) -> Settlement {
    Settlement {
        frame: header.frame,
        task: header.task,
        transfer: Duration::from_millis(30),
        end_to_end: Duration::from_millis(95),
        stream_bytes: Bytes(1000),
        udp_tx_bytes: Bytes(1400),
        udp_tx_datagrams: 3,
        sends: 1,
        path: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_recorded_with_their_true_distortion() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipments = Task::ALL.map(|task| lab.shipment(3, task));
    let mut experiment_ms = Vec::new();
    for shipment in &shipments {
        assert!(!edge.refer(shipment).await);
        let reply = result(edge.send(shipment).await);
        assert!(reply.stored && !reply.duplicate);
        assert!(reply.stages.decode > Duration::ZERO && reply.stages.head > Duration::ZERO);
        check_outcome(&lab, shipment, &reply.outcome);
        experiment_ms.push(reply.stages.experiment.as_secs_f64() * 1e3);
        let settlement = settlement(&shipment.header);
        assert!(!edge.references.settle(&settlement).await.unwrap().duplicate);
        assert!(edge.references.settle(&settlement).await.unwrap().duplicate);
        // Of no more use, so it is not kept.
        assert!(edge.refer(shipment).await);
    }
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.settlements, report.edges), (3, 3, 1));
    assert_eq!((report.errors, report.duplicates), (0, 0));

    let logged = lab.logged();
    assert_eq!(logged.len(), 3);
    for ((shipment, logged), experiment_ms) in shipments.iter().zip(&logged).zip(experiment_ms) {
        check_logged(&lab, shipment, logged);
        let stages = logged.stages;
        assert_eq!(stages.extract_ms, 20.0);
        assert_eq!(stages.transfer_ms, Some(30.0));
        assert_eq!(stages.link_bytes, Some(Bytes(1400 + 3 * 28)));
        // The reply's whole microseconds, storing included.
        assert!((stages.experiment_ms - experiment_ms).abs() < 0.002);
    }
}

fn check_outcome(lab: &Lab, shipment: &Shipment, outcome: &Outcome) {
    let task = shipment.header.task;
    let output = lab
        .engine
        .run_head(task, &shipment.received, shipment.extent)
        .unwrap();
    match (outcome, output) {
        (Outcome::Cls { ranked }, HeadOutput::Cls(logits)) => {
            let best = logits.values().iter().copied().fold(f32::MIN, f32::max);
            assert_eq!((ranked.len(), ranked[0].score), (5, best));
            assert_eq!(logits.values()[ranked[0].class as usize], best);
        }
        (Outcome::Seg { classes }, HeadOutput::Seg(_)) => {
            let pixels: u64 = classes.iter().map(|class| class.pixels).sum();
            assert_eq!(pixels, 224 * 224);
        }
        (
            Outcome::Dpt {
                min_m,
                mean_m,
                max_m,
            },
            HeadOutput::Dpt(_),
        ) => {
            assert!(0.0 < *min_m && min_m < mean_m && mean_m < max_m && *max_m <= 10.0);
        }
        other => panic!("{other:?}"),
    }
}

/// A cloud that somebody else's edges call has no more than their hello.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_recorded_with_what_its_policy_asks_for() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let policies = [
        ("threshold:mse<=0.25,max=3", Some(("mse", 0.25))),
        ("always:richest", None),
        ("somebody's own", None),
    ];
    for (index, (policy, _)) in policies.into_iter().enumerate() {
        let hello = Hello {
            run_id: Id::new(format!("run-{index}")).unwrap(),
            policy: name(policy),
            ..lab.hello(false)
        };
        let edge = lab.edge(&cloud, &hello).await;
        result(edge.send(&lab.shipment(0, Task::Cls)).await);
        edge.done().await;
    }
    cloud.stop().await;
    let runs = lab.results().runs().unwrap();
    assert_eq!(runs.len(), policies.len());
    for (run, (policy, asked)) in runs.iter().zip(policies) {
        assert_eq!(run.policy, policy);
        assert_eq!(run.metric.as_deref().zip(run.threshold), asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_frame_is_answered_and_the_next_one_is_served() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let good = lab.shipment(0, Task::Cls);
    let bytes = good.container.to_vec();
    let check = async |shipment: &Shipment, kind, says: &str| {
        let error = error(edge.send(shipment).await);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.as_str().contains(says), "{error}");
    };
    use RequestErrorKind::{ContainerRefused, HeaderRefused, TooLarge};

    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 0x10;
    check(&good.with_container(flipped), ContainerRefused, "CRC-32C").await;

    let half = bytes[..bytes.len() / 2].to_vec();
    check(&good.with_container(half), ContainerRefused, "truncated").await;

    let mut unknown = bytes.clone();
    unknown[5] = 200;
    let unknown = good.with_container(resealed(unknown));
    check(&unknown, ContainerRefused, "unknown codec 200").await;

    let mut other_task = good.clone();
    other_task.header.task = Task::Dpt;
    check(&other_task, ContainerRefused, "task cls").await;

    let mut other_codec = good.clone();
    other_codec.header.codec = name("hyperprior");
    check(&other_codec, HeaderRefused, "hyperprior").await;

    let mut other_level = good.clone();
    other_level.header.attempts[1].level = 0;
    check(&other_level, ContainerRefused, "level 1").await;

    let mut other_shape = lab.shipment(0, Task::Dpt);
    other_shape.header.image = ImageSize::new(224, 112).unwrap();
    check(&other_shape, ContainerRefused, "2x4x257x48").await;

    let mut huge = good.clone();
    huge.header.image = ImageSize::new(65_536, 65_536).unwrap();
    check(&huge, TooLarge, "65536x65536").await;

    // The payload is whole and the container sealed, but the stream holds other symbols.
    let other = lab.shipment(1, Task::Cls);
    let mut forged = other.container.to_vec();
    forged[26..34].copy_from_slice(&bytes[26..34]);
    let forged = other.with_container(resealed(forged));
    check(&forged, RequestErrorKind::DigestMismatch, "digest").await;

    assert!(result(edge.send(&good).await).stored);
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!(
        (report.frames, report.errors, report.write_failures),
        (1, 9, 0)
    );
    let logged = lab.logged();
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].distortion, None);
}

/// The container with its CRC set right: CRC-32C over everything but the field at 34.
fn resealed(mut container: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&container[..34]), &container[38..]);
    container[34..38].copy_from_slice(&crc.to_le_bytes());
    container
}

/// Twelve million pixels are typical of a phone's pictures.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_a_phones_picture_is_served() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let path = lab.path().join("phone.jpg");
    let picture = image::RgbImage::from_fn(4032, 3024, |x, y| {
        image::Rgb([(x / 16) as u8, (y / 12) as u8, 80])
    });
    picture.save(&path).unwrap();
    let shipment = lab.shipment_of_file(0, Task::Cls, path);
    assert_eq!(shipment.header.image.pixels(), 4032 * 3024);
    assert!(result(edge.send(&shipment).await).stored);
    edge.done().await;
    cloud.stop().await;
    assert_eq!(lab.logged().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_comes_again_is_recorded_once() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(7, Task::Cls);
    edge.refer(&shipment).await;
    let first = result(edge.send(&shipment).await);
    let second = result(edge.send(&shipment).await);
    assert!(!first.duplicate && second.duplicate && second.stored);
    assert_eq!(first.outcome, second.outcome);
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.duplicates), (1, 1));
    assert_eq!(lab.logged().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_does_not_fit_is_refused_and_may_be_corrected() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(0, Task::Cls);
    let mut wrong = shipment.clone();
    wrong.truth = GroundTruth::Cls { label: 60 };
    edge.refer(&wrong).await;
    let refused = error(edge.send(&shipment).await);
    assert_eq!(refused.kind, RequestErrorKind::ReferenceRefused);
    assert!(refused.message.as_str().contains("label 60"), "{refused}");

    assert!(!edge.refer(&shipment).await);
    assert!(result(edge.send(&shipment).await).stored);
    edge.done().await;
    cloud.stop().await;
    check_logged(&lab, &shipment, &lab.logged()[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_reference_is_asked_for_again() {
    let lab = Lab::new();
    let mut config = lab.config();
    let [first, second] = [0, 1].map(|frame| lab.shipment(frame, Task::Cls));
    config.limits.reference_memory = first.reference().header().body_bytes();
    let cloud = lab.start_with(config).await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    edge.refer(&first).await;
    edge.refer(&second).await;
    let missing = error(edge.send(&first).await);
    assert_eq!(missing.kind, RequestErrorKind::ReferenceMissing);
    assert!(missing.message.as_str().contains("send it again"));
    edge.refer(&first).await;
    assert!(result(edge.send(&first).await).stored);
    edge.done().await;
    cloud.stop().await;
    check_logged(&lab, &first, &lab.logged()[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_of_silent_edges_come_from_a_directory() {
    let lab = Lab::new();
    let directory = lab.path().join("references");
    std::fs::create_dir(&directory).unwrap();
    let [known, unknown] = [0, 1].map(|frame| lab.shipment(frame, Task::Cls));
    let file = |ending| directory.join(format!("scene-5-000000.{ending}"));
    let npy = std::fs::File::create(file("npy")).unwrap();
    splitsim_feature::npy::write(npy, &known.original).unwrap();
    let GroundTruth::Cls { label } = known.truth else {
        panic!("{:?}", known.truth);
    };
    std::fs::write(file("label.txt"), label.to_string()).unwrap();
    let mut config = lab.config();
    config.references = Some(directory);
    let cloud = lab.start_with(config).await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    for shipment in [&known, &unknown] {
        assert!(result(edge.send(shipment).await).stored);
    }
    edge.done().await;
    cloud.stop().await;
    let logged = lab.logged();
    check_logged(&lab, &known, &logged[0]);
    assert_eq!(logged[1].distortion, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_does_not_fit_is_told_both_sides() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let check = async |hello: &Hello, kind, both: [&str; 2]| {
        let endpoint = lab.connect(&cloud);
        let refused = endpoint.connect_frames(&cloud.target, hello).await;
        let Err(TransportError::Refused { source, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(source.kind, kind);
        for value in both {
            assert!(source.to_string().contains(value), "{source}");
        }
    };
    let mut other_version = lab.hello(false);
    other_version.protocol_version = 9;
    check(
        &other_version,
        RefusalKind::ProtocolVersion,
        ["version 9", "cloud 1"],
    )
    .await;
    let mut other_model = lab.hello(false);
    other_model.model.digest = Digest::new([0xab; 32]);
    let own = lab.engine.package().digest().to_string();
    check(&other_model, RefusalKind::Model, ["abababab", &own]).await;

    // A run keeps its policy.
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    edge.done().await;
    let mut other_policy = lab.hello(false);
    other_policy.policy = name("oracle");
    check(&other_policy, RefusalKind::Invalid, ["always 1", "oracle"]).await;

    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let shipment = lab.shipment(0, Task::Cls);
    assert!(result(send(&edge.frames, &shipment).await.unwrap()).stored);
    edge.done().await;
    assert_eq!(cloud.stop().await.edges, 1);
}
