//! QUIC without this project's transport, to send what the transport would never send.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use splitsim_proto::framing::{PREFIX_BYTES, decode_frame_body, encode_frame};
use splitsim_proto::{FrameReply, Hello, HelloReply};

/// The way in which an edge identifies itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The certificate of its identity.
    Certificate,
    /// None.
    Nothing,
}

/// A connection, with the socket that it lives on.
#[derive(Debug)]
pub struct RawEdge {
    connection: Connection,
    endpoint: Endpoint,
}

impl RawEdge {
    /// Makes a TLS handshake with any ALPN.
    ///
    /// # Errors
    /// If either side aborts it.
    pub async fn connect(
        cloud: SocketAddr,
        identity: &Path,
        shows: Shows,
        alpn: &[u8],
    ) -> Result<Self, ConnectionError> {
        let endpoint = Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
        let config = config(identity, shows, alpn);
        let name = cloud.ip().to_string();
        let connecting = endpoint.connect_with(config, cloud, &name).unwrap();
        Ok(Self {
            connection: connecting.await?,
            endpoint,
        })
    }

    /// Says hello, and is welcomed.
    pub async fn introduce(&self, hello: &Hello) {
        let answer = self.ask(&encode_frame(hello).unwrap()).await;
        let reply: HelloReply = decode_frame_body(&answer).unwrap();
        assert!(matches!(reply, HelloReply::Welcome(_)), "{reply:?}");
    }

    /// Sends these bytes as a frame's whole stream, and reads the reply.
    pub async fn frame(&self, stream: &[u8]) -> FrameReply {
        decode_frame_body(&self.ask(stream).await).unwrap()
    }

    /// Begins a frame's stream with these bytes, and goes away in the middle of it.
    pub async fn leave_after(self, stream: &[u8]) {
        let (mut send, _recv) = self.connection.open_bi().await.unwrap();
        send.write_all(stream).await.unwrap();
        self.connection.close(0u32.into(), b"");
        self.endpoint.wait_idle().await;
    }

    /// Waits until the connection is closed and returns the reason.
    pub async fn closed(&self) -> ConnectionError {
        self.connection.closed().await
    }

    /// A stream of its own: bytes there, a message's body back.
    async fn ask(&self, stream: &[u8]) -> Vec<u8> {
        let (mut send, mut recv) = self.connection.open_bi().await.unwrap();
        // A cloud that has read enough may stop the stream before it is all written.
        let _ = send.write_all(stream).await;
        let _ = send.finish();
        let answer = recv.read_to_end(1 << 20).await.unwrap();
        answer[PREFIX_BYTES..].to_vec()
    }
}

fn config(identity: &Path, shows: Shows, alpn: &[u8]) -> ClientConfig {
    let certificate = |file| CertificateDer::from_pem_file(identity.join(file)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut tls = match shows {
        Shows::Nothing => builder.with_no_client_auth(),
        Shows::Certificate => {
            let key = PrivateKeyDer::from_pem_file(identity.join("key.pem")).unwrap();
            let chain = vec![certificate("cert.pem")];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}
