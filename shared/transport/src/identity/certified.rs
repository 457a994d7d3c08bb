use std::fmt;

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use splitsim_proto::Id;
use webpki::EndEntityCert;

/// The edge that a certificate is for, after it has been verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certified {
    /// The edge of this id, and no other: the certificate has the URI `splitsim:edge:ID` among its alternative
    /// names.
    Edge(Id),
    /// Any edge. Anyone with the key may use any id; certificates of version 0.1 are of this kind.
    Shared {
        /// The id of an edge that is given none: `edge-` and the first digits of the certificate's SHA-256.
        default: Id,
    },
}

/// The scheme of the alternative name that carries an id.
const SCHEME: &str = "splitsim:edge:";
/// The host name of certificates that are for any edge.
pub(super) const ANY_EDGE: &str = "edge.splitsim.invalid";

const FINGERPRINT_BYTES: usize = 4;

impl Certified {
    /// Reads a certificate, which this does not verify; `None` if it is for no edge.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = EndEntityCert::try_from(certificate).ok()?;
        let mut ids = parsed
            .valid_uri_names()
            .filter_map(|uri| uri.strip_prefix(SCHEME));
        match (ids.next(), ids.next()) {
            (Some(id), None) => Id::new(id).ok().map(Self::Edge),
            (None, _) if parsed.valid_dns_names().any(|name| name == ANY_EDGE) => {
                let default = Id::new(format!("edge-{}", fingerprint(certificate)));
                default.ok().map(|default| Self::Shared { default })
            }
            _ => None,
        }
    }

    /// `true` if the certificate allows the edge to use this id.
    #[must_use]
    pub fn allows(&self, id: &Id) -> bool {
        match self {
            Self::Edge(own) => own == id,
            Self::Shared { .. } => true,
        }
    }

    /// The id of an edge that is given none.
    #[must_use]
    pub fn default_id(&self) -> Id {
        match self {
            Self::Edge(id) | Self::Shared { default: id } => id.clone(),
        }
    }
}

impl fmt::Display for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(id) => write!(f, "edge '{id}'"),
            Self::Shared { default } => write!(f, "any edge ('{default}' if not told)"),
        }
    }
}

/// The alternative name that carries an id.
pub(super) fn uri(id: &Id) -> String {
    format!("{SCHEME}{id}")
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = digest(&SHA256, certificate);
    let first = digest.as_ref().iter().take(FINGERPRINT_BYTES);
    first.map(|byte| format!("{byte:02x}")).collect()
}
