//! Edges with a false identity, revoked edges, and frames that break a decoder.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_proto::{FrameReply, Hello, Id, RefusalKind};
use splitsim_transport::identity::{self, IdentityOptions};
use splitsim_transport::{
    CloseCode, EdgeEndpoint, FrameSession, Identity, TransportError, TransportOptions,
};
use support::{Lab, Running, ffmpeg_after, result, send};

/// Adds edges to the lab's authority, and returns the list that the cloud keeps of them.
fn add_edges(lab: &Lab, ids: &[&str]) -> PathBuf {
    let options = IdentityOptions {
        edges: ids.iter().map(|id| Id::new(*id).unwrap()).collect(),
        ..IdentityOptions::default()
    };
    let created = identity::create(&lab.path().join("certs"), &options).unwrap();
    created.cloud.join("edges")
}

/// Connects with the certificate in a folder of the lab, as the edge of this id.
async fn connect(
    lab: &Lab,
    cloud: &Running,
    certificate: &str,
    id: &str,
) -> Result<(EdgeEndpoint, FrameSession), TransportError> {
    let identity = Identity::load(&lab.identity(certificate)).unwrap();
    let options = TransportOptions::default();
    let endpoint = EdgeEndpoint::toward(cloud.target.address, &identity, &options).unwrap();
    let hello = Hello {
        edge_id: Id::new(id).unwrap(),
        ..lab.hello(false)
    };
    let session = endpoint.connect_frames(&cloud.target, &hello).await?;
    Ok((endpoint, session))
}

async fn is_refused(lab: &Lab, cloud: &Running, certificate: &str, id: &str, says: &str) {
    let error = connect(lab, cloud, certificate, id).await.unwrap_err();
    let TransportError::Refused { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind, RefusalKind::Invalid);
    assert!(source.to_string().contains(says), "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_is_the_one_that_its_certificate_names_and_the_list_admits() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    // Without a list, a certificate for any edge will do.
    connect(&lab, &cloud, "edge", "somebody").await.unwrap();

    let list = add_edges(&lab, &["cam-1", "cam-2"]);
    connect(&lab, &cloud, "edges/cam-1", "cam-1").await.unwrap();
    is_refused(
        &lab,
        &cloud,
        "edges/cam-1",
        "cam-2",
        "certificate is for edge 'cam-1'",
    )
    .await;
    is_refused(&lab, &cloud, "edge", "cam-1", "certificate is for any edge").await;
    add_edges(&lab, &["cam-3"]);
    connect(&lab, &cloud, "edges/cam-3", "cam-3").await.unwrap();

    std::fs::write(&list, "cam-2\n").unwrap();
    is_refused(&lab, &cloud, "edges/cam-1", "cam-1", "'cam-1' is not in").await;
    connect(&lab, &cloud, "edges/cam-2", "cam-2").await.unwrap();
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_taken_off_the_list_loses_its_connection() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let list = add_edges(&lab, &["cam-1"]);
    let (_endpoint, session) = connect(&lab, &cloud, "edges/cam-1", "cam-1").await.unwrap();
    assert!(result(send(&session, &lab.shipment(0, Task::Cls)).await.unwrap()).stored);
    std::fs::write(&list, "").unwrap();
    let error = send(&session, &lab.shipment(1, Task::Cls))
        .await
        .unwrap_err();
    let TransportError::Closed { code, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*code, Some(CloseCode::Refused));
    assert!(!error.is_transient());
    cloud.stop().await;
    assert_eq!(lab.logged().len(), 1);
}

/// Writes an ffmpeg whose decoder allocates memory without limit while `greedy` exists.
fn greedy_ffmpeg(folder: &Path, greedy: &Path) -> PathBuf {
    let before = format!(
        "case \"$*\" in *'-f hevc -i'*)\n\
         if [ -e {} ]; then cat >/dev/null; exec tail -c 4000000000 /dev/zero; fi;;\n\
         esac",
        greedy.display()
    );
    ffmpeg_after(folder, &before)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_that_wants_too_much_memory_costs_its_frame_alone() {
    let lab = Lab::new();
    let greedy = lab.path().join("greedy");
    let mut config = lab.config();
    config.codec.ffmpeg = Some(greedy_ffmpeg(lab.path(), &greedy));
    config.codec.decoder_memory = Some(Bytes(320 << 20));
    let cloud = lab.start_with(config).await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    std::fs::write(&greedy, "").unwrap();
    let reply = edge.send(&lab.shipment(0, Task::Cls)).await;
    let FrameReply::Failed(error) = reply else {
        panic!("{reply:?}");
    };
    assert!(error.to_string().contains("decode"), "{error}");
    std::fs::remove_file(&greedy).unwrap();
    assert!(result(edge.send(&lab.shipment(1, Task::Cls)).await).stored);
    edge.done().await;
    cloud.stop().await;
    assert_eq!(lab.logged().len(), 1);
}
