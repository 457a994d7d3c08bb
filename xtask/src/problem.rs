//! The problems of a machine or a download, each with its remedy.

use std::path::PathBuf;

use thiserror::Error;

use crate::progress::size;

/// A cause that a person can do something about.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error(
        "the prebuilt libtorch and ffmpeg are for x86_64 Linux with glibc 2.28 or newer, \
         this is {found}"
    )]
    Platform { found: String },
    #[error("no python3 found, which fetches the prebuilt files")]
    NoPython,
    #[error("this python3 has no pip ({said})")]
    NoPip { said: String },
    #[error("too old for the prebuilt files, which need pip {needed}: {found}")]
    OldPip { found: String, needed: &'static str },
    #[error("no C++ compiler: `{program}` cannot be run")]
    NoCompiler { program: String },
    #[error("pip could not fetch {requirement} ({status}); what it said stands above")]
    Pip { requirement: String, status: String },
    #[error("pip fetched {found} for {requirement}, expected {expected}")]
    WrongFile {
        requirement: String,
        found: String,
        expected: String,
    },
    #[error("{} has the wrong SHA-256: expected {expected}, got {found}", .path.display())]
    Checksum {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{} is not there", .path.display())]
    WheelMissing { path: PathBuf },
    #[error(
        "not enough room in {}: {} needed, {} free",
        .folder.display(), size(*.needed_bytes), size(*.free_bytes)
    )]
    NoRoom {
        folder: PathBuf,
        needed_bytes: u64,
        free_bytes: u64,
    },
    #[error("the disk is full: {doing}")]
    DiskFull { doing: String },
    #[error("{library} cannot be loaded, this machine lacks: {missing}")]
    MissingLibraries { library: String, missing: String },
    #[error("{variable}={value}: {fault}")]
    BadLibtorch {
        variable: &'static str,
        value: String,
        fault: String,
    },
    #[error("fuzzing needs a nightly compiler and cargo-fuzz{}", reason(.said))]
    NoFuzzer { said: String },
    #[error("the ffmpeg at {} does not do: {fault}", .program.display())]
    BadFfmpeg { program: PathBuf, fault: String },
}

impl Problem {
    /// Returns the remedy, for the user.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Platform { .. } => format!("bring your own. {BRING_BOTH}"),
            Self::NoPython => "apt install python3 python3-pip".into(),
            Self::NoPip { .. } => {
                "apt install python3-pip, or put a python3 that has pip first on PATH".into()
            }
            Self::OldPip { .. } => "python3 -m pip install --upgrade pip".into(),
            Self::NoCompiler { .. } => "apt install g++, or name a compiler in CXX".into(),
            Self::Pip { .. } => format!(
                "check the network and pip's settings (`python3 -m pip config list`; a proxy goes \
                 in HTTPS_PROXY), then run this again: what is complete is kept. Or fetch the \
                 wheels elsewhere and pass --wheels DIR. Or bring your own. {BRING_BOTH}"
            ),
            Self::WrongFile { .. } => format!(
                "pip's index serves another build than the one checked here; choose another index \
                 (`python3 -m pip config list`) or bring your own. {BRING_BOTH}"
            ),
            Self::Checksum { path, .. } => format!(
                "the file is damaged or not the one that was checked, and is not used; delete {} \
                 if it is still there and run this again",
                path.display()
            ),
            Self::WheelMissing { .. } => {
                "put the file there (`cargo xtask setup --explain` lists all), or leave --wheels \
                 out to fetch it"
                    .into()
            }
            Self::NoRoom { .. } | Self::DiskFull { .. } => {
                "free some space and run this again: what is complete is kept".into()
            }
            Self::MissingLibraries { .. } => {
                "install the packages that hold these libraries (`apt-file search NAME` finds \
                 them), or bring a libtorch made for this system in LIBTORCH"
                    .into()
            }
            Self::BadLibtorch { variable, .. } => format!(
                "correct {variable}, or unset it to have libtorch fetched into target/setup"
            ),
            Self::NoFuzzer { .. } => {
                "rustup toolchain install nightly && cargo install cargo-fuzz".into()
            }
            Self::BadFfmpeg { .. } => {
                "name another program in SPLITSIM_FFMPEG, or unset it to have one fetched".into()
            }
        }
    }
}

/// The output of a program in brackets, if it printed any.
fn reason(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(" ({said})"),
    }
}

/// The ways to do without the prebuilt files.
const BRING_BOTH: &str = "libtorch: set LIBTORCH to its folder (or LIBTORCH_USE_PYTORCH=1); \
                          ffmpeg with libx265 and libvvenc: set SPLITSIM_FFMPEG to the program";
