//! Running cargo and other programs in the workspace.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// A cargo command in the root folder, by the cargo that runs us where there is one.
pub(crate) fn command<A: AsRef<OsStr>>(
    workspace: &Workspace,
    args: impl IntoIterator<Item = A>,
) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(workspace.root());
    command
}

/// Prints the command, runs it and waits for its end.
///
/// # Errors
/// If the program cannot be started or does not end with success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// The command as a person would type it: the program's bare name and its arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program();
    let name = std::path::Path::new(program)
        .file_name()
        .unwrap_or(program)
        .to_string_lossy();
    let args = command.get_args().map(OsStr::to_string_lossy);
    std::iter::once(name)
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("false").arg("--all")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`false --all` failed (exit status: 1)",
            "the message is the diagnosis"
        );
    }
}
