//! Checks whether a loaded certificate will be accepted by the peer.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::{IdentityError, invalid};

/// Any: which side an identity is for is not known when it is loaded.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Checks the first certificate of a chain, of the file `path`, against authorities and the clock.
pub(crate) fn check(
    chain: &[CertificateDer<'static>],
    anchors: &[TrustAnchor<'_>],
    path: &Path,
) -> Result<(), IdentityError> {
    verify(chain, anchors).map_err(|error| {
        explained(&error).map_or_else(
            || invalid(path, &reason(&error)),
            |reason| IdentityError::Untimely {
                path: path.to_owned(),
                reason,
            },
        )
    })
}

fn verify(chain: &[CertificateDer<'static>], anchors: &[TrustAnchor<'_>]) -> Result<(), Error> {
    let (leaf, intermediates) = chain.split_first().ok_or(Error::BadDer)?;
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    EndEntityCert::try_from(leaf)?
        .verify_for_usage(
            algorithms.all,
            anchors,
            intermediates,
            UnixTime::now(),
            AnyUsage,
            None,
            None,
        )
        .map(drop)
}

/// Explains an error that depends on the clock; `None` for any other.
fn explained(error: &Error) -> Option<String> {
    match error {
        Error::CertExpired { not_after, .. } => Some(format!(
            "expired on {}; make it anew with `splitsim certs --out DIR --force`, where DIR/ca is",
            date(*not_after)
        )),
        Error::CertNotValidYet { time, not_before } => Some(format!(
            "is not valid before {}, and this machine's clock says {}; set the clock",
            date(*not_before),
            date(*time)
        )),
        _ => None,
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::UnknownIssuer => "the authority in ca.pem beside it has not signed it".to_owned(),
        error => format!("not a certificate that can be verified ({error})"),
    }
}

/// A time in UTC.
fn date(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    humantime::format_rfc3339_seconds(time).to_string()
}
