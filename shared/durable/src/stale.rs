//! Temporary files, and those that a killed process left.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::PathError;
use crate::open::{is_at, open_regular};

/// The beginning and the end of the names of temporary files.
const PREFIX: &str = ".splitsim-";
const SUFFIX: &str = ".partial";
/// Random characters in between, and in the names that versions before 0.2 gave, without the ending.
const RANDOM: usize = 16;
const RANDOM_BEFORE: usize = 6;
/// Permissions of a new file, before the process's mask.
const MODE: u32 = 0o666;

/// Folders that this process has looked through.
static SEEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes the temporary files of a folder that no process writes any more; says how many.
///
/// A temporary file is locked as long as its process lives. One whose lock can be had is of a process
/// that was killed. The first replacement of a process in a folder does this of itself.
///
/// # Errors
/// When the folder cannot be read, or a file not be removed.
pub fn remove_stale(folder: &Path) -> Result<usize, PathError> {
    let mut removed = 0;
    let entries = std::fs::read_dir(folder).map_err(PathError::of("read", folder))?;
    for entry in entries {
        let entry = entry.map_err(PathError::of("read", folder))?;
        if is_temporary(&entry.file_name()) {
            let path = entry.path();
            removed += usize::from(remove_unlocked(&path).map_err(PathError::of("remove", &path))?);
        }
    }
    Ok(removed)
}

/// Removes stale files once per folder and process, ignoring failures.
pub(crate) fn remove_stale_once(folder: &Path) {
    let first = SEEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(folder.to_owned());
    if first {
        // Leftovers that cannot be removed are in nobody's way.
        let _ = remove_stale(folder);
    }
}

/// A new temporary file, locked.
pub(crate) fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder)?;
        lock(file.as_file())?;
        // Another process may have found it before it was locked, and taken it for a leftover.
        if is_at(file.as_file(), file.path())? {
            return Ok(file);
        }
    }
}

/// Waits for the lock. Without locks in the file system nobody takes a file for a leftover.
fn lock(file: &File) -> io::Result<()> {
    match file.lock() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        locked => locked,
    }
}

fn is_temporary(name: &OsStr) -> bool {
    let Some(middle) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
        return false;
    };
    let (random, length) = match middle.strip_suffix(SUFFIX) {
        Some(random) => (random, RANDOM),
        None => (middle, RANDOM_BEFORE),
    };
    random.len() == length && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn remove_unlocked(path: &Path) -> io::Result<bool> {
    let opened = open_regular(OpenOptions::new().read(true), path);
    let Ok(file) = opened else {
        // Renamed or removed meanwhile, or nothing that this crate made.
        return Ok(false);
    };
    if file.try_lock().is_err() || !is_at(&file, path)? {
        return Ok(false);
    }
    std::fs::remove_file(path).map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_go_and_files_that_are_being_written_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let live = temporary_in(folder.path()).unwrap();
        let leftovers = [".splitsim-0123456789abcdef.partial", ".splitsim-a1B2c3"];
        let others = [
            ".splitsim-notes",
            ".splitsim-0123.partial",
            "splitsim-a1B2c3",
        ];
        for name in leftovers.iter().chain(&others) {
            std::fs::write(path(name), "half").unwrap();
        }
        std::os::unix::fs::symlink("elsewhere", path(".splitsim-a1B2c4")).unwrap();
        assert_eq!(remove_stale(folder.path()).unwrap(), 2);
        assert!(leftovers.iter().all(|name| !path(name).exists()));
        assert!(others.iter().all(|name| path(name).exists()));
        assert!(path(".splitsim-a1B2c4").is_symlink());
        assert!(live.path().exists());
    }

    #[test]
    fn a_temporary_file_is_a_leftover_once_its_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = temporary_in(folder.path()).unwrap();
        assert_eq!(remove_stale(folder.path()).unwrap(), 0);
        // As a kill does: closed, and not removed.
        let (file, path) = file.keep().unwrap();
        drop(file);
        assert_eq!(remove_stale(folder.path()).unwrap(), 1);
        assert!(!path.exists());
    }
}
