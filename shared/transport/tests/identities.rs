//! Identities on disk.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use splitsim_proto::Id;
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

/// The certificates of a folder by path, to see which were made anew.
fn files(identities: &Identities, sides: &[&str]) -> Vec<Vec<u8>> {
    let read = |side: &&str| fs::read(identities.path().join(side).join("cert.pem")).unwrap();
    sides.iter().map(read).collect()
}

#[test]
fn an_identity_is_replaced_only_when_asked_and_the_authority_never() {
    let identities = Identities::create();
    let sides = ["ca", "cloud", "edge"];
    let before = files(&identities, &sides);
    identity::create(identities.path(), &IdentityOptions::default()).unwrap();
    assert_eq!(files(&identities, &sides), before);

    let overwrite = IdentityOptions {
        overwrite: true,
        ..IdentityOptions::default()
    };
    let created = identity::create(identities.path(), &overwrite).unwrap();
    let after = files(&identities, &sides);
    assert_eq!(after[0], before[0]);
    assert!(after[1] != before[1] && after[2] != before[2]);
    for directory in [created.cloud, created.edge] {
        Identity::load(&directory).unwrap().check().unwrap();
    }
}

/// A call that was cut off, or a full disk, leaves some of the files.
#[test]
fn what_was_left_half_made_is_finished_by_the_same_call() {
    let whole = Identities::create();
    for lost in [
        &["ca/cert.pem", "cloud", "edge"][..],
        &["cloud/cert.pem", "edge"],
        &["cloud/cert.pem", "cloud/ca.pem", "edge"],
        &["edge/cert.pem"],
        &["edge/cert.pem", "edge/ca.pem", "edge/key.pem"],
    ] {
        let identities = Identities::create();
        for lost in lost {
            let path = identities.path().join(lost);
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
        let created = identity::create(identities.path(), &IdentityOptions::default()).unwrap();
        for directory in [created.cloud, created.edge] {
            Identity::load(&directory).unwrap().check().unwrap();
        }
    }
    // A key that is lost is no half-made file: what it signed is in use.
    fs::remove_file(whole.path().join("ca/key.pem")).unwrap();
    let refused = identity::create(whole.path(), &IdentityOptions::default()).unwrap_err();
    assert!(matches!(refused, IdentityError::Exists { .. }), "{refused}");
    let overwrite = IdentityOptions {
        overwrite: true,
        ..IdentityOptions::default()
    };
    identity::create(whole.path(), &overwrite).unwrap();
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn edges(ids: &[&str]) -> IdentityOptions {
    IdentityOptions {
        edges: ids.iter().map(|text| id(text)).collect(),
        ..IdentityOptions::default()
    }
}

#[test]
fn an_edge_can_be_added_later_and_is_the_one_that_its_certificate_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    identity::create(path, &edges(&["cam-1", "cam-2"])).unwrap();
    let first = fs::read(path.join("edges/cam-1/cert.pem")).unwrap();
    let created = identity::create(path, &edges(&["cam-3"])).unwrap();
    assert_eq!(created.edge, path.join("edges/cam-3"));
    assert_eq!(fs::read(path.join("edges/cam-1/cert.pem")).unwrap(), first);
    assert!(!path.join("edge").exists());

    let edge = Identity::load(&path.join("edges/cam-3")).unwrap();
    edge.check().unwrap();
    assert_eq!(edge.edge_id(None).unwrap(), id("cam-3"));
    assert_eq!(edge.edge_id(Some(&id("cam-3"))).unwrap(), id("cam-3"));
    let error = edge.edge_id(Some(&id("cam-1"))).unwrap_err().to_string();
    assert!(error.contains("edge 'cam-3', not for 'cam-1'"), "{error}");
    let cloud = Identity::load(&created.cloud).unwrap();
    assert!(cloud.edge_id(None).is_err());
    let listed = identity::Roster::of(&created.cloud)
        .read()
        .unwrap()
        .unwrap();
    assert!(
        listed
            .iter()
            .map(Id::as_str)
            .eq(["cam-1", "cam-2", "cam-3"])
    );
}

#[test]
fn a_certificate_for_any_edge_has_a_default_of_its_own() {
    let [one, other] = [Identities::create(), Identities::create()];
    let default = |identities: &Identities| identities.edge().edge_id(None).unwrap();
    assert_eq!(default(&one), default(&one));
    assert_ne!(default(&one), default(&other));
    assert_eq!(one.edge().edge_id(Some(&id("cam"))).unwrap(), id("cam"));
}

#[test]
fn another_name_of_the_cloud_makes_its_certificate_anew_and_keeps_the_key() {
    let identities = Identities::create();
    let name = |name: &str| IdentityOptions {
        names: vec![name.to_owned()],
        ..IdentityOptions::default()
    };
    let key = || fs::read(identities.path().join("cloud/key.pem")).unwrap();
    let key_before = key();
    identity::create(identities.path(), &name("a.example")).unwrap();
    let created = identity::create(identities.path(), &name("192.0.2.7")).unwrap();
    for expected in ["localhost", "a.example", "192.0.2.7"] {
        assert!(
            created.cloud_names.iter().any(|name| name == expected),
            "{expected}"
        );
    }
    assert_eq!(key(), key_before);
    let certificate = files(&identities, &["cloud"]);
    identity::create(identities.path(), &name("a.example")).unwrap();
    assert_eq!(files(&identities, &["cloud"]), certificate);
}

#[test]
fn identities_without_their_authority_are_not_added_to() {
    let identities = Identities::create();
    fs::remove_dir_all(identities.path().join("ca")).unwrap();
    let error = identity::create(identities.path(), &edges(&["a"])).unwrap_err();
    assert!(matches!(error, IdentityError::Exists { .. }), "{error}");
    assert!(
        error.to_string().contains("ca/key.pem is not here"),
        "{error}"
    );

    let others = Identities::create();
    let (ca, of_others) = (identities.path().join("ca"), others.path().join("ca"));
    fs::create_dir(&ca).unwrap();
    for file in ["cert.pem", "key.pem"] {
        fs::copy(of_others.join(file), ca.join(file)).unwrap();
    }
    let error = identity::create(identities.path(), &IdentityOptions::default()).unwrap_err();
    assert!(error.to_string().contains("another authority"), "{error}");
    // A key and a certificate that are no pair sign nothing.
    let own = Identities::create();
    fs::copy(own.path().join("ca/key.pem"), ca.join("key.pem")).unwrap();
    let error = identity::create(identities.path(), &edges(&["a"])).unwrap_err();
    assert!(
        error.to_string().contains("does not sign for it"),
        "{error}"
    );
}

#[test]
fn certificates_that_are_valid_for_too_long_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    for valid_for in [Duration::MAX, Duration::from_secs(10_000 * 366 * 24 * 3600)] {
        let options = IdentityOptions {
            valid_for,
            ..IdentityOptions::default()
        };
        let error = identity::create(directory.path(), &options).unwrap_err();
        assert!(matches!(error, IdentityError::ValidFor(_)), "{error}");
    }
}

