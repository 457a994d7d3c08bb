//! PEM files, as tools and people leave them.

use std::path::Path;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use splitsim_text::FileError;

use super::{IdentityError, invalid};

/// The longest file that is read: a chain of some hundred certificates.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// The certificates of a file in their order, of which there is at least one. What else it holds, such as
/// a key, is passed over.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    parse_certificates(&read(path)?).map_err(|reason| invalid(path, &reason))
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    parse_private_key(&read(path)?).map_err(|reason| invalid(path, &reason))
}

pub(crate) fn parse_certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = text(bytes)?;
    let found = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
    let certificates = found.map_err(|error| broken(&error))?;
    match certificates.is_empty() {
        true => Err(missing("no certificates in PEM form", text)),
        false => Ok(certificates),
    }
}

pub(crate) fn parse_private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let text = text(bytes)?;
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => missing("no private key in PEM form", text),
        error => broken(&error),
    })
}

/// The file's permissions, if others than its owner may read it.
#[cfg(unix)]
pub(super) fn exposed_key(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let others = mode & 0o077;
    (others != 0).then(|| {
        let path = path.display();
        format!("{path} may be read by others than its owner (mode {mode:03o}); chmod 600 {path}")
    })
}

/// Permissions of this system are not looked at.
#[cfg(not(unix))]
pub(super) fn exposed_key(_path: &Path) -> Option<String> {
    None
}

/// The text without a byte order mark. For other encodings, an error that names them.
fn text(bytes: &[u8]) -> Result<&[u8], String> {
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => Ok(text),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err("it is UTF-16 text, expected ASCII; save it again as ASCII or UTF-8".to_owned())
        }
        // A SEQUENCE with a length of two bytes: how certificates and keys in DER begin.
        [0x30, 0x82, ..] => Err("it is in DER form, expected PEM; convert it with \
             `openssl x509 -inform der` or `openssl pkey -inform der`"
            .to_owned()),
        text => Ok(text),
    }
}

/// Describes the content found instead.
fn missing(expected: &str, text: &[u8]) -> String {
    let holds = |label: &str| {
        let begin = format!("-----BEGIN {label}-----");
        text.windows(begin.len())
            .any(|part| part == begin.as_bytes())
    };
    let instead = [
        (
            "ENCRYPTED PRIVATE KEY",
            "the key is encrypted, decrypt it with `openssl pkey`",
        ),
        ("OPENSSH PRIVATE KEY", "it is a key of OpenSSH"),
        (
            "CERTIFICATE REQUEST",
            "it is a request for a certificate, not signed yet",
        ),
        (
            "PKCS7",
            "it is PKCS#7, convert it with `openssl pkcs7 -print_certs`",
        ),
        ("CERTIFICATE", "it holds a certificate"),
        ("PRIVATE KEY", "it holds a private key"),
    ];
    match instead.into_iter().find(|(label, _)| holds(label)) {
        Some((_, instead)) => format!("{expected}: {instead}"),
        None => expected.to_owned(),
    }
}

/// Describes the fault in the PEM form, without quoting the file.
fn broken(error: &pem::Error) -> String {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line; is the file cut off?",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is damaged",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "the PEM form is damaged",
    };
    reason.to_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    splitsim_text::read(path, MAX_BYTES).map_err(|error| match error {
        error if error.is_not_found() => IdentityError::Missing {
            path: path.to_owned(),
            remedy: remedy(path),
        },
        error @ FileError::Io { .. } => error.into(),
        error => invalid(path, &error.reason()),
    })
}

/// The directory that holds both sides' identities is easily named instead of one of them.
fn remedy(missing: &Path) -> String {
    let Some(directory) = missing.parent() else {
        return "create one with `splitsim certs --out DIR`".to_owned();
    };
    let (cloud, edge, edges) = (
        directory.join("cloud"),
        directory.join("edge"),
        directory.join("edges"),
    );
    let edge = match edge.is_dir() {
        true => edge,
        false => edges.join("ID"),
    };
    if cloud.is_dir() && (edge.is_dir() || edges.is_dir()) {
        return format!("name {} or {}", cloud.display(), edge.display());
    }
    "create one with `splitsim certs --out DIR` and name DIR/cloud or DIR/edge".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_warned_of() {
        use std::fs::{Permissions, set_permissions, write};
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key.pem");
        write(&key, "").unwrap();
        let with_mode = |mode| {
            set_permissions(&key, Permissions::from_mode(mode)).unwrap();
            exposed_key(&key)
        };
        assert_eq!([with_mode(0o600), with_mode(0o400)], [None, None]);
        for mode in [0o644, 0o640, 0o604] {
            let warning = with_mode(mode).unwrap();
            assert!(warning.contains(&format!("mode {mode:o}")), "{warning}");
            assert!(warning.contains("chmod 600"), "{warning}");
        }
    }

    #[test]
    fn what_is_there_instead_is_named() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let key = |bytes: &[u8]| parse_private_key(bytes).unwrap_err();
        let certificates = |bytes: &[u8]| parse_certificates(bytes).unwrap_err();
        for (label, says) in [
            ("ENCRYPTED PRIVATE KEY", "encrypted"),
            ("OPENSSH PRIVATE KEY", "OpenSSH"),
            ("CERTIFICATE", "holds a certificate"),
        ] {
            let message = key(block(label).as_bytes());
            assert!(message.contains(says), "{label}: {message}");
        }
        for (label, says) in [
            ("PRIVATE KEY", "holds a private key"),
            ("CERTIFICATE REQUEST", "not signed yet"),
        ] {
            let message = certificates(block(label).as_bytes());
            assert!(message.contains(says), "{label}: {message}");
        }
        assert!(certificates(b"\xff\xfe-\0-\0").contains("UTF-16"));
        assert!(certificates(&[0x30, 0x82, 1, 10]).contains("DER"));
        assert!(certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n").contains("cut off"));
        assert!(certificates(b"").contains("no certificates"));
    }
}
