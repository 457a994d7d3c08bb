//! Peers without the right certificate, and peers that break the protocol.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use splitsim_feature::units;
use splitsim_proto::framing::{decode_frame_body, encode_frame};
use splitsim_proto::{FrameReply, RequestErrorKind};
use splitsim_transport::{
    Backoff, Channel, CloseCode, CloudEndpoint, Identity, ReceivedFrame, Target, TransportError,
    TransportOptions, with_backoff,
};
use support::{
    Identities, cloud_endpoint, container, edge_endpoint, header, hello, loopback, options,
    raw_client, welcome_one,
};

#[tokio::test]
async fn an_edge_without_a_certificate_is_turned_away() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let alpn = Channel::Frames.alpn();
    let (_endpoint, connection) = raw_client(&identities.edge_dir(), false, alpn, &target).await;
    // The client learns it after its own handshake is done.
    let at_edge = match connection {
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    };
    // certificate_required, RFC 8446 section 6.
    assert!(at_edge.to_string().contains("error 116"), "{at_edge}");
    let at_cloud = cloud.await.unwrap().unwrap_err();
    assert!(
        matches!(at_cloud, TransportError::PeerNotTrusted { .. }),
        "{at_cloud}"
    );
    assert!(
        at_cloud.to_string().contains("splitsim certs"),
        "{at_cloud}"
    );
}

#[tokio::test]
async fn an_edge_of_another_authority_is_turned_away_and_does_not_retry() {
    let identities = Identities::create();
    let others = Identities::create();
    // It trusts the cloud, but the cloud does not trust it.
    let mixed = tempfile::tempdir().unwrap();
    for (file, from) in [
        ("cert.pem", &others),
        ("key.pem", &others),
        ("ca.pem", &identities),
    ] {
        std::fs::copy(from.edge_dir().join(file), mixed.path().join(file)).unwrap();
    }
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let edge = edge_endpoint(&Identity::load(mixed.path()).unwrap(), &target);
    let hello = hello();
    let at_edge = with_backoff(
        &Backoff::default(),
        || edge.connect_frames(&target, &hello),
        |retry| panic!("tried again after {}", retry.error),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(at_edge, TransportError::IdentityRefused { .. }),
        "{at_edge}"
    );
    assert!(at_edge.to_string().contains("UnknownCA"), "{at_edge}");
    let at_cloud = cloud.await.unwrap().unwrap_err();
    assert!(
        matches!(at_cloud, TransportError::PeerNotTrusted { .. }),
        "{at_cloud}"
    );
}

#[tokio::test]
async fn a_cloud_of_another_authority_is_not_trusted() {
    let identities = Identities::create();
    let others = Identities::create();
    let (cloud, target) = cloud_endpoint(&others);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let edge = edge_endpoint(&identities.edge(), &target);
    let at_edge = edge.connect_frames(&target, &hello()).await.unwrap_err();
    assert!(
        matches!(at_edge, TransportError::PeerNotTrusted { .. }),
        "{at_edge}"
    );
    assert!(at_edge.to_string().contains("UnknownIssuer"), "{at_edge}");
    let at_cloud = cloud.await.unwrap().unwrap_err();
    assert!(
        matches!(at_cloud, TransportError::IdentityRefused { .. }),
        "{at_cloud}"
    );
}

