//! Frames, references and settlements over real QUIC.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use splitsim_feature::{Feature, FeatureShape, Task, units::Bytes};
use splitsim_proto::framing::encode_frame;
use splitsim_proto::{
    Ack, FrameReply, ImageSize, Reference, ReferenceReply, ReferenceTruth, RefusalKind,
    RequestError, RequestErrorKind, Settlement,
};
use splitsim_transport::{
    Backoff, Channel, CloseCode, CloudEndpoint, ReceivedRequest, TransportError, with_backoff,
};
use support::{
    Identities, cloud_endpoint, container, edge_endpoint, header, hello, options, result,
    serve_frames, welcome_one,
};

#[tokio::test]
async fn containers_of_one_byte_and_of_3_mb_arrive() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let serving = tokio::spawn(serve_frames(cloud));
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();

    for bytes in [1usize, 3_000_000] {
        let header = header(bytes as u64, bytes as u64);
        let container = container(bytes);
        let counter = session.connection().link_counter();
        let sent = session
            .send_frame(&header, container.clone())
            .await
            .unwrap();
        assert_eq!(sent.reply, result(&header, &container));
        let message = encode_frame(&header).unwrap().len();
        assert_eq!(sent.stream_bytes, Bytes((message + bytes) as u64));
        assert!(sent.transfer() < sent.round_trip);

        let usage = counter.usage();
        let mtu = session.connection().path().mtu;
        assert!(usage.udp_bytes > sent.stream_bytes, "{usage:?}");
        assert!(
            usage.datagrams >= usage.udp_bytes.0 / mtu.0,
            "{usage:?} {mtu}"
        );
        let link_bytes = usage.link_bytes(session.connection().ip_version());
        assert_eq!(link_bytes, Bytes(usage.udp_bytes.0 + 28 * usage.datagrams));
    }
    session.connection().close(CloseCode::Done, "");
    edge.wait_idle().await;
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn frames_may_be_under_way_together() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(serve_frames(cloud));
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let frames: Vec<_> = (1..=8u64)
        .map(|frame| {
            let session = session.clone();
            tokio::spawn(async move {
                let container = container(10_000 * frame as usize);
                let header = header(frame, container.len() as u64);
                let sent = session
                    .send_frame(&header, container.clone())
                    .await
                    .unwrap();
                assert_eq!(sent.reply, result(&header, &container));
            })
        })
        .collect();
    for frame in frames {
        frame.await.unwrap();
    }
}

#[tokio::test]
async fn a_container_beyond_the_agreed_limit_is_not_sent() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(serve_frames(cloud));
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let limit = session.welcome().limits.max_container_bytes;
    assert_eq!(limit, hello().max_container_bytes);

    let bytes = limit.0 + 1;
    let error = session
        .send_frame(&header(1, bytes), container(bytes as usize))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::TooLarge { actual, .. } if actual == Bytes(bytes)));
    let error = session
        .send_frame(&header(1, 5), container(6))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::ContainerLength { .. }));
}

#[tokio::test]
async fn a_failed_frame_is_a_reply_and_the_connection_goes_on() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let refused = RequestError::new(RequestErrorKind::DigestMismatch, "edge 12, cloud 34");
    let reply = FrameReply::Failed(refused);
    let expected = reply.clone();
    tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        exchange.recv_frame().await.unwrap();
        exchange.reply(&reply).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        let frame = exchange.recv_frame().await.unwrap();
        exchange
            .reply(&result(&header(frame.header.frame + 1, 1), &[]))
            .await
            .unwrap();
        session.connection().closed().await;
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let sent = session
        .send_frame(&header(1, 9), container(9))
        .await
        .unwrap();
    assert_eq!(sent.reply, expected);
    let error = session
        .send_frame(&header(2, 9), container(9))
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransportError::UnexpectedReply { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn references_and_settlements_arrive() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let serving = tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        assert_eq!(session.connection().channel(), Channel::References);
        let mut received = Vec::new();
        while let Some(mut exchange) = session.accept().await.unwrap() {
            let request = exchange.recv_request().await.unwrap();
            let reply = answer(&request);
            received.push(request);
            exchange.reply(&reply).await.unwrap();
        }
        received
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_references(&target, &hello()).await.unwrap();
    assert!(
        !session
            .send_reference(&reference(1))
            .await
            .unwrap()
            .duplicate
    );
    assert!(session.settle(&settlement(1)).await.unwrap().duplicate);
    let error = session.settle(&settlement(99)).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Rejected { frame: 99, .. }),
        "{error}"
    );

    session.connection().close(CloseCode::Done, "");
    edge.wait_idle().await;
    let received = serving.await.unwrap();
    assert_eq!(received[0], ReceivedRequest::Reference(reference(1)));
    assert_eq!(received[1], ReceivedRequest::Settlement(settlement(1)));
}

