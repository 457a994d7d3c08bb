//! Output files and folders of commands: existing ones are replaced only on request.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use splitsim_durable::{Replacement, is_stream, place};
use splitsim_feature::{Feature, npy};
use splitsim_model::Package;

/// `--force` of the commands that write results.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Force {
    /// Replace what is there already
    #[arg(long)]
    pub(crate) force: bool,
}

/// The package that a command writes its changes to.
#[derive(Debug, Clone, Args)]
pub(crate) struct PackageTarget {
    /// Leave the package as it is, and change a copy of it, which goes to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Change a package that comes with splitsim too; replace one that is at --out
    #[arg(long)]
    force: bool,
}

impl Force {
    /// Refuses an existing file; `option` names it.
    ///
    /// # Errors
    /// When it is there, and `--force` is not given.
    pub(crate) fn check(self, option: &str, path: &Path) -> Result<()> {
        let is_there = path.symlink_metadata().is_ok() && !is_stream(path);
        ensure!(
            self.force || !is_there,
            "{} exists; choose another {option}, or replace it with --force",
            path.display()
        );
        Ok(())
    }
}

/// Refuses outputs of one command of which two would be one file; each comes with the option that names it.
///
/// # Errors
/// When two lead to one place that is no stream.
pub(crate) fn check_distinct(outputs: &[(&str, Option<&Path>)]) -> Result<()> {
    let given = outputs
        .iter()
        .filter_map(|(option, path)| Some((option, (*path)?)));
    let files: Vec<_> = given.filter(|(_, path)| !is_stream(path)).collect();
    for (index, (option, path)) in files.iter().enumerate() {
        let same = files[..index]
            .iter()
            .find(|(_, other)| place(other) == place(path));
        if let Some((other, _)) = same {
            bail!(
                "{other} and {option} name one file, {}: name two",
                path.display()
            );
        }
    }
    Ok(())
}

impl Force {
    /// As [`check`](Self::check), for a file whose content is known: the same again is no harm.
    ///
    /// # Errors
    /// When something else is there, and `--force` is not given.
    pub(crate) fn check_content(self, option: &str, path: &Path, content: &[u8]) -> Result<()> {
        // A stream is written to and has nothing to compare with: reading it could wait for ever.
        let same = || {
            let there = splitsim_text::read(path, content.len() as u64);
            there.is_ok_and(|there| there == content)
        };
        match is_stream(path) || same() {
            true => Ok(()),
            false => self.check(option, path),
        }
    }
}

impl PackageTarget {
    /// Refuses to change a shipped package, and to replace another one.
    ///
    /// # Errors
    /// When the package comes with the program and neither `--out` nor `--force` is given, or there is
    /// a package at `--out` and `--force` is not given.
    pub(crate) fn check(&self, package: &Package) -> Result<()> {
        match &self.out {
            Some(out) => self.check_copy(package, out),
            None if self.force || !package.is_shipped() => Ok(()),
            None => bail!(
                "{} comes with splitsim, and runs that use it would find another model; change a copy \
                 with --out DIR, or change it with --force",
                package.root().display()
            ),
        }
    }

    fn check_copy(&self, package: &Package, out: &Path) -> Result<()> {
        ensure!(
            !package.contains(out),
            "--out {}: this is the package itself or lies in it, name another folder",
            out.display()
        );
        let force = Force { force: self.force };
        force.check("--out", &out.join(Package::MANIFEST))
    }

    /// The package to be changed: a copy, where one is asked for.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub(crate) fn open(&self, package: &Package) -> Result<Package> {
        match &self.out {
            Some(out) => package
                .copy_to(out)
                .with_context(|| format!("cannot copy the package to {}", out.display())),
            None => Ok(package.clone()),
        }
    }
}

/// Writes a feature as a `.npy` file, whole or not at all.
///
/// # Errors
/// When it cannot be written; what was there is then as it was.
pub(crate) fn write_feature(path: &Path, feature: &Feature) -> Result<()> {
    let mut file = Replacement::begin(path)?;
    npy::write(&mut file, feature).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.commit()?)
}
