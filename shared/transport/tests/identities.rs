//! Identities on disk.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use splitsim_transport::identity::{self, IdentityError, IdentityOptions};
use splitsim_transport::{CloudEndpoint, Identity, TransportError};
use support::{Identities, cloud_endpoint, edge_endpoint, hello, loopback, options, welcome_one};

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_keys() {
    use std::os::unix::fs::PermissionsExt;
    let identities = Identities::create();
    for side in ["ca", "cloud", "edge"] {
        let key = identities.path().join(side).join("key.pem");
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn an_identity_is_replaced_only_when_asked() {
    let identities = Identities::create();
    let cert = identities.path().join("cloud/cert.pem");
    let before = fs::read(&cert).unwrap();
    let error = identity::create(identities.path(), &IdentityOptions::default()).unwrap_err();
    assert!(matches!(error, IdentityError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&cert).unwrap(), before);

    let overwrite = IdentityOptions {
        overwrite: true,
        ..IdentityOptions::default()
    };
    let created = identity::create(identities.path(), &overwrite).unwrap();
    assert_ne!(fs::read(&cert).unwrap(), before);
    Identity::load(&created.cloud).unwrap();
    Identity::load(&created.edge).unwrap();
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let options = IdentityOptions {
        names: vec!["cloud.example".to_owned(), "not a host".to_owned()],
        ..IdentityOptions::default()
    };
    let error = identity::create(directory.path(), &options).unwrap_err();
    assert!(error.to_string().contains("'not a host'"), "{error}");
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

fn check_load(directory: &Path, expected: [&str; 2]) {
    let message = Identity::load(directory).unwrap_err().to_string();
    for part in expected {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_is_missing_or_damaged_is_named_with_the_remedy() {
    let identities = Identities::create();
    check_load(
        &identities.path().join("nowhere"),
        ["cert.pem", "splitsim certs --out DIR"],
    );
    check_load(identities.path(), ["cert.pem", "cloud or "]);

    let edge = identities.edge_dir();
    fs::write(edge.join("key.pem"), "no key").unwrap();
    check_load(&edge, ["key.pem", "no private key"]);
    fs::remove_file(edge.join("key.pem")).unwrap();
    check_load(&edge, ["key.pem is missing", "splitsim certs"]);
    fs::write(edge.join("cert.pem"), "").unwrap();
    check_load(&edge, ["cert.pem", "no certificates"]);
}

#[tokio::test]
async fn a_key_of_another_certificate_is_found_at_the_start() {
    let identities = Identities::create();
    let cloud = identities.path().join("cloud");
    fs::copy(identities.edge_dir().join("key.pem"), cloud.join("key.pem")).unwrap();
    let error = CloudEndpoint::bind(loopback(), &identities.cloud(), &options()).unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn an_identity_that_has_expired_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let expired = IdentityOptions {
        valid_for: Duration::ZERO,
        ..IdentityOptions::default()
    };
    let created = identity::create(directory.path(), &expired).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let identity = Identity::load(&created.cloud).unwrap();
    let cloud = CloudEndpoint::bind(loopback(), &identity, &options()).unwrap();
    let target = splitsim_transport::Target {
        address: cloud.local_addr().unwrap(),
        server_name: "localhost".to_owned(),
    };
    tokio::spawn(async move { welcome_one(&cloud).await });
    let edge = edge_endpoint(&Identity::load(&created.edge).unwrap(), &target);
    let error = edge.connect_frames(&target, &hello()).await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let identities = Identities::create();
    let (_cloud, target) = cloud_endpoint(&identities);
    let error = CloudEndpoint::bind(target.address, &identities.cloud(), &options()).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
}