#[tokio::test]
async fn a_cloud_under_another_name_is_not_trusted() {
    let identities = Identities::create();
    let (cloud, mut target) = cloud_endpoint(&identities);
    tokio::spawn(async move { welcome_one(&cloud).await });
    target.server_name = "cloud.example".to_owned();
    let edge = edge_endpoint(&identities.edge(), &target);
    let error = edge.connect_frames(&target, &hello()).await.unwrap_err();
    assert!(
        matches!(error, TransportError::PeerNotTrusted { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("among its names"), "{error}");
}

#[tokio::test]
async fn another_protocol_version_is_named_on_both_sides() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let (_endpoint, connection) =
        raw_client(&identities.edge_dir(), true, b"splitsim/2", &target).await;
    // no_application_protocol, RFC 7301 section 3.2.
    let at_edge = connection.unwrap_err();
    assert!(at_edge.to_string().contains("error 120"), "{at_edge}");
    let at_cloud = cloud.await.unwrap().unwrap_err();
    assert!(
        matches!(at_cloud, TransportError::ProtocolMismatch { .. }),
        "{at_cloud}"
    );
    assert!(at_cloud.to_string().contains("splitsim/1"), "{at_cloud}");
}

/// Sends these bytes as a frame's stream; returns the cloud's result of reading it, and its reply.
async fn check(stream: Vec<u8>) -> (Result<ReceivedFrame, TransportError>, FrameReply) {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        let received = exchange.recv_frame().await;
        let error = received.as_ref().unwrap_err();
        let reply = FrameReply::Failed(error.to_request_error().unwrap());
        exchange.reply(&reply).await.unwrap();
        session.connection().closed().await;
        received
    });
    let connection = introduced(&identities, &target).await;
    let (mut send, mut recv) = connection.1.open_bi().await.unwrap();
    // The cloud may stop reading before all is written.
    let _ = send.write_all(&stream).await;
    let _ = send.finish();
    let reply = recv.read_to_end(1 << 20).await.unwrap();
    connection.1.close(0u32.into(), b"");
    (
        cloud.await.unwrap(),
        decode_frame_body(&reply[4..]).unwrap(),
    )
}

async fn introduced(
    identities: &Identities,
    target: &Target,
) -> (quinn::Endpoint, quinn::Connection) {
    let alpn = Channel::Frames.alpn();
    let (endpoint, connection) = raw_client(&identities.edge_dir(), true, alpn, target).await;
    let connection = connection.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode_frame(&hello()).unwrap())
        .await
        .unwrap();
    send.finish().unwrap();
    recv.read_to_end(1 << 20).await.unwrap();
    (endpoint, connection)
}

fn frame_stream(declared: u64, container: &Bytes) -> Vec<u8> {
    let mut stream = encode_frame(&header(1, declared)).unwrap().to_vec();
    stream.extend_from_slice(container);
    stream
}

fn kind(reply: &FrameReply) -> RequestErrorKind {
    match reply {
        FrameReply::Failed(error) => error.kind,
        FrameReply::Result(result) => panic!("{result:?}"),
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_told_from_a_whole_one() {
    let (received, reply) = check(frame_stream(1000, &container(10))).await;
    let error = received.unwrap_err();
    let TransportError::Truncated {
        expected, actual, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((expected, actual), (1000, 10));
    assert_eq!(kind(&reply), RequestErrorKind::ContainerRefused);
}

#[tokio::test]
async fn bytes_beyond_the_container_are_refused() {
    let (received, reply) = check(frame_stream(10, &container(11))).await;
    assert!(matches!(received, Err(TransportError::Trailing { .. })));
    assert_eq!(kind(&reply), RequestErrorKind::ContainerRefused);
}

#[tokio::test]
async fn a_terabyte_is_refused_by_its_header() {
    let declared = 1 << 40;
    let (received, reply) = check(frame_stream(declared, &container(5))).await;
    let error = received.unwrap_err();
    let TransportError::TooLarge { actual, limit, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(actual, units::Bytes(declared));
    assert_eq!(limit, hello().max_container_bytes);
    assert_eq!(kind(&reply), RequestErrorKind::TooLarge);
}

#[tokio::test]
async fn a_header_that_is_none_is_refused() {
    for stream in [
        vec![0xff; 5000],
        b"\x05\0\0\0\xff\xff\xff\xff\xff".to_vec(),
        b"\0\0\0\0".to_vec(),
    ] {
        let (received, reply) = check(stream).await;
        assert!(matches!(received, Err(TransportError::Framing { .. })));
        assert_eq!(kind(&reply), RequestErrorKind::HeaderRefused);
    }
}

#[tokio::test]
async fn a_first_message_that_is_no_hello_is_refused() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await });
    let alpn = Channel::Frames.alpn();
    let (_endpoint, connection) = raw_client(&identities.edge_dir(), true, alpn, &target).await;
    let connection = connection.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode_frame(&header(1, 1)).unwrap())
        .await
        .unwrap();
    send.finish().unwrap();
    let reply = recv.read_to_end(1 << 20).await.unwrap();
    assert!(!reply.is_empty());
    let error = cloud.await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Framing { .. }), "{error}");
}

