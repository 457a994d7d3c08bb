//! Who may talk to whom: certificates of a private authority.
//!
//! [`create`] makes an authority and one identity for the cloud and one for the edges:
//!
//! ```text
//! DIR/ca/{cert,key}.pem            the authority; its key signs, and stays where it was made
//! DIR/cloud/{cert,key,ca}.pem      for the cloud, with the names it answers to
//! DIR/edge/{cert,key,ca}.pem       for the edges
//! ```
//!
//! Each side needs its own directory alone, and [`Identity::load`] reads it. A side trusts whom the
//! authority in its `ca.pem` has signed.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate chain, the private key and the trusted authority of one side.
#[derive(Clone)]
pub struct Identity {
    directory: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    roots: Arc<RootCertStore>,
}

/// What identities to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOptions {
    /// Host names and addresses of the cloud, beside [`Self::LOCAL_NAMES`].
    pub names: Vec<String>,
    /// How long the certificates are valid. Default ten years: longer than an experiment's machines
    /// stand, and there is no renewal.
    pub valid_for: Duration,
    /// Whether identities that are there already are replaced. They stop working with the new ones.
    pub overwrite: bool,
}

/// The directories of a set of identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedIdentities {
    /// For the cloud.
    pub cloud: PathBuf,
    /// For the edges.
    pub edge: PathBuf,
}

/// Why identities cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file of an identity is missing.
    #[error("{path} is missing; {remedy}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// A file of an identity cannot be used.
    #[error("{path} is not usable: {reason}; create one with `splitsim certs --out DIR`")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is an identity already.
    #[error("{path} exists; choose another directory, or ask for it to be replaced")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A name that no certificate can be for.
    #[error("'{name}' is neither a host name nor an address")]
    Name {
        /// The name.
        name: String,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of the {role}: {reason}")]
    Certificate {
        /// Whose it is.
        role: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";
const CA: &str = "ca.pem";

/// Certificates are valid from a day before they are made, for machines whose clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

impl Default for IdentityOptions {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            valid_for: Duration::from_secs(3652 * 24 * 3600),
            overwrite: false,
        }
    }
}

impl IdentityOptions {
    /// Names that every cloud answers to.
    pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
}

impl Identity {
    /// Loads the identity in `directory`.
    ///
    /// # Errors
    /// When a file is missing or not what it should be.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let certificates = |file| {
            let path = directory.join(file);
            let pem = read(&path)?;
            CertificateDer::pem_slice_iter(&pem)
                .collect::<Result<Vec<_>, _>>()
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| invalid(&path, "no certificates in PEM form"))
        };
        let chain = certificates(CERT)?;
        let key_path = directory.join(KEY);
        let key = PrivateKeyDer::from_pem_slice(&read(&key_path)?)
            .map_err(|_| invalid(&key_path, "no private key in PEM form"))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(CA)? {
            roots
                .add(certificate)
                .map_err(|error| invalid(&directory.join(CA), &error.to_string()))?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            chain,
            key: Arc::new(key),
            roots: Arc::new(roots),
        })
    }

    /// Where it was loaded from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
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

/// Makes an authority, an identity for the cloud and one for the edges in `directory`.
///
/// # Errors
/// When there is one already and it is not to be replaced (nothing is written then), a name is not
/// valid, or a file cannot be written.
pub fn create(
    directory: &Path,
    options: &IdentityOptions,
) -> Result<CreatedIdentities, IdentityError> {
    let sides = ["ca", "cloud", "edge"].map(|side| directory.join(side));
    if !options.overwrite {
        refuse_existing(&sides)?;
    }
    let authority = authority(options)?;
    let cloud = signed(&Side::cloud(options), options, &authority)?;
    let edge = signed(&Side::edge(), options, &authority)?;

    let [ca_dir, cloud_dir, edge_dir] = sides;
    write_public(&ca_dir.join(CERT), &authority.pem())?;
    write_private(&ca_dir.join(KEY), &authority.key().serialize_pem())?;
    for (directory, pair) in [(&cloud_dir, cloud), (&edge_dir, edge)] {
        write_public(&directory.join(CERT), &pair.certificate)?;
        write_private(&directory.join(KEY), &pair.key)?;
        write_public(&directory.join(CA), &authority.pem())?;
    }
    Ok(CreatedIdentities {
        cloud: cloud_dir,
        edge: edge_dir,
    })
}

