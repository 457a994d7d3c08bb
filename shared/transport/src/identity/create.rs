//! Making identities, and adding to existing ones.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::ServerName;
use splitsim_proto::Id;
use splitsim_text::Text;
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use super::certified::{ANY_EDGE, Certified, uri};
use super::{CA, CERT, IdentityError, KEY, Roster, invalid, pem, validity};

/// The options for making identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOptions {
    /// Host names and addresses of the cloud, beside [`Self::LOCAL_NAMES`].
    pub names: Vec<String>,
    /// The edges: each gets a certificate of its own. Where none is named, one certificate is made that
    /// is for any edge.
    pub edges: Vec<Id>,
    /// The validity of the certificates of cloud and edges. Default ten years: longer than an
    /// experiment's machines last.
    pub valid_for: Duration,
    /// `true` to replace existing identities of cloud and edges by new ones of the same authority.
    /// The authority itself is never replaced.
    pub overwrite: bool,
}

/// The directories of a set of identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedIdentities {
    /// For the cloud.
    pub cloud: PathBuf,
    /// Names that the cloud's certificate is for: those asked for, and the host names that it had before.
    pub cloud_names: Vec<String>,
    /// For the first of the edges named, or for any edge where none was.
    pub edge: PathBuf,
    /// For each of the edges named.
    pub edges: Vec<CreatedEdge>,
}

/// The directory of an edge's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedEdge {
    /// The edge.
    pub id: Id,
    /// Its directory.
    pub directory: PathBuf,
}

/// Certificates are valid from a day before their creation, for machines whose clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// The validity of an authority: longer than that of its certificates, so that edges can be added later.
const AUTHORITY_VALID_FOR: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

impl Default for IdentityOptions {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            edges: Vec::new(),
            valid_for: Duration::from_secs(3652 * 24 * 3600),
            overwrite: false,
        }
    }
}

impl IdentityOptions {
    /// Names that every cloud answers to.
    pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
}

/// Makes the missing parts in `directory`: an authority, an identity for the cloud, and those of edges. Existing
/// parts that match stay: a second call with another edge adds that edge, one with another name of
/// the cloud makes the cloud's certificate anew and keeps its earlier host names.
///
/// # Errors
/// If an existing part can neither stay nor be replaced, a name is not valid (nothing is written
/// then), or a file cannot be written.
pub fn create(
    directory: &Path,
    options: &IdentityOptions,
) -> Result<CreatedIdentities, IdentityError> {
    check(options)?;
    let authority = Authority::open_or_create(&directory.join("ca"), directory, options)?;
    let cloud = directory.join("cloud");
    let cloud_names = authority.cloud(&cloud, options)?;
    let mut edges = Vec::new();
    for id in &options.edges {
        let directory = directory.join("edges").join(id.as_str());
        authority.edge(&directory, Some(id), options)?;
        let id = id.clone();
        edges.push(CreatedEdge { id, directory });
    }
    let edge = match edges.first() {
        Some(first) => first.directory.clone(),
        None => {
            let any = directory.join("edge");
            authority.edge(&any, None, options)?;
            any
        }
    };
    if !edges.is_empty() {
        Roster::of(&cloud).extend(&options.edges)?;
    }
    Ok(CreatedIdentities {
        cloud,
        cloud_names,
        edge,
        edges,
    })
}

fn check(options: &IdentityOptions) -> Result<(), IdentityError> {
    for name in &options.names {
        ServerName::try_from(name.as_str())
            .map_err(|_| IdentityError::Name { name: name.clone() })?;
    }
    if options.valid_for > AUTHORITY_VALID_FOR {
        let asked = humantime::format_duration(options.valid_for).to_string();
        return Err(IdentityError::ValidFor(asked));
    }
    Ok(())
}

/// The authority of a folder of identities.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, in PEM form.
    pem: String,
}

impl Authority {
    /// The one in `directory`, finished if need be, or a new one, if there are no identities in `beside` that need the
    /// old.
    fn open_or_create(
        directory: &Path,
        beside: &Path,
        options: &IdentityOptions,
    ) -> Result<Self, IdentityError> {
        let (cert, key) = (directory.join(CERT), directory.join(KEY));
        match (cert.exists(), key.exists()) {
            (true, true) => return Self::open(&cert, &key),
            // A call that was cut off, or a full disk, left the key alone. The certificate follows from it.
            (false, true) => {
                let pair = pem::private_key(&key)?;
                let pair = KeyPair::try_from(pair.secret_der())
                    .map_err(|error| invalid(&key, &error.to_string()))?;
                return Self::certify(pair, &cert);
            }
            (true, false) if !options.overwrite => {
                let reason = format!("its key {} is not here", key.display());
                return Err(IdentityError::Exists { path: cert, reason });
            }
            (_, false) => {}
        }
        let orphan = ["cloud", "edge"].map(|side| beside.join(side).join(CERT));
        if let Some(path) = orphan.into_iter().find(|path| path.exists())
            && !options.overwrite
        {
            let reason = format!("{} is not here, which it is signed with", key.display());
            return Err(IdentityError::Exists { path, reason });
        }
        let made = new_key("authority")?;
        write_private(&key, &made.serialize_pem())?;
        Self::certify(made, &cert)
    }

