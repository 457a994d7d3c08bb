//! Finding the programs.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use splitsim_model::Digest;

use super::{ReferenceOptions, Software, Version};
use crate::process::{Job, ProcessError};

/// A usable installation of one reference software.
#[derive(Debug)]
pub(super) struct Installation<S> {
    pub(super) encoder: PathBuf,
    pub(super) decoder: PathBuf,
    pub(super) configuration: PathBuf,
    /// The digest of the encoder and the configuration file: together with its options, they determine a coded
    /// picture.
    pub(super) digest: Digest,
    software: PhantomData<fn() -> S>,
}

/// The reason why the reference software cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Neither the options nor the environment name its directory.
    #[error("no {name}: build it and set {variable} to its directory, see docs/codecs.md")]
    NotNamed {
        /// The software.
        name: &'static str,
        /// The variable that may name it.
        variable: &'static str,
    },
    /// The directory lacks a file.
    #[error("no {file} in {directory}, its bin or its cfg: is {name} built there?")]
    Missing {
        /// The software.
        name: &'static str,
        /// The directory given.
        directory: PathBuf,
        /// The file that is not there.
        file: &'static str,
    },
    /// The encoder cannot be run.
    #[error("cannot ask {name} for its version: {source}")]
    Check {
        /// The software.
        name: &'static str,
        /// The failure of the program.
        source: ProcessError,
    },
    /// The encoder is another program.
    #[error("{path} is no encoder of {name}: it does not say '{banner}'")]
    NotTheSoftware {
        /// The software.
        name: &'static str,
        /// The program.
        path: PathBuf,
        /// The text that its first line should contain.
        banner: &'static str,
    },
    /// The encoder is too old.
    #[error("{path} is {name} {actual}, at least {oldest} is needed")]
    TooOld {
        /// The software.
        name: &'static str,
        /// The program.
        path: PathBuf,
        /// Its version.
        actual: Version,
        /// The oldest that will do.
        oldest: Version,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl ReferenceError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

impl<S: Software> Installation<S> {
    /// Finds the programs in the directory that the options or the environment name, asks the encoder
    /// for its version, and digests it.
    pub(super) fn find(options: &ReferenceOptions) -> Result<Self, ReferenceError> {
        let variable = std::env::var_os(S::VARIABLE).map(PathBuf::from);
        let directory = S::directory(options)
            .map(Path::to_owned)
            .or(variable)
            .ok_or(ReferenceError::NotNamed {
                name: S::NAME,
                variable: S::VARIABLE,
            })?;
        let encoder = locate::<S>(&directory, S::ENCODERS)?;
        let decoder = locate::<S>(&directory, S::DECODERS)?;
        let configuration = locate::<S>(&directory, &[S::CONFIGURATION])?;
        check_version::<S>(&encoder)?;
        let mut bytes = splitsim_text::read(&encoder, MAX_PROGRAM_BYTES)?;
        bytes.extend(splitsim_text::read(&configuration, MAX_PROGRAM_BYTES)?);
        Ok(Self {
            encoder,
            decoder,
            configuration,
            digest: Digest::of(&bytes),
            software: PhantomData,
        })
    }
}

/// Builds with all their debug information have some 100 MB.
const MAX_PROGRAM_BYTES: u64 = 1 << 30;

/// The first of some files in a directory, its `bin` or its `cfg`.
fn locate<S: Software>(
    directory: &Path,
    names: &[&'static str],
) -> Result<PathBuf, ReferenceError> {
    names
        .iter()
        .flat_map(|name| ["", "bin", "cfg"].map(|folder| directory.join(folder).join(name)))
        .find(|path| path.is_file())
        .ok_or_else(|| ReferenceError::Missing {
            name: S::NAME,
            directory: directory.to_owned(),
            file: names[0],
        })
}

fn check_version<S: Software>(encoder: &Path) -> Result<(), ReferenceError> {
    let help = Job {
        program: encoder,
        arguments: &["--help".to_owned()],
        input: &[],
        time_limit: Duration::from_secs(30),
        output_limit_bytes: 1 << 20,
    };
    // Both print the version, then the options, and end with a status that differs by version.
    let log = help.run_to_log().map_err(|source| ReferenceError::Check {
        name: S::NAME,
        source,
    })?;
    let path = encoder.to_owned();
    match Version::after(S::BANNER, &log.text) {
        Some(version) if version >= S::OLDEST => Ok(()),
        Some(actual) => Err(ReferenceError::TooOld {
            name: S::NAME,
            path,
            actual,
            oldest: S::OLDEST,
        }),
        None => Err(ReferenceError::NotTheSoftware {
            name: S::NAME,
            path,
            banner: S::BANNER,
        }),
    }
}
