//! A cloud whose host has several addresses, some of them unreachable.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::net::{SocketAddr, UdpSocket};

use splitsim_proto::RefusalKind;
use splitsim_transport::{CloudEndpoint, Destination, Dialer, TransportError, TransportOptions};
use support::{Identities, cloud_endpoint, hello, options, serve_frames, welcome_one};

/// A socket that receives every datagram and answers none, like a port behind a firewall.
fn silent(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn dialer(identities: &Identities, addresses: &[SocketAddr]) -> Dialer {
    let destination = Destination::new(addresses.to_vec(), "localhost");
    Dialer::new(destination, &identities.edge(), &options()).unwrap()
}

#[tokio::test]
async fn the_address_that_answers_is_taken_whichever_comes_first() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    let cloud = tokio::spawn(async move {
        let mut sessions = Vec::new();
        for _ in 0..4 {
            sessions.push(welcome_one(&cloud).await.unwrap());
        }
        sessions
    });
    let (_silent, nowhere) = silent("127.0.0.1:0");
    let (_silent_v6, nowhere_v6) = silent("[::1]:0");
    for addresses in [
        vec![nowhere_v6, target.address],
        vec![target.address, nowhere_v6],
        vec![nowhere, nowhere_v6, target.address],
    ] {
        let session = dialer(&identities, &addresses)
            .connect_frames(&hello())
            .await
            .unwrap();
        assert_eq!(session.connection().peer(), target.address, "{addresses:?}");
    }
    let references = dialer(&identities, &[nowhere_v6, target.address]);
    let session = references.connect_references(&hello()).await.unwrap();
    assert_eq!(session.connection().peer(), target.address);
    assert_eq!(cloud.await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_cloud_on_all_addresses_is_reached_over_both_ip_versions() {
    let identities = Identities::create();
    let any: SocketAddr = "[::]:0".parse().unwrap();
    let cloud = CloudEndpoint::bind(any, &identities.cloud(), &options()).unwrap();
    let port = cloud.local_addr().unwrap().port();
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let serving = tokio::spawn(serve_frames(cloud.clone()));
        let address = address.parse().unwrap();
        let dialer = dialer(&identities, &[address]);
        let session = dialer.connect_frames(&hello()).await.unwrap();
        assert_eq!(session.connection().peer(), address);
        dialer
            .close(
                splitsim_transport::CloseCode::Done,
                "",
                options().handshake_timeout,
            )
            .await;
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_error_names_every_address_that_was_tried() {
    let identities = Identities::create();
    let (_first, first) = silent("127.0.0.1:0");
    let (_second, second) = silent("[::1]:0");
    let dialer = dialer(&identities, &[first, second]);
    let error = dialer.connect_frames(&hello()).await.unwrap_err();
    assert!(error.is_transient());
    let TransportError::NoneAnswered { attempts } = &error else {
        panic!("{error}");
    };
    assert_eq!(attempts.len(), 2);
    let message = error.to_string();
    for address in [first, second] {
        assert!(message.contains(&address.to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_clouds_refusal_is_not_looked_for_elsewhere() {
    let identities = Identities::create();
    let (cloud, target) = cloud_endpoint(&identities);
    tokio::spawn(async move { welcome_one(&cloud).await });
    let (_silent, nowhere) = silent("[::1]:0");
    let mut hello = hello();
    hello.protocol_version += 1;
    let dialer = dialer(&identities, &[target.address, nowhere]);
    let error = dialer.connect_frames(&hello).await.unwrap_err();
    let TransportError::Refused { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind, RefusalKind::ProtocolVersion);
}

#[tokio::test]
async fn a_host_without_an_address_is_named() {
    let identities = Identities::create();
    let destination = Destination::parse("nowhere.invalid:4433", None).unwrap();
    let options = TransportOptions::default();
    let dialer = Dialer::new(destination.clone(), &identities.edge(), &options).unwrap();
    for error in [
        dialer.connect_frames(&hello()).await.unwrap_err(),
        destination.resolve().unwrap_err(),
    ] {
        assert!(error.to_string().contains("nowhere.invalid"), "{error}");
    }
}
