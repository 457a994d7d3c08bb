//! The note inside a component that names its sources.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};

use super::pins::{Component, Keep};

/// Raise it when setup makes something else from the same wheels.
const RECIPE: u32 = 1;

const NAME: &str = ".stamp";

/// `true` if `place` holds `component` as pinned: the stamp is the expected one and every file named
/// in it still has its size.
pub(crate) fn is_ready(component: &Component, place: &Path) -> bool {
    let noted = fs::read_to_string(place.join(NAME));
    noted.is_ok_and(|noted| contents(component, place).is_ok_and(|expected| noted == expected))
}

/// Writes the stamp of a component that is complete in `folder`.
///
/// # Errors
/// If a file that should be there is not, or the stamp cannot be written.
pub(crate) fn write(component: &Component, folder: &Path) -> Result<()> {
    contents(component, folder)
        .and_then(|contents| fs::write(folder.join(NAME), contents))
        .with_context(|| format!("cannot stamp {}", folder.display()))
}

/// The recipe, the digests, and the size of each single file. Folders (the headers) are taken on
/// trust: they came in the same rename.
fn contents(component: &Component, folder: &Path) -> io::Result<String> {
    let mut text = format!("recipe {RECIPE}\n");
    for wheel in component.wheels {
        let _ = writeln!(text, "wheel {} sha256 {}", wheel.file_name, wheel.sha256);
    }
    for file in single_files(component) {
        let bytes = fs::metadata(folder.join(file))?.len();
        let _ = writeln!(text, "file {file} bytes {bytes}");
    }
    Ok(text)
}

fn single_files(component: &Component) -> impl Iterator<Item = &'static str> {
    let kept = component.wheels.iter().flat_map(|wheel| wheel.kept);
    let kept = kept.filter_map(|keep| match *keep {
        Keep::File { to, .. } | Keep::Program { to, .. } => Some(to),
        Keep::Folder { .. } => None,
    });
    kept.chain(component.written.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::setup::pins::FFMPEG;

    fn stamped() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ffmpeg"), "program").unwrap();
        write(&FFMPEG, dir.path()).unwrap();
        dir
    }

    #[test]
    fn a_stamped_component_is_ready() {
        assert!(is_ready(&FFMPEG, stamped().path()));
    }

    #[test]
    fn an_absent_or_unstamped_component_is_not_ready() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_ready(&FFMPEG, &dir.path().join("bin")));
        fs::write(dir.path().join("ffmpeg"), "program").unwrap();
        assert!(!is_ready(&FFMPEG, dir.path()));
    }

    #[test]
    fn a_deleted_or_cut_file_is_noticed() {
        let dir = stamped();
        fs::write(dir.path().join("ffmpeg"), "prog").unwrap();
        assert!(!is_ready(&FFMPEG, dir.path()));
        fs::remove_file(dir.path().join("ffmpeg")).unwrap();
        assert!(!is_ready(&FFMPEG, dir.path()));
    }

    #[test]
    fn a_component_from_another_wheel_is_not_ready() {
        let dir = stamped();
        let stamp = dir.path().join(NAME);
        let older = fs::read_to_string(&stamp).unwrap();
        fs::write(&stamp, older.replace("0.8.1", "0.8.0")).unwrap();
        assert!(!is_ready(&FFMPEG, dir.path()));
    }

    #[test]
    fn an_incomplete_component_cannot_be_stamped() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(&FFMPEG, dir.path()).is_err());
    }
}
