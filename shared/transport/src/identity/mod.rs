//! Authentication of edges and cloud by certificates of a private authority.
//!
//! [`create`] makes an authority, an identity for the cloud, and identities for edges:
//!
//! ```text
//! DIR/ca/{cert,key}.pem                 the authority; its key signs, and stays where it was made
//! DIR/cloud/{cert,key,ca}.pem           for the cloud, with the names it answers to
//! DIR/cloud/edges                       the ids of the edges that the cloud admits, see [`Roster`]
//! DIR/edges/ID/{cert,key,ca}.pem        for the edge ID alone
//! DIR/edge/{cert,key,ca}.pem            where no edge was named: for any edge, whatever its id
//! ```
//!
//! Each side needs only its own directory, which [`Identity::load`] reads. A side trusts every peer whose
//! certificate the authority in its `ca.pem` has signed. An edge's certificate states the id that the edge may use:
//! see [`Certified`].

mod certified;
mod create;
pub(crate) mod pem;
mod roster;
pub(crate) mod validity;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use splitsim_proto::Id;

pub use certified::Certified;
pub use create::{CreatedEdge, CreatedIdentities, IdentityOptions, create};
pub use roster::{NotAdmitted, Roster};

/// The certificate chain, the private key and the trusted authority of one side.
#[derive(Clone)]
pub struct Identity {
    directory: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    roots: Arc<RootCertStore>,
}

/// An error in making or loading identities.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file of an identity is missing.
    #[error("{path} is missing; {remedy}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The remedy.
        remedy: String,
    },
    /// A file of an identity cannot be used.
    #[error("{path} is not usable: {reason}; create one with `splitsim certs --out DIR`")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A certificate is not valid at this time.
    #[error("certificate {path} {reason}")]
    Untimely {
        /// The file.
        path: PathBuf,
        /// The start or end of its validity, and the remedy.
        reason: String,
    },
    /// An existing identity that cannot be kept.
    #[error("{path} exists, and {reason}; choose another directory, or ask for it to be replaced")]
    Exists {
        /// The file in the way.
        path: PathBuf,
        /// The reason why it is not kept.
        reason: String,
    },
    /// A name that no certificate can be for.
    #[error("'{name}' is neither a host name nor an address")]
    Name {
        /// The name.
        name: String,
    },
    /// The validity requested for a certificate is too long.
    #[error("certificates cannot be valid for {0}; at most 100 years are possible")]
    ValidFor(String),
    /// A certificate could not be made.
    #[error("cannot make the certificate of the {role}: {reason}")]
    Certificate {
        /// The certificate's owner.
        role: &'static str,
        /// The fault.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";
const CA: &str = "ca.pem";

impl Identity {
    /// Loads the identity in `directory`. If others than the owner may read the key, a warning is logged.
    ///
    /// # Errors
    /// If a file is missing or not valid.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let file = |name| directory.join(name);
        let chain = pem::certificates(&file(CERT))?;
        let key = pem::private_key(&file(KEY))?;
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(&file(CA))? {
            roots
                .add(certificate)
                .map_err(|error| invalid(&file(CA), &error.to_string()))?;
        }
        if let Some(warning) = pem::exposed_key(&file(KEY)) {
            tracing::warn!("{warning}");
        }
        Ok(Self {
            directory: directory.to_owned(),
            chain,
            key: Arc::new(key),
            roots: Arc::new(roots),
        })
    }

    /// Returns the directory that it was loaded from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a peer's check: the certificate against the authority and this machine's clock.
    ///
    /// # Errors
    /// If the certificate has expired, is not valid yet, or is of another authority than `ca.pem`.
    pub fn check(&self) -> Result<(), IdentityError> {
        validity::check(&self.chain, &self.roots.roots, &self.directory.join(CERT))
    }

    /// The edge that the certificate is for.
    ///
    /// # Errors
    /// If it is not an edge's, such as a cloud's.
    pub fn certified(&self) -> Result<Certified, IdentityError> {
        self.chain
            .first()
            .and_then(Certified::of)
            .ok_or_else(|| invalid(&self.directory.join(CERT), "it names no edge"))
    }

    /// The id of the edge that this identity is for: `given` if the certificate allows it, and otherwise
    /// the certificate's own.
    ///
    /// # Errors
    /// If the certificate is for no edge, or for another than `given`.
    pub fn edge_id(&self, given: Option<&Id>) -> Result<Id, IdentityError> {
        let certified = self.certified()?;
        let id = given.cloned().unwrap_or_else(|| certified.default_id());
        if certified.allows(&id) {
            return Ok(id);
        }
        Err(invalid(
            &self.directory.join(CERT),
            &format!(
                "it is for {certified}, not for '{id}'; leave the edge id out to be that edge"
            ),
        ))
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.directory.display())
    }
}

fn invalid(path: &Path, reason: &str) -> IdentityError {
    IdentityError::Invalid {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
