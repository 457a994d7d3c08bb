//! From a checkout to results in one command.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{cargo, setup};

const SCENARIO: &str = "scenarios/demo.toml";
const OUT: &str = "out/demo";

/// Sets up, builds the three binaries and runs [`SCENARIO`]; `passed` goes to `splitsim run`.
///
/// # Errors
/// If setup, the build or the run fails.
pub(crate) fn run(workspace: &Workspace, passed: &[OsString]) -> Result<()> {
    let mut phases = Phases::default();
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    phases.run("build", || {
        let args = "build --release --package splitsim-scenarios --bin splitsim \
                    --package splitsim-edge --bin edge --package splitsim-cloud --bin cloud";
        let mut command = cargo::command(workspace, args.split_whitespace());
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    })?;
    let out = chosen_out(passed).unwrap_or_else(|| OUT.into());
    phases.run("run", || {
        let mut command = Command::new(target_dir(workspace).join("release/splitsim"));
        command
            .args(["run", SCENARIO])
            .current_dir(workspace.root());
        if chosen_out(passed).is_none() {
            command.args(["--out", OUT]);
        }
        // What an earlier demo finished is made anew; what it did not is gone on with.
        let chosen = passed
            .iter()
            .any(|arg| arg == "--force" || arg == "--resume");
        if !chosen && out.join("report.html").exists() {
            command.arg("--force");
        }
        command.args(passed);
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    })?;
    phases.finish()?;
    println!("report:  {}", out.join("report.html").display());
    println!("summary: {}", out.join("summary.json").display());
    println!("frames:  {}", out.join("results.sqlite").display());
    Ok(())
}

/// The folder that a person asked for with `--out DIR` or `--out=DIR`.
fn chosen_out(passed: &[OsString]) -> Option<PathBuf> {
    let mut args = passed.iter();
    while let Some(arg) = args.next() {
        if arg == "--out" {
            return args.next().map(PathBuf::from);
        }
        if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix("--out=")) {
            return Some(value.into());
        }
    }
    None
}

/// Returns cargo's target directory: `CARGO_TARGET_DIR` or `target`.
fn target_dir(workspace: &Workspace) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR");
    let chosen = chosen.as_deref().unwrap_or(OsStr::new("target"));
    workspace.root().join(Path::new(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_out_folder_is_found_in_both_spellings() {
        let check = |passed: &[&str], expected: Option<&str>| {
            let passed: Vec<_> = passed.iter().map(OsString::from).collect();
            assert_eq!(chosen_out(&passed), expected.map(PathBuf::from));
        };
        check(&["--set", "seed=7", "--out", "a"], Some("a"));
        check(&["--out=b"], Some("b"));
        check(&["--set", "seed=7"], None);
    }
}
