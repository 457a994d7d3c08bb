//! The checks that read the code without running it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{arrows, cargo, setup};

/// Runs every check, also after one failed, and says at the end which did.
///
/// # Errors
/// When setup or any check fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut phases = Phases::default();
    phases.attempt("arrows", || arrows::run(workspace));
    phases.attempt("fmt", || {
        cargo::run(&mut cargo::command(workspace, ["fmt", "--all", "--check"]))
    });
    phases.attempt("deny", || deny(workspace));
    // From here on the code is compiled, which needs libtorch.
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    phases.attempt("clippy", || {
        let args = "clippy --workspace --all-targets -- --deny warnings";
        let mut command = cargo::command(workspace, args.split(' '));
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    });
    phases.attempt("rustdoc", || {
        let mut command = cargo::command(workspace, ["doc", "--workspace", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "--deny warnings");
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    });
    phases.attempt("fuzz", || check_fuzz_targets(workspace, &toolchain));
    phases.finish()
}

/// Compiles the fuzz targets, which lie outside of the workspace, in a target folder that they share.
fn check_fuzz_targets(workspace: &Workspace, toolchain: &setup::Toolchain) -> Result<()> {
    for manifest in fuzz_manifests(workspace.root())? {
        let manifest = workspace.show(&manifest).to_string();
        let args = "clippy --all-targets --target-dir target/fuzz --manifest-path";
        let mut command = cargo::command(workspace, args.split(' '));
        command.args([&manifest, "--", "--deny", "warnings"]);
        toolchain.apply(&mut command);
        cargo::run(&mut command)?;
    }
    Ok(())
}

/// The manifests of the crates of fuzz targets: `CRATE/fuzz/Cargo.toml`, in alphabetical order.
fn fuzz_manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut manifests = Vec::new();
    for folder in [root.to_owned(), root.join("shared")] {
        let entries = folder
            .read_dir()
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let entries = entries.with_context(|| format!("cannot list {}", folder.display()))?;
        let crates = entries
            .iter()
            .map(|entry| entry.path().join("fuzz/Cargo.toml"));
        manifests.extend(crates.filter(|manifest| manifest.is_file()));
    }
    manifests.sort();
    Ok(manifests)
}

/// Licences, sources and duplicates by `deny.toml`; advisories too, where cargo-deny has their database.
fn deny(workspace: &Workspace) -> Result<()> {
    let program = setup::cargo_deny(workspace, &setup::Options::default())?;
    let mut command = Command::new(program);
    command.current_dir(workspace.root()).arg("check");
    if !advisories_are_here() {
        eprintln!(
            "deny: advisories: left out, their database is not on this machine (cargo deny fetch)"
        );
        command.args(["bans", "licenses", "sources"]);
    }
    cargo::run(&mut command)
}

/// Whether `cargo deny fetch` has put a database of advisories where cargo-deny looks for it.
fn advisories_are_here() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let databases = home.map(|home| home.join("advisory-dbs"));
    databases.is_some_and(|dir| {
        dir.read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_crates_are_found_beside_their_library() {
        let dir = tempfile::tempdir().unwrap();
        for krate in ["shared/b/fuzz", "shared/a/fuzz", "proto/fuzz", "edge/src"] {
            let folder = dir.path().join(krate);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("Cargo.toml"), "").unwrap();
        }
        let found = fuzz_manifests(dir.path()).unwrap();
        let found = found
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap());
        let expected = ["proto/fuzz", "shared/a/fuzz", "shared/b/fuzz"];
        assert!(found.eq(expected.map(|krate| Path::new(krate).join("Cargo.toml"))));
    }
}