/// Rewrites one file of the edge's identity, and returns the result of loading it.
fn with_file(file: &str, change: impl Fn(String) -> Vec<u8>) -> Result<Identity, IdentityError> {
    let identities = Identities::create();
    let path = identities.edge_dir().join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(text)).unwrap();
    Identity::load(&identities.edge_dir())
}

#[test]
fn pem_files_of_other_tools_are_read() {
    let with_text = |text: &str, pem: String| format!("{text}{pem}").into_bytes();
    for file in ["cert.pem", "key.pem", "ca.pem"] {
        with_file(file, |pem| pem.replace('\n', "\r\n").into_bytes()).unwrap();
        with_file(file, |pem| with_text("\u{feff}", pem)).unwrap();
        with_file(file, |pem| {
            with_text("Bag Attributes\n  friendlyName: a\n", pem)
        })
        .unwrap();
        with_file(file, |pem| pem.trim_end().as_bytes().to_vec()).unwrap();
    }
    // An authority twice, and a chain behind the certificate.
    with_file("ca.pem", |pem| pem.repeat(2).into_bytes()).unwrap();
    with_file("cert.pem", |pem| pem.repeat(2).into_bytes()).unwrap();
}

#[test]
fn pem_files_that_are_none_are_refused_by_what_they_are() {
    let check = |file: &str, change: fn(String) -> Vec<u8>, says: &str| {
        let message = with_file(file, change).unwrap_err().to_string();
        assert!(
            message.contains(file) && message.contains(says),
            "{message}"
        );
    };
    let utf16 = |pem: String| {
        let words = std::iter::once(0xfeff).chain(pem.encode_utf16());
        words.flat_map(u16::to_le_bytes).collect()
    };
    let half = |pem: String| pem.as_bytes()[..pem.len() / 2].to_vec();
    for file in ["cert.pem", "key.pem", "ca.pem"] {
        check(file, utf16, "UTF-16");
        check(file, half, "END");
        check(file, |_| vec![b'x'; (1 << 20) + 1], "1048576 bytes");
    }
    check("cert.pem", |_| vec![0x30, 0x82, 1, 0], "DER");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let identities = Identities::create();
    let cert = identities.edge_dir().join("cert.pem");
    fs::remove_file(&cert).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &cert).unwrap();
    let error = Identity::load(&identities.edge_dir()).unwrap_err();
    assert!(
        error.to_string().contains("expected a regular file"),
        "{error}"
    );
}

#[test]
fn a_certificate_that_is_not_valid_now_is_named_with_the_date() {
    let directory = tempfile::tempdir().unwrap();
    let expired = IdentityOptions {
        valid_for: Duration::ZERO,
        ..IdentityOptions::default()
    };
    let created = identity::create(directory.path(), &expired).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let error = Identity::load(&created.edge).unwrap().check().unwrap_err();
    let message = error.to_string();
    for part in ["edge/cert.pem expired on 20", "--force"] {
        assert!(message.contains(part), "{message}");
    }
    let again = identity::create(directory.path(), &expired).unwrap_err();
    assert!(matches!(again, IdentityError::Exists { .. }), "{again}");
}

#[test]
fn a_certificate_of_another_authority_is_found_before_anything_is_sent() {
    let [identities, others] = [Identities::create(), Identities::create()];
    let ca = |identities: &Identities| identities.edge_dir().join("ca.pem");
    fs::copy(ca(&others), ca(&identities)).unwrap();
    let error = identities.edge().check().unwrap_err().to_string();
    assert!(error.contains("has not signed it"), "{error}");
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
