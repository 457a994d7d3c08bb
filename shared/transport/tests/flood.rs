//! First datagrams of strangers, by the hundred.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ClientConfig, Endpoint, EndpointConfig};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use splitsim_transport::{Channel, CloudEndpoint, HandshakeLimits, TransportOptions};
use support::{Identities, edge_endpoint, hello, loopback, options, welcome};

/// A client that knows the protocol and has no certificate.
fn stranger(identity: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(identity.join("ca.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![Channel::Frames.alpn().to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// First datagrams of connections that are never continued.
fn first_datagrams(count: usize, config: &ClientConfig, cloud: SocketAddr) -> Vec<Vec<u8>> {
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
    let mut datagram = || {
        let now = Instant::now();
        let connected = endpoint.connect(now, config.clone(), cloud, "localhost");
        let (_, mut connection) = connected.unwrap();
        let mut bytes = Vec::new();
        let sent = connection.poll_transmit(now, 1, &mut bytes);
        assert!(sent.is_some());
        bytes
    };
    (0..count).map(|_| datagram()).collect()
}

/// Sends each datagram from one of many sockets, and does not listen for an answer.
fn flood(datagrams: &[Vec<u8>], cloud: SocketAddr) -> Vec<UdpSocket> {
    let sockets: Vec<UdpSocket> = (0..50)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    for (datagram, socket) in datagrams.iter().zip(sockets.iter().cycle()) {
        socket.send_to(datagram, cloud).unwrap();
    }
    sockets
}

/// A cloud that admits every edge, and counts them.
fn serve(cloud: CloudEndpoint) -> Arc<std::sync::atomic::AtomicUsize> {
    let begun = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    tokio::spawn(async move {
        while let Some(incoming) = cloud.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::spawn(async move {
                let session = welcome(incoming).await.ok()?;
                Some(session.connection().closed().await)
            });
        }
    });
    begun
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_edge_connects_through_a_flood_of_first_datagrams() {
    let identities = Identities::create();
    let limits = HandshakeLimits {
        unproved: 4,
        ..HandshakeLimits::default()
    };
    let flooded = TransportOptions {
        handshakes: limits,
        // Longer than the test: places are not given back meanwhile.
        handshake_timeout: Duration::from_secs(600),
        ..options()
    };
    let cloud = CloudEndpoint::bind(loopback(), &identities.cloud(), &flooded).unwrap();
    let address = cloud.local_addr().unwrap();
    let begun = serve(cloud);
    let config = stranger(&identities.edge_dir());
    let _sockets = flood(&first_datagrams(300, &config, address), address);

    let target = splitsim_transport::Target {
        address,
        server_name: "localhost".to_owned(),
    };
    let edge = edge_endpoint(&identities.edge(), &target);
    let session = edge.connect_frames(&target, &hello()).await.unwrap();
    drop(flood(&first_datagrams(100, &config, address), address));
    let another = edge.connect_frames(&target, &hello()).await.unwrap();
    drop((session, another));
    // The strangers' four, and the two of the edge, which has proved its address.
    assert_eq!(begun.load(std::sync::atomic::Ordering::Relaxed), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_flood_no_address_is_asked_to_prove_itself() {
    let identities = Identities::create();
    let (cloud, target) = support::cloud_endpoint(&identities);
    serve(cloud);
    let config = stranger(&identities.edge_dir());
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
    let now = Instant::now();
    let (_, mut connection) = endpoint
        .connect(now, config, target.address, "localhost")
        .unwrap();
    let mut bytes = Vec::new();
    let sent = connection.poll_transmit(now, 1, &mut bytes);
    assert!(sent.is_some());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&bytes, target.address).unwrap();
    let mut answer = [0; 2048];
    let received = tokio::task::spawn_blocking(move || socket.recv(&mut answer).map(|_| answer));
    let answer = received.await.unwrap().unwrap();
    // A long header's packet type, RFC 9000 section 17.2: 0 Initial, 3 Retry.
    assert_eq!((answer[0] >> 4) & 3, 0);
}
