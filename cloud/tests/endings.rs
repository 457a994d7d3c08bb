//! Restarts, shutdowns and full disks.

mod support;

use std::collections::BTreeSet;

use rusqlite::Connection;
use splitsim_feature::Task;
use splitsim_proto::{FrameReply, Id, RequestErrorKind};
use splitsim_results::Store;
use splitsim_transport::{CloseCode, TransportError};
use support::{Lab, error, result, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_cloud_goes_on_where_it_was() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let hello = lab.hello(true);
    let edge = lab.edge(&cloud, &hello).await;
    let [first, second] = [0, 1].map(|frame| lab.shipment(frame, Task::Seg));
    for shipment in [&first, &second] {
        edge.refer(shipment).await;
    }
    assert!(result(edge.send(&first).await).stored);
    cloud.stop().await;
    let Err(lost) = send(&edge.frames, &second).await else {
        panic!("the cloud had ended");
    };
    assert!(lost.is_transient(), "{lost}");
    assert!(
        matches!(
            lost,
            TransportError::Closed {
                code: Some(CloseCode::Shutdown),
                ..
            }
        ),
        "{lost}"
    );

    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &hello).await;
    assert!(result(edge.send(&first).await).duplicate);
    let missing = error(edge.send(&second).await);
    assert_eq!(missing.kind, RequestErrorKind::ReferenceMissing);
    assert!(!edge.refer(&second).await);
    assert!(!result(edge.send(&second).await).duplicate);
    edge.done().await;
    cloud.stop().await;
    let logged = lab.logged();
    assert_eq!(logged.len(), 2);
    assert!(logged.iter().all(|frame| frame.distortion.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_shutdown_is_kept() {
    let lab = Lab::new();
    let mut config = lab.config();
    config.workers = std::num::NonZeroUsize::MIN;
    let cloud = lab.start_with(config).await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let shipment = lab.shipment(0, Task::Cls);
    assert!(result(edge.send(&shipment).await).stored);
    let sends: Vec<_> = (1..=6)
        .map(|frame| {
            let (session, mut shipment) = (edge.frames.clone(), shipment.clone());
            shipment.header.frame = frame;
            tokio::spawn(async move { (frame, send(&session, &shipment).await) })
        })
        .collect();
    // Some are being worked on, some wait, some are on their way.
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let report = cloud.stop().await;
    let mut answered = vec![0];
    for sending in sends {
        match sending.await.unwrap() {
            (frame, Ok(FrameReply::Result(result))) if result.stored => answered.push(frame),
            (_, Ok(reply)) => assert_eq!(error(reply).kind, RequestErrorKind::ShuttingDown),
            (_, Err(lost)) => assert!(lost.is_transient(), "{lost}"),
        }
    }
    let mut kept: Vec<u64> = (lab.logged().iter())
        .map(|logged| logged.frame.key.frame)
        .collect();
    kept.sort_unstable();
    answered.sort_unstable();
    assert_eq!(kept, answered);
    assert_eq!(report.frames, kept.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_cannot_be_written_may_come_again() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(0, Task::Dpt);
    edge.refer(&shipment).await;
    // Stands in for a full disk: the frame's last insert fails.
    let results = lab.out().join(Store::FILE_NAME);
    let sqlite = |statement: &str| {
        let connection = Connection::open(&results).unwrap();
        connection.execute_batch(statement).unwrap();
    };
    sqlite(
        "CREATE TRIGGER full BEFORE INSERT ON stages
         BEGIN SELECT RAISE(ABORT, 'no room for stages'); END",
    );
    let failed = error(edge.send(&shipment).await);
    assert_eq!(failed.kind, RequestErrorKind::StoreFailed);
    assert!(failed.kind.is_transient());
    assert!(failed.message.as_str().contains("no room for stages"));
    sqlite("DROP TRIGGER full");
    assert!(!result(edge.send(&shipment).await).duplicate);
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.write_failures), (1, 1));
    let logged = lab.logged();
    assert!(logged[0].distortion.unwrap().distortion.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_edges_are_served_at_once() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let shipment = lab.shipment(0, Task::Cls);
    let edges = (0..3).map(|number| {
        let mut hello = lab.hello(true);
        hello.edge_id = Id::new(format!("edge-{number}")).unwrap();
        let (lab, cloud, shipment) = (&lab, &cloud, &shipment);
        async move {
            let edge = lab.edge(cloud, &hello).await;
            for frame in 0..3 {
                let mut shipment = shipment.clone();
                shipment.header.frame = frame;
                edge.refer(&shipment).await;
                assert!(!result(edge.send(&shipment).await).duplicate);
            }
            edge.done().await;
        }
    });
    let [a, b, c] = edges.collect::<Vec<_>>().try_into().ok().unwrap();
    tokio::join!(a, b, c);
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.edges, report.errors), (9, 3, 0));
    assert_eq!(lab.logged().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_frames_of_one_connection_are_served_at_once_and_one_that_came_twice_is_logged_once()
 {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(0, Task::Cls);
    let numbered = |frame| {
        let mut shipment = shipment.clone();
        shipment.header.frame = frame;
        shipment
    };
    for frame in 0..8 {
        edge.refer(&numbered(frame)).await;
    }
    // As when an edge connects again while the cloud is still at work on what it had.
    let twice = 3;
    let replies: Vec<_> = (0..8)
        .chain([twice])
        .map(|frame| {
            let (frames, shipment) = (edge.frames.clone(), numbered(frame));
            tokio::spawn(async move { (frame, send(&frames, &shipment).await.unwrap()) })
        })
        .collect();
    let mut recorded = BTreeSet::new();
    for reply in replies {
        match reply.await.unwrap() {
            (frame, FrameReply::Result(result)) => {
                assert!(result.duplicate || recorded.insert(frame), "{frame} twice");
            }
            // The first was recorded, and its reference let go of, while the second was admitted.
            (frame, FrameReply::Failed(error)) => {
                assert_eq!(
                    (frame, error.kind),
                    (twice, RequestErrorKind::ReferenceMissing)
                );
                assert!(error.kind.is_transient());
            }
        }
    }
    assert_eq!(recorded, (0..8).collect());
    edge.done().await;
    assert_eq!(cloud.stop().await.frames, 8);
    assert_eq!(lab.logged().len(), 8);
}