    /// Makes the authority's certificate of its key.
    fn certify(key: KeyPair, cert: &Path) -> Result<Self, IdentityError> {
        let params = authority_params(&key)?;
        let certificate = params
            .self_signed(&key)
            .map_err(|error| certificate_error("authority", &error))?;
        write_public(cert, &certificate.pem())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem: certificate.pem(),
        })
    }

    /// Its certificate is not read for its name: that follows from the key.
    fn open(cert: &Path, key: &Path) -> Result<Self, IdentityError> {
        pem::certificates(cert)?;
        let pair = KeyPair::try_from(pem::private_key(key)?.secret_der())
            .map_err(|error| invalid(key, &error.to_string()))?;
        let authority = Self {
            issuer: Issuer::new(authority_params(&pair)?, pair),
            pem: read(cert)?,
        };
        let probe = authority.sign(Role::edge(None)?, &new_key("edge")?, PROBE_VALID_FOR)?;
        authority.verify(probe.as_bytes(), cert).map_err(|_| {
            let key = key.display();
            invalid(
                cert,
                &format!("{key} does not sign for it, or another program made them"),
            )
        })?;
        Ok(authority)
    }

    /// Makes a certificate of the key.
    fn sign(
        &self,
        role: Role,
        key: &KeyPair,
        valid_for: Duration,
    ) -> Result<String, IdentityError> {
        let mut params = params(&role.common_name, valid_for)?;
        params.subject_alt_names = role.names;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![role.purpose];
        params
            .signed_by(key, &self.issuer)
            .map(|certificate| certificate.pem())
            .map_err(|error| certificate_error(role.name, &error))
    }

    /// Checks that this authority signed a chain in PEM form, and that the chain is valid now.
    fn verify(&self, chain: &[u8], path: &Path) -> Result<(), IdentityError> {
        let parse = |pem| pem::parse_certificates(pem).map_err(|reason| invalid(path, &reason));
        let own = parse(self.pem.as_bytes())?;
        let anchors = own.iter().map(anchor_from_trusted_cert);
        let anchors: Vec<_> = anchors
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(path, &error.to_string()))?;
        validity::check(&parse(chain)?, &anchors, path)
    }

    /// Makes the cloud's identity, unless there is one for all names asked for. Returns its names.
    fn cloud(
        &self,
        directory: &Path,
        options: &IdentityOptions,
    ) -> Result<Vec<String>, IdentityError> {
        let local = IdentityOptions::LOCAL_NAMES.map(str::to_owned);
        let mut names: Vec<String> = local.into_iter().chain(options.names.clone()).collect();
        if let Some(chain) = self.existing(directory, options)? {
            let old = parsed(&chain, directory)?;
            let is_for = |name: &String| {
                let name = ServerName::try_from(name.as_str());
                name.is_ok_and(|name| old.verify_is_valid_for_subject_name(&name).is_ok())
            };
            let stays = names.iter().all(is_for);
            names.extend(old.valid_dns_names().map(str::to_owned));
            names.sort_unstable();
            names.dedup();
            if stays {
                return Ok(names);
            }
        }
        let key = self.key(directory, "cloud", options)?;
        self.write(directory, Role::cloud(&names)?, &key, options)?;
        Ok(names)
    }

    /// Makes the identity of one edge, or of any, unless it is there.
    fn edge(
        &self,
        directory: &Path,
        id: Option<&Id>,
        options: &IdentityOptions,
    ) -> Result<(), IdentityError> {
        if let Some(chain) = self.existing(directory, options)? {
            let certified = chain.first().and_then(Certified::of);
            let is_it = match (&certified, id) {
                (Some(Certified::Edge(own)), Some(id)) => own == id,
                (Some(Certified::Shared { .. }), None) => true,
                _ => false,
            };
            if is_it {
                return Ok(());
            }
            return Err(IdentityError::Exists {
                path: directory.join(CERT),
                reason: "its certificate is for another".to_owned(),
            });
        }
        let key = new_key("edge")?;
        self.write(directory, Role::edge(id)?, &key, options)
    }

    /// The chain of a complete identity of this authority; `None` if there is none, or it is to be
    /// replaced.
    fn existing(
        &self,
        directory: &Path,
        options: &IdentityOptions,
    ) -> Result<Option<Vec<rustls_pki_types::CertificateDer<'static>>>, IdentityError> {
        let path = directory.join(CERT);
        // The certificate is written last: without one, an identity was never whole.
        if options.overwrite || !path.exists() {
            return Ok(None);
        }
        let chain = pem::certificates(&path)?;
        for file in [KEY, CA] {
            if !directory.join(file).exists() {
                let reason = format!("{file} is not beside it");
                return Err(IdentityError::Exists { path, reason });
            }
        }
        pem::private_key(&directory.join(KEY))?;
        self.verify(read(&path)?.as_bytes(), &path)
            .map_err(|error| match error {
                IdentityError::Untimely { path, reason } => IdentityError::Exists { path, reason },
                _ => IdentityError::Exists {
                    path: path.clone(),
                    reason: "another authority has signed it".to_owned(),
                },
            })?;
        Ok(Some(chain))
    }

    /// The existing key, so that a certificate can be made anew without moving a key; or a new one.
    fn key(
        &self,
        directory: &Path,
        role: &'static str,
        options: &IdentityOptions,
    ) -> Result<KeyPair, IdentityError> {
        let path = directory.join(KEY);
        if options.overwrite || !path.exists() {
            return new_key(role);
        }
        KeyPair::try_from(pem::private_key(&path)?.secret_der())
            .map_err(|error| invalid(&path, &error.to_string()))
    }

    fn write(
        &self,
        directory: &Path,
        role: Role,
        key: &KeyPair,
        options: &IdentityOptions,
    ) -> Result<(), IdentityError> {
        let certificate = self.sign(role, key, options.valid_for)?;
        write_private(&directory.join(KEY), &key.serialize_pem())?;
        write_public(&directory.join(CA), &self.pem)?;
        write_public(&directory.join(CERT), &certificate)
    }
}

