//! The checks that read the code without running it.

use anyhow::Result;

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
    phases.finish()
}
