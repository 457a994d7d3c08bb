//! Requests that are half there, and bodies that wait for room.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use splitsim_feature::units;
use splitsim_proto::framing::encode_frame;
use splitsim_transport::{
    Allowance, BodyBudget, Channel, CloudEndpoint, CloudSession, ReceivedFrame, TransportError,
};
use support::{
    Identities, cloud_endpoint, container, edge_endpoint, header, hello, raw_client, result,
    welcome_one,
};

/// Serves one connection: its session with this much patience and room.
async fn session(cloud: &CloudEndpoint, patience: Duration, kib: u64) -> CloudSession {
    let session = welcome_one(cloud).await.unwrap();
    session.allow(Allowance {
        bodies: BodyBudget::new(units::Bytes(kib << 10)).share(),
        patience,
    })
}

async fn receive_one(
    cloud: CloudEndpoint,
    patience: Duration,
) -> Result<ReceivedFrame, TransportError> {
    let session = session(&cloud, patience, 1 << 20).await;
    let mut exchange = session.accept().await.unwrap().unwrap();
    exchange.recv_frame().await
}

/// A connection that has said hello, and the first bytes of a frame of 64 KiB on a stream of it.
async fn half_a_frame(
    identities: &Identities,
    target: &splitsim_transport::Target,
    first: usize,
) -> (quinn::Endpoint, quinn::Connection, quinn::SendStream) {
    let alpn = Channel::Frames.alpn();
    let (endpoint, connection) = raw_client(&identities.edge_dir(), true, alpn, target).await;
    let connection = connection.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode_frame(&hello()).unwrap())
        .await
        .unwrap();
    send.finish().unwrap();
    recv.read_to_end(1 << 20).await.unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    let mut stream = encode_frame(&header(1, 64 << 10)).unwrap().to_vec();
    stream.extend_from_slice(&container(64 << 10));
    send.write_all(&stream[..first]).await.unwrap();
    (endpoint, connection, send)
}

#[tokio::test]
async fn a_request_that_stays_half_there_is_cut_wherever_it_stops() {
    for first in [1, 3, 20, 5000] {
        let identities = Identities::create();
        let (cloud, target) = cloud_endpoint(&identities);
        let cloud = tokio::spawn(receive_one(cloud, Duration::from_millis(300)));
        let kept = half_a_frame(&identities, &target, first).await;
        let error = cloud.await.unwrap().unwrap_err();
        assert!(matches!(error, TransportError::Stalled { .. }), "{error}");
        assert!(error.is_transient() && error.to_request_error().is_none());
        drop(kept);
    }
}

#[tokio::test]
async fn single_bytes_do_not_keep_a_request_alive() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(receive_one(cloud, Duration::from_millis(500)));
    let (_endpoint, _connection, mut send) = half_a_frame(&identities, &target, 5000).await;
    let trickle = tokio::spawn(async move {
        while send.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let error = cloud.await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Stalled { .. }), "{error}");
    trickle.await.unwrap();
}

#[tokio::test]
async fn frames_beyond_the_room_wait_and_all_arrive() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move {
        // Room for one of these frames at a time.
        let session = session(&cloud, Duration::from_secs(60), 4 * 120).await;
        while let Some(mut exchange) = session.accept().await.unwrap() {
            tokio::spawn(async move {
                let frame = exchange.recv_frame().await.unwrap();
                let reply = result(&frame.header, &frame.container);
                exchange.reply(&reply).await.unwrap();
            });
        }
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    let frames: Vec<_> = (0..6)
        .map(|frame| {
            let session = session.clone();
            tokio::spawn(async move {
                let container = container(100 << 10);
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