/// A certificate that is made only to see whether it can be verified.
const PROBE_VALID_FOR: Duration = Duration::from_secs(3600);

/// The properties in which the certificates differ.
struct Role {
    name: &'static str,
    common_name: String,
    names: Vec<SanType>,
    purpose: ExtendedKeyUsagePurpose,
}

impl Role {
    fn cloud(names: &[String]) -> Result<Self, IdentityError> {
        let params =
            CertificateParams::new(names).map_err(|error| certificate_error("cloud", &error))?;
        Ok(Self {
            name: "cloud",
            common_name: "splitsim cloud".to_owned(),
            names: params.subject_alt_names,
            purpose: ExtendedKeyUsagePurpose::ServerAuth,
        })
    }

    fn edge(id: Option<&Id>) -> Result<Self, IdentityError> {
        let ascii = |text: String| {
            Ia5String::try_from(text).map_err(|error| certificate_error("edge", &error))
        };
        let (common_name, name) = match id {
            Some(id) => (format!("splitsim edge {id}"), SanType::URI(ascii(uri(id))?)),
            None => (
                "splitsim edge".to_owned(),
                SanType::DnsName(ascii(ANY_EDGE.to_owned())?),
            ),
        };
        Ok(Self {
            name: "edge",
            common_name,
            names: vec![name],
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
        })
    }
}

/// Two authorities have different names, or a certificate of the other would look like a damaged one.
fn authority_params(key: &KeyPair) -> Result<CertificateParams, IdentityError> {
    let mut params = params("splitsim authority", AUTHORITY_VALID_FOR)?;
    let key_id: String = params
        .key_identifier(key)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("splitsim authority {key_id}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn params(common_name: &str, valid_for: Duration) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    let end = now.checked_add(valid_for).ok_or_else(|| {
        IdentityError::ValidFor(humantime::format_duration(valid_for).to_string())
    })?;
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = end.into();
    Ok(params)
}

fn new_key(role: &'static str) -> Result<KeyPair, IdentityError> {
    KeyPair::generate().map_err(|error| certificate_error(role, &error))
}

fn parsed<'a>(
    chain: &'a [rustls_pki_types::CertificateDer<'static>],
    directory: &Path,
) -> Result<EndEntityCert<'a>, IdentityError> {
    let path = directory.join(CERT);
    let leaf = chain
        .first()
        .ok_or_else(|| invalid(&path, "no certificates in PEM form"))?;
    EndEntityCert::try_from(leaf).map_err(|error| invalid(&path, &error.to_string()))
}

fn certificate_error(role: &'static str, error: &rcgen::Error) -> IdentityError {
    IdentityError::Certificate {
        role,
        reason: error.to_string(),
    }
}

pub(super) fn write_public(path: &Path, text: &str) -> Result<(), IdentityError> {
    write(path, text, OpenOptions::new())
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

/// Writes a file. An existing file is replaced as a whole, and a new one has the permissions of `options`.
fn write(path: &Path, text: &str, mut options: OpenOptions) -> Result<(), IdentityError> {
    let io = |source| IdentityError::Io {
        path: path.to_owned(),
        source,
    };
    let Some(directory) = path.parent() else {
        return Err(invalid(path, "it is in no directory"));
    };
    fs::create_dir_all(directory).map_err(io)?;
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        Ok(()) | Err(_) => {}
    }
    let mut file = options
        .write(true)
        .create_new(true)
        .open(&new)
        .map_err(io)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(splitsim_durable::rename(&new, path)?))
        .map_err(io)
}

fn read(path: &Path) -> Result<String, IdentityError> {
    Ok(Text::read(path, pem::MAX_BYTES)?.into())
}
