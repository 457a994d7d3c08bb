//! `cargo xtask fuzz`: libFuzzer on the targets of `tests/fuzz`, one after the other.
//!
//! [`report`] reads the figures that libFuzzer prints at its end.

mod report;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::report::Report;
use crate::cargo;
use crate::phases::Phases;
use crate::problem::Problem;
use crate::setup::{self, Toolchain};
use crate::workspace::Workspace;

/// The crate of fuzz targets, which is no member of the workspace.
pub(crate) const CRATE: &str = "tests/fuzz";
/// The target directory, which also keeps the inputs that a fuzzer finds.
pub(crate) const TARGET_DIR: &str = "target/fuzz";
/// The limits of one input: its bytes, MiB of memory, seconds.
const LIMITS: [&str; 3] = ["-max_len=65536", "-rss_limit_mb=2048", "-timeout=10"];

/// The time or the number of executions for every target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) seconds: Option<u64>,
    pub(crate) executions: Option<u64>,
}

/// Runs the named targets, or every one, and prints a line for each.
///
/// # Errors
/// If a program is missing, a target is not there, or a target found a fault.
pub(crate) fn run(workspace: &Workspace, named: &[String], budget: Budget) -> Result<()> {
    let targets = chosen(targets(workspace.root())?, named)?;
    check_nightly()?;
    let mut phases = Phases::default();
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    println!("{}", Report::HEADING);
    let mut failed = Vec::new();
    for target in targets {
        let fuzzing = Fuzzing {
            workspace,
            toolchain: &toolchain,
            target: &target,
            budget,
        };
        let report = fuzzing.run()?;
        println!("{}", report.line(&target));
        if !report.passed {
            failed.push(target);
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => bail!("failed: {}", failed.join(", ")),
    }
}

/// The targets that there are programs of, by name.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(CRATE).join("src/bin");
    let listed = || folder.display().to_string();
    let entries = fs::read_dir(&folder).with_context(listed)?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry.with_context(listed)?.path();
        if path.extension() == Some(OsStr::new("rs"))
            && let Some(name) = path.file_stem().and_then(OsStr::to_str)
        {
            targets.push(name.to_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// Those that are named, in their order; all if none is.
fn chosen(targets: Vec<String>, named: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = named.iter().find(|name| !targets.contains(name)) {
        bail!("no target '{unknown}'; there are {}", targets.join(", "));
    }
    match named {
        [] => Ok(targets),
        named => Ok(named.to_vec()),
    }
}

fn check_nightly() -> Result<()> {
    let asked = nightly(["fuzz", "--version"]).output();
    let Ok(output) = asked else {
        return Err(Problem::NoFuzzer {
            said: String::new(),
        }
        .into());
    };
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or_default().to_owned();
            Err(Problem::NoFuzzer { said }.into())
        }
    }
}

/// The nightly cargo, which rustup's own `cargo` on the PATH finds.
fn nightly<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(args);
    // Of the cargo that runs us, which is another.
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// One target, about to run.
struct Fuzzing<'a> {
    workspace: &'a Workspace,
    toolchain: &'a Toolchain,
    target: &'a str,
    budget: Budget,
}

impl Fuzzing<'_> {
    /// Builds and runs the target. Its output is kept in a file.
    fn run(&self) -> Result<Report> {
        let (corpus, log) = (self.folder("corpus")?, self.log()?);
        let said = || log.display().to_string();
        let file = File::create(&log).with_context(said)?;
        let mut command = nightly(["fuzz", "run", "--fuzz-dir", CRATE]);
        command
            .args(["--target-dir", TARGET_DIR, self.target])
            .arg(corpus)
            .arg(format!("{CRATE}/regressions/{}", self.target))
            .arg("--")
            .args(self.options()?)
            .current_dir(self.workspace.root())
            .stderr(file);
        self.toolchain.apply(&mut command);
        let status = command
            .status()
            .with_context(|| format!("cannot start `{}`", cargo::shown(&command)))?;
        let text = fs::read(&log).with_context(said)?;
        let report = Report::of(&String::from_utf8_lossy(&text), status.success());
        match report.began() {
            true => Ok(report),
            false => bail!("{} did not begin, see {}", self.target, log.display()),
        }
    }

    fn options(&self) -> Result<Vec<String>> {
        let mut options: Vec<String> = LIMITS.map(str::to_owned).to_vec();
        let Budget {
            seconds,
            executions,
        } = self.budget;
        options.extend(seconds.map(|seconds| format!("-max_total_time={seconds}")));
        options.extend(executions.map(|executions| format!("-runs={executions}")));
        let artifacts = self.folder("artifacts")?;
        options.push(format!("-artifact_prefix={}/", artifacts.display()));
        options.push("-print_final_stats=1".to_owned());
        Ok(options)
    }

    /// A folder of the target's own.
    fn folder(&self, kind: &str) -> Result<PathBuf> {
        let parent = self.workspace.root().join(TARGET_DIR).join(kind);
        let folder = parent.join(self.target);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn log(&self) -> Result<PathBuf> {
        Ok(self.folder("logs")?.join("last.log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_programs_and_unknown_ones_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(CRATE).join("src/bin");
        fs::create_dir_all(&folder).unwrap();
        for name in ["npy.rs", "model.rs", "notes.txt"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let there = targets(dir.path()).unwrap();
        assert_eq!(there, ["model", "npy"]);
        let named = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            chosen(there.clone(), &names)
        };
        assert_eq!(named(&[]).unwrap(), there);
        assert_eq!(named(&["npy"]).unwrap(), ["npy"]);
        let message = named(&["npy", "nyp"]).unwrap_err().to_string();
        assert_eq!(message, "no target 'nyp'; there are model, npy");
    }
}
