//! Finds the commit that is built, for `--version`.
//!
//! This is the only crate with a build script for it: a commit rebuilds this crate and the programs, no
//! library.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script is built before the crate that reads with care"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A file that holds the commit in an archive made by git, and in a clone the placeholder that git
/// replaces.
const ARCHIVED: &str = "commit.txt";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ARCHIVED}");
    let version = env!("CARGO_PKG_VERSION");
    let version = match of_clone().or_else(of_archive) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo:rustc-env=SPLITSIM_VERSION={version}");
}

/// The commit that is checked out, if this crate is part of a clone, rather than of an archive that was
/// unpacked within another project's clone.
fn of_clone() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    // Written at every commit, checkout and reset, also in a work tree beside the clone.
    for file in ["HEAD", "logs/HEAD"] {
        let path = PathBuf::from(git(&["rev-parse", "--git-path", file])?);
        if path.is_file() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn of_archive() -> Option<String> {
    let text = fs::read_to_string(ARCHIVED).ok()?;
    let commit: String = text.trim().chars().take(12).collect();
    let is_commit = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then_some(commit)
}

/// The trimmed output of a git command; `None` without git, or if the command fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