/// A terminal's escapes, a forged line of a log, and an order of text that is turned.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}bye\r\n2026-01-01T00:00:00Z  INFO all is well\u{202e}";

fn is_one_plain_line(text: &str) {
    let hostile = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(hostile), "{text:?}");
    assert!(text.contains(r"\u{1b}[2J"), "{text:?}");
}

#[tokio::test]
async fn an_edges_last_words_are_one_plain_line() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        session.accept().await.unwrap_err()
    });
    let (_endpoint, connection) = introduced(&identities, &target).await;
    connection.close(7u32.into(), HOSTILE.as_bytes());
    is_one_plain_line(&cloud.await.unwrap().to_string());
}

#[tokio::test]
async fn a_strangers_last_words_are_one_plain_line() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move { welcome_one(&cloud).await.unwrap_err() });
    let alpn = Channel::Frames.alpn();
    let (_endpoint, connection) = raw_client(&identities.edge_dir(), true, alpn, &target).await;
    connection.unwrap().close(7u32.into(), HOSTILE.as_bytes());
    is_one_plain_line(&cloud.await.unwrap().to_string());
}

#[tokio::test]
async fn a_clouds_words_are_one_plain_line_at_the_edge() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move {
        let connection = cloud.accept().await.unwrap().handshake().await.unwrap();
        connection.close(CloseCode::Failed, HOSTILE);
        cloud.wait_idle().await;
    });
    let edge = edge_endpoint(&identities.edge(), &target);
    let error = edge.connect_frames(&target, &hello()).await.unwrap_err();
    is_one_plain_line(&error.to_string());
}

#[tokio::test]
async fn an_edge_that_goes_in_mid_frame_is_told_from_one_that_is_done() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        let frame = exchange.recv_frame().await.unwrap_err();
        let session_end = session.accept().await.unwrap_err();
        (frame, session_end)
    });
    let (endpoint, connection) = introduced(&identities, &target).await;
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(&frame_stream(1000, &container(10)))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    connection.close(0u32.into(), b"");
    drop((send, recv, connection));
    endpoint.wait_idle().await;
    let (frame, session_end) = cloud.await.unwrap();
    for error in [frame, session_end] {
        let TransportError::Closed { code, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*code, Some(CloseCode::Dropped));
    }
}

#[test]
fn an_edge_that_falls_silent_in_mid_frame_is_an_idle_timeout() {
    let identities = Identities::create();
    let cloud_runtime = tokio::runtime::Runtime::new().unwrap();
    let edge_runtime = tokio::runtime::Runtime::new().unwrap();
    let short = TransportOptions {
        keep_alive: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(800),
        ..options()
    };
    let cloud = {
        let _context = cloud_runtime.enter();
        CloudEndpoint::bind(loopback(), &identities.cloud(), &short).unwrap()
    };
    let target = Target {
        address: cloud.local_addr().unwrap(),
        server_name: "127.0.0.1".to_owned(),
    };
    let cloud = cloud_runtime.spawn(async move {
        let session = welcome_one(&cloud).await.unwrap();
        let mut exchange = session.accept().await.unwrap().unwrap();
        exchange.recv_frame().await.unwrap_err()
    });
    let streams = edge_runtime.block_on(async {
        let (endpoint, connection) = introduced(&identities, &target).await;
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&frame_stream(1000, &container(10)))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        (endpoint, connection, send, recv)
    });
    // The whole process is gone, as it were: nothing drives the socket any more.
    edge_runtime.shutdown_background();
    let error = cloud_runtime.block_on(cloud).unwrap();
    assert!(
        matches!(error, TransportError::IdleTimeout { .. }),
        "{error}"
    );
    drop(streams);
}
