//! The body of the fuzz target, as a function, so that a test can replay earlier findings.
//!
//! It panics only when an invariant is violated, and returns `true` if the input was accepted.

use std::path::Path;

use webpki::anchor_from_trusted_cert;

use crate::Certified;
use crate::identity::{pem, validity};

/// Any bytes are either refused or become certificates or a private key. The edge of every certificate can be
/// determined, and their validity can be checked with all of them as authorities.
pub fn pem(input: &[u8]) -> bool {
    // A key is refused or read; it is never shown, so there is nothing to compare.
    let is_key = pem::parse_private_key(input).is_ok();
    let Ok(certificates) = pem::parse_certificates(input) else {
        return is_key;
    };
    assert!(!certificates.is_empty());
    let anchors: Vec<_> = certificates
        .iter()
        .filter_map(|certificate| anchor_from_trusted_cert(certificate).ok())
        .collect();
    for certificate in &certificates {
        if let Some(certified) = Certified::of(certificate) {
            assert!(certified.allows(&certified.default_id()));
        }
    }
    let outcome = validity::check(&certificates, &anchors, Path::new("fuzzed"));
    // Nobody is believed on no word at all.
    assert!(outcome.is_err() || !anchors.is_empty());
    true
}
