//! The choice of libtorch: the fetched one, or one that the user provides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::pins::LIBTORCH_VERSION;
use crate::problem::Problem;

/// The libtorch that the workspace is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Libtorch {
    /// The one in `target/setup/libtorch`.
    Fetched,
    /// The user's, in a folder of their own.
    Folder(PathBuf),
    /// The one inside the user's Python.
    PyTorch,
}

/// The environment variables by which the `tch` crate finds libtorch.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    libtorch: Option<OsString>,
    use_pytorch: Option<OsString>,
}

impl Variables {
    pub(crate) fn from_env() -> Self {
        Self {
            libtorch: std::env::var_os("LIBTORCH"),
            use_pytorch: std::env::var_os("LIBTORCH_USE_PYTORCH"),
        }
    }
}

impl Libtorch {
    /// The choice that `variables` express. cargo itself sets `LIBTORCH` to `ours`, by
    /// `.cargo/config.toml`, for everything that it runs, this program included; so only another
    /// value is the user's. `LIBTORCH_USE_PYTORCH` wins over both, as it does in `tch`.
    pub(crate) fn choose(variables: &Variables, ours: &Path) -> Self {
        if variables.use_pytorch.is_some() {
            return Self::PyTorch;
        }
        match variables.libtorch.as_ref().map(Path::new) {
            Some(folder) if !is_same(folder, ours) => {
                Self::Folder(std::path::absolute(folder).unwrap_or_else(|_| folder.into()))
            }
            _ => Self::Fetched,
        }
    }
}

/// Returns the folder of the shared libraries of `libtorch`; `ours` is the fetched one's folder.
///
/// # Errors
/// [`Problem::BadLibtorch`] if the user's libtorch would break the build.
pub(crate) fn library_dir(libtorch: &Libtorch, ours: &Path) -> Result<PathBuf> {
    match libtorch {
        Libtorch::Fetched => Ok(ours.join("lib")),
        Libtorch::Folder(folder) => folder_library_dir(folder),
        Libtorch::PyTorch => pytorch_library_dir(),
    }
}

fn folder_library_dir(folder: &Path) -> Result<PathBuf> {
    let bad = |fault| Problem::BadLibtorch {
        variable: "LIBTORCH",
        value: folder.display().to_string(),
        fault,
    };
    let libraries = folder.join("lib");
    if !libraries.is_dir() {
        return Err(bad(format!("no folder {}", libraries.display())).into());
    }
    // A folder without this file passes, as in tch's build script.
    if let Ok(noted) = std::fs::read_to_string(folder.join("build-version")) {
        check_version(&noted).map_err(bad)?;
    }
    Ok(libraries)
}

fn pytorch_library_dir() -> Result<PathBuf> {
    // The same interpreter as tch's build script takes.
    let in_venv = std::env::var_os("VIRTUAL_ENV").is_some();
    let python = if in_venv { "python" } else { "python3" };
    let bad = |fault| Problem::BadLibtorch {
        variable: "LIBTORCH_USE_PYTORCH",
        value: std::env::var("LIBTORCH_USE_PYTORCH").unwrap_or_default(),
        fault,
    };
    let output = Command::new(python)
        .args(["-c", PRINT_VERSION_AND_FOLDER])
        .output()
        .with_context(|| format!("cannot start {python}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Some((version, folder)) = said.trim().split_once(' ') else {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().last().unwrap_or_default();
        return Err(bad(format!("{python} cannot import torch ({said})")).into());
    };
    check_version(version).map_err(bad)?;
    Ok(Path::new(folder).join("lib"))
}

const PRINT_VERSION_AND_FOLDER: &str =
    "import os, torch; print(torch.__version__, os.path.dirname(torch.__file__))";

/// Compares a version, less its `+cpu` or `+cu130`, with the expected one.
/// `LIBTORCH_BYPASS_VERSION_CHECK` lets all pass, as in tch's build script.
fn check_version(noted: &str) -> Result<(), String> {
    let version = noted.trim().split('+').next().unwrap_or_default();
    let bypassed = || std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some();
    if version == LIBTORCH_VERSION || bypassed() {
        return Ok(());
    }
    Err(format!(
        "it is version {version}, the tch crate wants {LIBTORCH_VERSION}"
    ))
}

fn is_same(folder: &Path, ours: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into());
    folder == ours || resolved(folder) == resolved(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "/w/target/setup/libtorch";

    fn check_choice(libtorch: Option<&str>, use_pytorch: Option<&str>, expected: Libtorch) {
        let variables = Variables {
            libtorch: libtorch.map(OsString::from),
            use_pytorch: use_pytorch.map(OsString::from),
        };
        assert_eq!(Libtorch::choose(&variables, Path::new(OURS)), expected);
    }

    #[test]
    fn cargos_own_setting_is_not_the_users() {
        check_choice(None, None, Libtorch::Fetched);
        check_choice(Some(OURS), None, Libtorch::Fetched);
        check_choice(Some("/w/target/setup/libtorch/"), None, Libtorch::Fetched);
    }

    #[test]
    fn what_the_user_sets_wins() {
        let own = Libtorch::Folder("/opt/libtorch".into());
        check_choice(Some("/opt/libtorch"), None, own);
        check_choice(Some(OURS), Some("1"), Libtorch::PyTorch);
        check_choice(Some("/opt/libtorch"), Some("1"), Libtorch::PyTorch);
    }

    #[test]
    fn the_same_folder_by_another_name_is_not_the_users() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let variables = Variables {
            libtorch: Some(link.into()),
            ..Variables::default()
        };
        assert_eq!(Libtorch::choose(&variables, &real), Libtorch::Fetched);
    }

    #[test]
    fn a_users_libtorch_must_have_libraries_of_the_right_version() {
        let dir = tempfile::tempdir().unwrap();
        let libtorch = Libtorch::Folder(dir.path().into());
        let libraries = || library_dir(&libtorch, Path::new(OURS));
        let fault = || libraries().unwrap_err().to_string();
        assert!(fault().contains("no folder"));

        std::fs::create_dir(dir.path().join("lib")).unwrap();
        assert_eq!(libraries().unwrap(), dir.path().join("lib"));
        let version_file = dir.path().join("build-version");
        std::fs::write(&version_file, "2.13.0+cu130\n").unwrap();
        libraries().unwrap();
        std::fs::write(&version_file, "2.4.0+cpu\n").unwrap();
        assert!(fault().contains("it is version 2.4.0"));
    }
}