/// What tells a cloud's certificate from an edge's.
struct Side {
    role: &'static str,
    names: Vec<String>,
    purpose: ExtendedKeyUsagePurpose,
}

/// A certificate and its key, in PEM form.
struct PemPair {
    certificate: String,
    key: String,
}

impl Side {
    fn cloud(options: &IdentityOptions) -> Self {
        let local = IdentityOptions::LOCAL_NAMES.map(str::to_owned);
        Self {
            role: "cloud",
            names: local
                .into_iter()
                .chain(options.names.iter().cloned())
                .collect(),
            purpose: ExtendedKeyUsagePurpose::ServerAuth,
        }
    }

    /// Edges come from anywhere: clients' names are not checked, but webpki wants one.
    fn edge() -> Self {
        Self {
            role: "edge",
            names: vec!["edge.splitsim.invalid".to_owned()],
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

/// Two authorities have different names, or a certificate of the other would look like a damaged one.
fn authority(
    options: &IdentityOptions,
) -> Result<CertifiedIssuer<'static, KeyPair>, IdentityError> {
    let role = "authority";
    let key = KeyPair::generate().map_err(|error| certificate_error(role, &error))?;
    let mut params = params(role, &[], options)?;
    let key_id: String = params
        .key_identifier(&key)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("splitsim {role} {key_id}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, key).map_err(|error| certificate_error(role, &error))
}

fn signed(
    side: &Side,
    options: &IdentityOptions,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<PemPair, IdentityError> {
    let mut params = params(side.role, &side.names, options)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![side.purpose.clone()];
    let key = KeyPair::generate().map_err(|error| certificate_error(side.role, &error))?;
    let certificate = params
        .signed_by(&key, authority)
        .map_err(|error| certificate_error(side.role, &error))?;
    Ok(PemPair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn params(
    role: &'static str,
    names: &[String],
    options: &IdentityOptions,
) -> Result<CertificateParams, IdentityError> {
    for name in names {
        rustls_pki_types::ServerName::try_from(name.as_str())
            .map_err(|_| IdentityError::Name { name: name.clone() })?;
    }
    let mut params =
        CertificateParams::new(names).map_err(|error| certificate_error(role, &error))?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("splitsim {role}"));
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + options.valid_for).into();
    Ok(params)
}

fn certificate_error(role: &'static str, error: &rcgen::Error) -> IdentityError {
    IdentityError::Certificate {
        role,
        reason: error.to_string(),
    }
}

fn refuse_existing(directories: &[PathBuf]) -> Result<(), IdentityError> {
    let files = directories
        .iter()
        .flat_map(|directory| [CERT, KEY, CA].map(|file| directory.join(file)));
    match files.into_iter().find(|path| path.exists()) {
        Some(path) => Err(IdentityError::Exists { path }),
        None => Ok(()),
    }
}

fn write_public(path: &Path, pem: &str) -> Result<(), IdentityError> {
    write(path, pem, OpenOptions::new())
}

/// Only the owner may read a key.
fn write_private(path: &Path, pem: &str) -> Result<(), IdentityError> {
    #[cfg(unix)]
    let options = {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.mode(0o600);
        options
    };
    #[cfg(not(unix))]
    let options = OpenOptions::new();
    write(path, pem, options)
}

fn write(path: &Path, pem: &str, mut options: OpenOptions) -> Result<(), IdentityError> {
    let io = |source| IdentityError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(io)?;
    }
    // A file to be replaced keeps its permissions unless it goes first.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        Ok(()) | Err(_) => {}
    }
    options
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(pem.as_bytes()))
        .map_err(io)
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing {
            path: path.to_owned(),
            remedy: remedy(path),
        },
        _ => IdentityError::Io {
            path: path.to_owned(),
            source,
        },
    })
}

/// The directory that holds both sides' identities is easily named instead of one of them.
fn remedy(missing: &Path) -> String {
    let Some(directory) = missing.parent() else {
        return "create one with `splitsim certs --out DIR`".to_owned();
    };
    let (cloud, edge) = (directory.join("cloud"), directory.join("edge"));
    if cloud.is_dir() && edge.is_dir() {
        return format!("name {} or {}", cloud.display(), edge.display());
    }
    "create one with `splitsim certs --out DIR` and name DIR/cloud or DIR/edge".to_owned()
}

fn invalid(path: &Path, reason: &str) -> IdentityError {
    IdentityError::Invalid {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
