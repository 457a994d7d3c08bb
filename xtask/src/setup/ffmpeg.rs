//! The choice of ffmpeg, and the check that it has the codecs needed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use thiserror::Error;

use crate::problem::Problem;

/// The reason why an ffmpeg cannot be used.
#[derive(Debug, Error)]
pub(crate) enum Incapable {
    #[error("it cannot be run ({0})")]
    Run(#[from] io::Error),
    #[error("it lacks {}", .0.join(", "))]
    Lacks(Vec<&'static str>),
}

/// The user's ffmpeg: the one that `SPLITSIM_FFMPEG` names, else one on `PATH` if it is capable.
///
/// # Errors
/// If the named one is not capable. An incapable one on `PATH` is skipped with a message.
pub(crate) fn users_own() -> Result<Option<PathBuf>> {
    if let Some(program) = std::env::var_os("SPLITSIM_FFMPEG") {
        let program = from_anywhere(program.into());
        return match check(&program) {
            Ok(()) => Ok(Some(program)),
            Err(incapable) => {
                let fault = incapable.to_string();
                Err(Problem::BadFfmpeg { program, fault }.into())
            }
        };
    }
    let Some(program) = on_path() else {
        return Ok(None);
    };
    match check(&program) {
        Ok(()) => Ok(Some(program)),
        Err(incapable) => {
            eprintln!("setup: ffmpeg: not {}: {incapable}", program.display());
            Ok(None)
        }
    }
}

/// Checks that `program` encodes HEVC with x265, including single planes in 10 bit, and VVC with vvenc,
/// and decodes both.
///
/// # Errors
/// [`Incapable`], with all capabilities that are missing.
pub(crate) fn check(program: &Path) -> Result<(), Incapable> {
    let ask = |args: &[&str]| -> io::Result<String> {
        let output = Command::new(program)
            .arg("-hide_banner")
            .args(args)
            .output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let encoders = ask(&["-encoders"])?;
    let decoders = ask(&["-decoders"])?;
    let x265 = ask(&["-h", "encoder=libx265"])?;
    let abilities = [
        ("the encoder libx265", lists_codec(&encoders, "libx265")),
        ("gray10le in libx265", lists_pixel_format(&x265, "gray10le")),
        ("the encoder libvvenc", lists_codec(&encoders, "libvvenc")),
        ("the decoder hevc", lists_codec(&decoders, "hevc")),
        ("the decoder vvc", lists_codec(&decoders, "vvc")),
    ];
    let lacks: Vec<_> = abilities
        .into_iter()
        .filter_map(|(ability, has)| (!has).then_some(ability))
        .collect();
    if lacks.is_empty() {
        Ok(())
    } else {
        Err(Incapable::Lacks(lacks))
    }
}

/// A relative path made absolute, as tests run in other folders; a bare name is looked up on
/// `PATH` and stays.
fn from_anywhere(program: PathBuf) -> PathBuf {
    if program.components().count() < 2 {
        return program;
    }
    std::path::absolute(&program).unwrap_or(program)
}

/// The first `ffmpeg` on `PATH`.
fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).map(|folder| folder.join("ffmpeg"));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// `true` if a listing such as ` V....D libx265  libx265 H.265 / HEVC` has this name in its second
/// column.
fn lists_codec(listing: &str, name: &str) -> bool {
    let names = listing.lines().map(|line| line.split_whitespace().nth(1));
    names.into_iter().any(|found| found == Some(name))
}

fn lists_pixel_format(help: &str, format: &str) -> bool {
    let mut lines = help.lines().map(str::trim);
    let formats = lines.find_map(|line| line.strip_prefix("Supported pixel formats:"));
    formats.is_some_and(|formats| formats.split_whitespace().any(|found| found == format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_own_name_only() {
        let listing =
            " ------\n V....D libx264   H.264 (codec h264)\n V....D hevc_qsv  (codec hevc)\n";
        assert!(lists_codec(listing, "libx264"));
        assert!(!lists_codec(listing, "hevc"));
        assert!(!lists_codec(listing, "libx265"));
    }

    #[test]
    fn a_pixel_format_is_found_whole() {
        let help = "Encoder libx265:\n    Supported pixel formats: yuv420p gray10le\n";
        assert!(lists_pixel_format(help, "gray10le"));
        assert!(!lists_pixel_format(help, "gray"));
        assert!(!lists_pixel_format(
            "Codec 'libx265' is not recognized",
            "gray10le"
        ));
    }

    #[test]
    fn a_relative_path_is_made_absolute_and_a_bare_name_kept() {
        assert!(from_anywhere("tools/ffmpeg".into()).is_absolute());
        assert!(from_anywhere("./ffmpeg".into()).is_absolute());
        assert_eq!(from_anywhere("ffmpeg".into()), Path::new("ffmpeg"));
    }

    #[test]
    fn what_is_not_an_ffmpeg_is_refused() {
        assert!(matches!(
            check(Path::new("/nonexistent/ffmpeg")),
            Err(Incapable::Run(_))
        ));
        let Err(Incapable::Lacks(lacks)) = check(Path::new("true")) else {
            panic!("`true` is not an ffmpeg")
        };
        assert_eq!(lacks.len(), 5);
    }
}