fn answer(request: &ReceivedRequest) -> ReferenceReply {
    let ack = |frame, duplicate| Ack {
        frame,
        task: Task::Seg,
        duplicate,
    };
    match request {
        ReceivedRequest::Reference(reference) => {
            ReferenceReply::Reference(ack(reference.frame(), false))
        }
        ReceivedRequest::Settlement(settlement) if settlement.frame == 99 => {
            let error = RequestError::new(RequestErrorKind::StoreFailed, "disk full");
            ReferenceReply::Failed(error)
        }
        ReceivedRequest::Settlement(settlement) => {
            ReferenceReply::Settlement(ack(settlement.frame, true))
        }
    }
}

fn reference(frame: u64) -> Reference {
    let shape = FeatureShape::new(2, 1, 5, 3).unwrap();
    let values = (0..shape.points())
        .map(|value| value as f32 / 8.0)
        .collect();
    let feature = Feature::new(shape, values).unwrap();
    let truth = ReferenceTruth::Seg {
        image: ImageSize::new(4, 3).unwrap(),
        mask: (0..12).collect(),
    };
    Reference::new(frame, Task::Seg, feature, Some(truth)).unwrap()
}

fn settlement(frame: u64) -> Settlement {
    Settlement {
        frame,
        task: Task::Seg,
        transfer: Duration::from_micros(1234),
        end_to_end: Duration::from_micros(56_789),
        stream_bytes: Bytes(1000),
        udp_tx_bytes: Bytes(1100),
        udp_tx_datagrams: 2,
        path: None,
        sends: 1,
    }
}

#[tokio::test]
async fn a_mismatch_is_refused_on_both_sides_with_both_values() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let edge = edge_endpoint(&identities.edge(), &target);
    let mut other = hello();
    other.tasks = vec![Task::Dpt];
    let at_edge = edge.connect_frames(&target, &other).await.unwrap_err();
    let at_cloud = cloud.await.unwrap().unwrap_err();
    for error in [at_edge, at_cloud] {
        let TransportError::Refused { source, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(source.kind, RefusalKind::Task);
        assert!(
            error.to_string().contains("dpt") && error.to_string().contains("seg"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_cloud_that_shuts_down_says_so() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        session
            .accept()
            .await
            .unwrap()
            .unwrap()
            .recv_frame()
            .await
            .unwrap();
        cloud.close(CloseCode::Shutdown, "maintenance");
        cloud.wait_idle().await;
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let error = session
        .send_frame(&header(1, 4), container(4))
        .await
        .unwrap_err();
    assert!(error.is_transient());
    assert!(
        error.to_string().contains("shutting down (maintenance)"),
        "{error}"
    );
}

#[tokio::test]
async fn an_edge_waits_for_a_cloud_that_comes_later() {
    let identities = Identities::create();
    let (first, target) = cloud_endpoint(&identities);
    first.close(CloseCode::Shutdown, "");
    drop(first);
    let mut impatient = options();
    impatient.handshake_timeout = Duration::from_millis(200);
    let edge =
        splitsim_transport::EdgeEndpoint::toward(target.address, &identities.edge(), &impatient)
            .unwrap();
    let address = target.address;
    let identity = identities.cloud();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let cloud = CloudEndpoint::bind(address, &identity, &options()).unwrap();
        serve_frames(cloud).await
    });
    let backoff = Backoff {
        initial: Duration::from_millis(50),
        max: Duration::from_millis(200),
        total: Duration::from_secs(5),
    };
    let mut failures = Vec::new();
    let hello = hello();
    let session = with_backoff(
        &backoff,
        || edge.connect_frames(&target, &hello),
        |retry| failures.push(retry.error.to_string()),
    )
    .await
    .unwrap();
    assert_eq!(session.welcome().model, hello.model);
    assert!(!failures.is_empty());
    assert!(
        failures[0].contains("is it running and reachable?"),
        "{failures:?}"
    );
}

#[tokio::test]
async fn a_cloud_that_is_full_may_be_asked_again() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move {
        cloud.accept().await.unwrap().refuse();
        serve_frames(cloud).await
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let hello = hello();
    let mut failures = Vec::new();
    with_backoff(
        &Backoff::default(),
        || edge.connect_frames(&target, &hello),
        |retry| failures.push(retry.error.to_string()),
    )
    .await
    .unwrap();
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0].contains("takes no more connections"),
        "{failures:?}"
    );
}

#[tokio::test]
async fn a_delivered_reply_outlives_the_connection() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        let frame = exchange.recv_frame().await.unwrap();
        let reply = result(&frame.header, &frame.container);
        exchange.deliver(&reply).await.unwrap();
        cloud.close(CloseCode::Shutdown, "");
        cloud.wait_idle().await;
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let container = container(5000);
    let header = header(1, 5000);
    let sent = session
        .send_frame(&header, container.clone())
        .await
        .unwrap();
    assert_eq!(sent.reply, result(&header, &container));
}
