//! Two edges of one id, and one edge whose pictures or settings changed.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use splitsim_feature::Task;
use splitsim_proto::{Digest, Hello, RefusalKind, RequestErrorKind};
use splitsim_transport::TransportError;
use support::{Lab, Shipment, error, name, picture_digest, result};

#[tokio::test(flavor = "multi_thread")]
async fn another_frame_under_a_recorded_number_is_refused_by_name() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let [first, other] = [0, 1].map(|frame| lab.shipment(frame, Task::Cls));
    assert!(result(edge.send(&first).await).stored);
    let check = async |shipment: &Shipment, says: &str| {
        let error = error(edge.send(shipment).await);
        assert_eq!(error.kind, RequestErrorKind::Conflict, "{error}");
        assert!(!error.kind.is_transient());
        for part in ["frame 0 (cls) of run 'run', edge 'edge-0'", says] {
            assert!(error.message.as_str().contains(part), "{error}");
        }
    };
    let mut renumbered = other.clone();
    renumbered.header.frame = 0;
    check(&renumbered, "picture 'scene-5-000000'").await;
    // The same name for another picture, as in two folders.
    renumbered.header.source = first.header.source.clone();
    check(&renumbered, "picture digest").await;
    // The same picture in other bytes.
    renumbered.header.picture_digest = first.header.picture_digest;
    check(&renumbered, "container digest").await;
    assert!(result(edge.send(&first).await).duplicate);
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.errors, report.missing), (1, 3, 0));
    let logged = lab.logged();
    let digest = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
    assert_eq!(
        logged[0].frame.picture_digest,
        digest(first.header.picture_digest)
    );
    let container = splitsim_model::Digest::of(&first.container).to_string();
    assert_eq!(logged[0].frame.container_digest, Some(container));
}

/// The wrong original would make a wrong distortion, and nobody would notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_of_another_picture_is_refused_by_name() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(0, Task::Cls);
    let mut other = shipment.clone();
    other.header.picture_digest = Some(picture_digest("another room"));
    assert!(!edge.refer(&other).await);
    let refused = edge.references.send_reference(&shipment.reference()).await;
    let Err(TransportError::Rejected { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(source.kind, RequestErrorKind::Conflict);
    let conflict = error(edge.send(&shipment).await);
    assert_eq!(conflict.kind, RequestErrorKind::Conflict);
    let both = [&shipment, &other].map(|one| one.header.picture_digest.unwrap().to_string());
    for digest in both {
        assert!(conflict.message.as_str().contains(&digest), "{conflict}");
    }
    assert!(result(edge.send(&other).await).stored);
    edge.done().await;
    assert_eq!(cloud.stop().await.frames, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_hello_of_other_settings_is_refused_also_after_a_restart() {
    type Change = (fn(&mut Hello), [&'static str; 2]);
    let lab = Lab::new();
    let others: [Change; 2] = [
        (
            |hello| {
                hello.source = Some(name("photos/"));
                hello.settings_digest = Some(Digest::new([6; 32]));
            },
            ["source 'scenes:5:60'", "'photos/'"],
        ),
        (
            |hello| hello.settings_digest = Some(Digest::new([6; 32])),
            ["settings of digest '05050505", "'06060606"],
        ),
    ];
    for round in 0..2 {
        let cloud = lab.start().await;
        for (change, both) in &others {
            // In the first round, the first hello registers the run.
            lab.edge(&cloud, &lab.hello(false)).await.done().await;
            let mut other = lab.hello(false);
            change(&mut other);
            let refused = lab
                .connect(&cloud)
                .connect_frames(&cloud.target, &other)
                .await;
            let Err(TransportError::Refused { source, .. }) = refused else {
                panic!("round {round}: {refused:?}");
            };
            assert_eq!(source.kind, RefusalKind::Invalid);
            for part in both
                .iter()
                .chain(&["run 'run' of edge 'edge-0'", "edge id"])
            {
                assert!(source.to_string().contains(part), "{source}");
            }
        }
        cloud.stop().await;
    }
}

/// An experiment registers its runs before their edges say hello.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_hello_tells_the_settings_of_a_run_that_was_registered_before() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let mut silent = lab.hello(false);
    (silent.source, silent.settings_digest) = (None, None);
    lab.edge(&cloud, &silent).await.done().await;
    lab.edge(&cloud, &lab.hello(false)).await.done().await;
    let mut other = lab.hello(false);
    other.settings_digest = Some(Digest::new([6; 32]));
    let endpoint = lab.connect(&cloud);
    let refused = endpoint.connect_frames(&cloud.target, &other).await;
    assert!(matches!(refused, Err(TransportError::Refused { .. })));
    cloud.stop().await;
    let runs = lab.results().runs().unwrap();
    assert_eq!(runs[0].source.as_deref(), Some("scenes:5:60"));
    assert_eq!(runs[0].settings_digest, Some("05".repeat(32)));
}
