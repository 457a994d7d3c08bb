//! An edge and a cloud on the loopback interface.

#![allow(dead_code, reason = "every test file uses its part of this")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use splitsim_feature::{Task, units};
use splitsim_proto::{
    Attempt, CloudSide, CloudStages, CodecTables, Digest, EdgeStages, FrameHeader, FrameReply,
    FrameResult, Hello, Id, ImageSize, Limits, ModelIdentity, Name, Outcome, PROTOCOL_VERSION,
    Score, Verdict, negotiate,
};
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_transport::{
    CloudEndpoint, CloudSession, EdgeEndpoint, Identity, Incoming, Target, TransportError,
    TransportOptions,
};

/// Identities of one authority.
pub(crate) struct Identities {
    directory: tempfile::TempDir,
}

impl Identities {
    pub(crate) fn create() -> Self {
        let directory = tempfile::tempdir().unwrap();
        identity::create(directory.path(), &IdentityOptions::default()).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn edge_dir(&self) -> PathBuf {
        self.path().join("edge")
    }

    pub(crate) fn cloud(&self) -> Identity {
        Identity::load(&self.path().join("cloud")).unwrap()
    }

    pub(crate) fn edge(&self) -> Identity {
        Identity::load(&self.edge_dir()).unwrap()
    }
}

pub(crate) fn options() -> TransportOptions {
    TransportOptions {
        handshake_timeout: Duration::from_secs(3),
        ..TransportOptions::default()
    }
}

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn cloud_endpoint(identities: &Identities) -> (CloudEndpoint, Target) {
    let endpoint = CloudEndpoint::bind(loopback(), &identities.cloud(), &options()).unwrap();
    let target = Target {
        address: endpoint.local_addr().unwrap(),
        server_name: "localhost".to_owned(),
    };
    (endpoint, target)
}

pub(crate) fn edge_endpoint(identity: &Identity, target: &Target) -> EdgeEndpoint {
    EdgeEndpoint::toward(target.address, identity, &options()).unwrap()
}

/// Takes one connection and answers its hello as `negotiate` says.
pub(crate) async fn welcome_one(endpoint: &CloudEndpoint) -> Result<CloudSession, TransportError> {
    welcome(endpoint.accept().await.unwrap()).await
}

/// Makes the handshake, and answers the hello as `negotiate` says.
pub(crate) async fn welcome(incoming: Incoming) -> Result<CloudSession, TransportError> {
    let connection = incoming.handshake().await?;
    connection
        .answer_hello(|hello| negotiate(hello, &cloud_side()))
        .await
}

/// Answers every frame of one connection with [`result`].
pub(crate) async fn serve_frames(endpoint: CloudEndpoint) -> Result<(), TransportError> {
    let session = welcome_one(&endpoint).await?;
    while let Some(mut exchange) = session.accept().await? {
        tokio::spawn(async move {
            let frame = exchange.recv_frame().await.unwrap();
            exchange
                .reply(&result(&frame.header, &frame.container))
                .await
                .unwrap();
        });
    }
    Ok(())
}

/// A reply whose pixel count is the sum of the container's bytes.
pub(crate) fn result(header: &FrameHeader, container: &[u8]) -> FrameReply {
    let sum = container.iter().map(|&byte| u64::from(byte)).sum();
    FrameReply::Result(FrameResult {
        frame: header.frame,
        outcome: Outcome::Seg {
            classes: vec![splitsim_proto::ClassPixels {
                class: 1,
                pixels: sum,
            }],
        },
        stages: CloudStages {
            decode: Duration::from_micros(10),
            ..CloudStages::default()
        },
        stored: true,
        duplicate: false,
    })
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn hello() -> Hello {
    Hello {
        protocol_version: PROTOCOL_VERSION,
        run_id: Id::new("run-1").unwrap(),
        edge_id: Id::new("edge-1").unwrap(),
        policy: name("gate"),
        model: model(),
        tasks: vec![Task::Seg],
        codecs: codecs(),
        software_version: name("test edge"),
        references: false,
        max_container_bytes: units::Bytes(4 << 20),
        settings_digest: None,
        source: None,
    }
}

pub(crate) fn cloud_side() -> CloudSide {
    CloudSide {
        model: model(),
        tasks: vec![Task::Seg],
        codecs: codecs(),
        limits: Limits {
            max_container_bytes: units::Bytes(8 << 20),
            max_reference_bytes: units::Bytes(1 << 20),
            max_frames_in_flight: 8,
        },
        software_version: name("test cloud"),
    }
}

fn model() -> ModelIdentity {
    ModelIdentity {
        name: name("tiny"),
        digest: Digest::new([7; 32]),
    }
}

fn codecs() -> Vec<CodecTables> {
    vec![CodecTables {
        name: name("hevc"),
        task: Task::Seg,
        tables_digest: Digest::new([9; 32]),
    }]
}

pub(crate) fn header(frame: u64, container_bytes: u64) -> FrameHeader {
    FrameHeader {
        frame,
        task: Task::Seg,
        source: name("kitchen.png"),
        image: ImageSize::new(640, 480).unwrap(),
        codec: name("hevc"),
        metric: Some(name("cosine")),
        attempts: vec![Attempt {
            level: 3,
            label: name("qp 34"),
            payload_bytes: units::Bytes(container_bytes / 2),
            container_bytes: units::Bytes(container_bytes),
            encode: Duration::from_micros(1200),
            decode: Duration::from_micros(300),
            score: Duration::from_micros(40),
            scores: vec![Score::new(name("cosine"), 0.97).unwrap()],
            failed: None,
        }],
        shipped_attempt: 0,
        verdict: Verdict::Passed,
        stages: EdgeStages::default(),
        picture_digest: None,
    }
}

pub(crate) fn container(bytes: usize) -> Bytes {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

/// A QUIC client that keeps to no protocol of ours: with a certificate or without, and any ALPN.
pub(crate) async fn raw_client(
    identity: &Path,
    with_certificate: bool,
    alpn: &[u8],
    target: &Target,
) -> (
    quinn::Endpoint,
    Result<quinn::Connection, quinn::ConnectionError>,
) {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(identity.join("ca.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut tls = match with_certificate {
        false => builder.with_no_client_auth(),
        true => {
            let chain = vec![CertificateDer::from_pem_file(identity.join("cert.pem")).unwrap()];
            let key = PrivateKeyDer::from_pem_file(identity.join("key.pem")).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client(loopback()).unwrap();
    let connecting = endpoint
        .connect_with(config, target.address, &target.server_name)
        .unwrap();
    let connection = connecting.await;
    (endpoint, connection)
}
