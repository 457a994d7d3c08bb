//! Finding an ffmpeg that can do what a codec needs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::process::{Job, ProcessError};

/// An ffmpeg program whose abilities have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    path: PathBuf,
}

/// An encoder within ffmpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    /// Its name, e.g. `libx265`.
    pub name: &'static str,
    /// The pixel format that it must accept, e.g. `gray10le`.
    pub pixel_format: &'static str,
}

/// Programs that were asked already, and have the encoder.
static CAPABLE: Mutex<Vec<(PathBuf, Encoder)>> = Mutex::new(Vec::new());

impl Ffmpeg {
    /// The environment variable that names the program.
    pub const VARIABLE: &str = "SPLITSIM_FFMPEG";

    /// Finds ffmpeg and checks that it has `encoder`.
    ///
    /// The first of these is taken: the one `named`, the one that `SPLITSIM_FFMPEG` names,
    /// `target/setup/bin/ffmpeg` (where `cargo xtask setup` puts it) in a directory above the
    /// running program or the working directory, and `ffmpeg` on the `PATH`.
    ///
    /// # Errors
    /// When there is none, or the first one found does not have the encoder.
    pub fn find(named: Option<&Path>, encoder: Encoder) -> Result<Self, FfmpegError> {
        let program = std::env::current_exe().ok();
        let directory = std::env::current_dir().ok();
        let variable = std::env::var_os(Self::VARIABLE).map(PathBuf::from);
        let search_path = std::env::var_os("PATH");
        let path = Surroundings {
            named,
            variable: variable.as_deref(),
            program: program.as_deref(),
            directory: directory.as_deref(),
            search_path: search_path.as_deref(),
        }
        .locate()?;
        let found = Self { path };
        // Asking takes a process; a sweep opens its codecs at every point.
        let mut capable = CAPABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (found.path.clone(), encoder);
        if !capable.contains(&known) {
            found.require(encoder)?;
            capable.push(known);
        }
        Ok(found)
    }

    /// The program's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn require(&self, encoder: Encoder) -> Result<(), FfmpegError> {
        let help = Job {
            program: &self.path,
            arguments: &[
                "-hide_banner".to_owned(),
                "-h".to_owned(),
                format!("encoder={}", encoder.name),
            ],
            input: &[],
            time_limit: Duration::from_secs(30),
            output_limit_bytes: 1 << 20,
        };
        let help = String::from_utf8_lossy(&help.run()?).into_owned();
        let capable = help.contains(&format!("Encoder {}", encoder.name))
            && help
                .split_whitespace()
                .any(|word| word == encoder.pixel_format);
        if capable {
            return Ok(());
        }
        Err(FfmpegError::Incapable {
            path: self.path.clone(),
            encoder: encoder.name,
            pixel_format: encoder.pixel_format,
        })
    }
}

/// ffmpeg's arguments: never reads the terminal, speaks only of errors, uses one thread.
pub(crate) fn arguments(groups: &[&[&str]]) -> Vec<String> {
    const COMMON: &[&str] = &[
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        "-threads",
        "1",
        "-filter_threads",
        "1",
    ];
    std::iter::once(&COMMON)
        .chain(groups)
        .flat_map(|group| group.iter())
        .map(|&argument| argument.to_owned())
        .collect()
}

/// The reason why there is no usable ffmpeg.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// None was found.
    #[error("no ffmpeg: run 'cargo xtask setup', or set SPLITSIM_FFMPEG or PATH")]
    Missing,
    /// The one asked for does not exist.
    #[error("no ffmpeg at {path}, which {by} names")]
    NotAFile {
        /// The path given.
        path: PathBuf,
        /// The option or variable that gave the path.
        by: &'static str,
    },
    /// It could not be asked for its abilities.
    #[error("cannot check ffmpeg's abilities: {0}")]
    Check(#[from] ProcessError),
    /// It lacks the encoder, or the encoder the pixel format.
    #[error(
        "{path} cannot encode {pixel_format} with {encoder}; run 'cargo xtask setup' or set SPLITSIM_FFMPEG to one that can"
    )]
    Incapable {
        /// The program.
        path: PathBuf,
        /// The encoder needed.
        encoder: &'static str,
        /// The pixel format needed.
        pixel_format: &'static str,
    },
}

/// Everything that the search depends on.
struct Surroundings<'a> {
    named: Option<&'a Path>,
    variable: Option<&'a Path>,
    program: Option<&'a Path>,
    directory: Option<&'a Path>,
    search_path: Option<&'a OsStr>,
}

impl Surroundings<'_> {
    fn locate(&self) -> Result<PathBuf, FfmpegError> {
        let given = [
            (self.named, "the configuration"),
            (self.variable, Ffmpeg::VARIABLE),
        ];
        let given = given.into_iter().find_map(|(path, by)| Some((path?, by)));
        match given {
            Some((path, _)) if path.is_file() => Ok(path.to_owned()),
            Some((path, by)) => Err(FfmpegError::NotAFile {
                path: path.to_owned(),
                by,
            }),
            None => self
                .set_up()
                .or_else(|| self.on_path())
                .ok_or(FfmpegError::Missing),
        }
    }

    fn set_up(&self) -> Option<PathBuf> {
        [self.program, self.directory]
            .into_iter()
            .flatten()
            .flat_map(Path::ancestors)
            .map(|directory| directory.join("target/setup/bin/ffmpeg"))
            .find(|path| path.is_file())
    }

    fn on_path(&self) -> Option<PathBuf> {
        std::env::split_paths(self.search_path?)
            .map(|directory| directory.join("ffmpeg"))
            .find(|path| path.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &Path, name: &str) -> PathBuf {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn the_search_goes_from_the_explicit_to_the_path() {
        let root = tempfile::tempdir().unwrap();
        let named = file(root.path(), "named");
        let variable = file(root.path(), "variable");
        let set_up = file(root.path(), "work/target/setup/bin/ffmpeg");
        let installed = file(root.path(), "usr/bin/ffmpeg");
        let directory = root.path().join("work/shared/codec");
        let mut surroundings = Surroundings {
            named: Some(&named),
            variable: Some(&variable),
            program: None,
            directory: Some(&directory),
            search_path: installed.parent().map(Path::as_os_str),
        };
        assert_eq!(surroundings.locate().unwrap(), named);
        surroundings.named = None;
        assert_eq!(surroundings.locate().unwrap(), variable);
        surroundings.variable = None;
        assert_eq!(surroundings.locate().unwrap(), set_up);
        surroundings.directory = None;
        assert_eq!(surroundings.locate().unwrap(), installed);
        surroundings.search_path = None;
        assert!(matches!(surroundings.locate(), Err(FfmpegError::Missing)));
    }

    #[test]
    fn a_wrong_path_is_an_error_and_not_passed_over() {
        let error = Ffmpeg::find(
            Some(Path::new("/nonexistent/ffmpeg")),
            Encoder {
                name: "libx265",
                pixel_format: "gray10le",
            },
        );
        let message = error.unwrap_err().to_string();
        assert_eq!(
            message,
            "no ffmpeg at /nonexistent/ffmpeg, which the configuration names"
        );
    }

    #[test]
    fn an_encoder_that_ffmpeg_lacks_is_named() {
        let encoder = |name, pixel_format| Encoder { name, pixel_format };
        assert!(Ffmpeg::find(None, encoder("libx265", "gray10le")).is_ok());
        for (name, pixel_format) in [("libx999", "gray10le"), ("libx265", "gray99le")] {
            let error = Ffmpeg::find(None, encoder(name, pixel_format)).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
