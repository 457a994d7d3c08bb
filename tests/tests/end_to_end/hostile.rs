//! Damage on the wire, between an edge within the test and a real cloud.

use splitsim_feature::Task;
use splitsim_proto::framing::encode_frame;
use splitsim_proto::{FrameReply, RefusalKind, RequestErrorKind};
use splitsim_tests::raw::{RawEdge, Shows};
use splitsim_tests::{Cloud, Lab, Peer};
use splitsim_transport::{
    Channel, CloseCode, EdgeEndpoint, FrameSession, Identity, Target, TransportError,
    TransportOptions,
};

const TASK: Task = Task::Cls;

fn endpoint(lab: &Lab, cloud: &Cloud) -> (EdgeEndpoint, Target) {
    let identity = Identity::load(&lab.path("identities/edge")).unwrap();
    let target = Target {
        address: cloud.address(),
        server_name: "localhost".to_owned(),
    };
    let options = TransportOptions::default();
    let endpoint = EdgeEndpoint::toward(target.address, &identity, &options).unwrap();
    (endpoint, target)
}

fn refusal(reply: FrameReply) -> RequestErrorKind {
    match reply {
        FrameReply::Failed(error) => error.kind,
        FrameReply::Result(result) => panic!("{result:?}"),
    }
}

async fn is_refused(session: &FrameSession, shipment: splitsim_tests::Shipment, what: &str) {
    let sent = session
        .send_frame(&shipment.header, shipment.container)
        .await
        .unwrap();
    let kind = refusal(sent.reply);
    assert_eq!(kind, RequestErrorKind::ContainerRefused, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_refused_by_name() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let (endpoint, target) = endpoint(&lab, &cloud);
    let peer = Peer::new(&lab);
    let mut hello = peer.hello(TASK);
    hello.protocol_version += 1;
    let error = endpoint.connect_frames(&target, &hello).await.unwrap_err();
    let TransportError::Refused { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind, RefusalKind::ProtocolVersion);
    let message = error.to_string();
    assert!(message.contains("version 2, cloud 1"), "{message}");

    let identity = lab.path("identities/edge");
    let address = cloud.address();
    let raw = RawEdge::connect(address, &identity, Shows::Certificate, b"splitsim/2").await;
    // no_application_protocol, RFC 7301 section 3.2.
    let error = raw.map(drop).unwrap_err().to_string();
    assert!(error.contains("error 120"), "{error}");

    let hello = peer.hello(TASK);
    assert!(endpoint.connect_frames(&target, &hello).await.is_ok());
    assert_eq!(cloud.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_frames_are_refused_and_whole_ones_taken_on_the_same_connection() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let (endpoint, target) = endpoint(&lab, &cloud);
    let peer = Peer::new(&lab);
    let hello = peer.hello(TASK);
    let session = endpoint.connect_frames(&target, &hello).await.unwrap();
    let whole = peer.shipment(0, TASK);
    let length = whole.container.len();
    let mut refused = 0;

    // Every byte of the header, and some of the payload.
    for position in (0..64.min(length)).chain((64..length).step_by(length / 16)) {
        let mut bytes = whole.container.to_vec();
        bytes[position] ^= 0x20;
        let damaged = whole.with_container(bytes);
        is_refused(&session, damaged, &format!("byte {position} flipped")).await;
        refused += 1;
    }
    for kept in [1, 7, length / 2, length - 1] {
        let cut = whole.with_container(whole.container[..kept].to_vec());
        is_refused(&session, cut, &format!("cut to {kept} of {length} bytes")).await;
        refused += 1;
    }
    let mut longer = whole.container.to_vec();
    longer.push(0);
    is_refused(&session, whole.with_container(longer), "a byte too many").await;
    refused += 1;

    let sent = session
        .send_frame(&whole.header, whole.container.clone())
        .await
        .unwrap();
    assert!(matches!(sent.reply, FrameReply::Result(_)), "{sent:?}");
    endpoint.close(CloseCode::Done, "");
    endpoint.wait_idle().await;
    let (code, report) = cloud.stop();
    assert_eq!(code, Some(0));
    assert_eq!(
        (&report["frames"], &report["errors"]),
        (&1.into(), &refused.into())
    );
    assert_eq!(lab.logged().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_end_in_the_middle_cost_only_themselves() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let peer = Peer::new(&lab);
    let hello = peer.hello(TASK);
    let identity = lab.path("identities/edge");
    let connect = async || {
        let alpn = Channel::Frames.alpn();
        let address = cloud.address();
        let raw = RawEdge::connect(address, &identity, Shows::Certificate, alpn).await;
        let raw = raw.unwrap();
        raw.introduce(&hello).await;
        raw
    };
    let whole = peer.shipment(0, TASK);
    let mut stream = encode_frame(&whole.header).unwrap().to_vec();
    let header_bytes = stream.len();
    stream.extend_from_slice(&whole.container);

    let raw = connect().await;
    for (kept, kind) in [
        (0, RequestErrorKind::ContainerRefused),
        (header_bytes - 1, RequestErrorKind::ContainerRefused),
        (header_bytes, RequestErrorKind::ContainerRefused),
        (stream.len() - 1, RequestErrorKind::ContainerRefused),
    ] {
        assert_eq!(
            refusal(raw.frame(&stream[..kept]).await),
            kind,
            "{kept} bytes"
        );
    }
    let garbage = raw.frame(&[0xff; 4000]).await;
    assert_eq!(refusal(garbage), RequestErrorKind::HeaderRefused);
    raw.leave_after(&stream[..stream.len() / 2]).await;

    let reply = connect().await.frame(&stream).await;
    assert!(matches!(reply, FrameReply::Result(_)), "{reply:?}");
    assert_eq!(cloud.stop().0, Some(0));
    assert_eq!(lab.logged().len(), 1);
}
