//! Replacing a file whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::PathError;
use crate::open::folder_of;
use crate::stale::{remove_stale_once, temporary_in};

/// A file that is being written, in place of another or of none.
///
/// It is written under a temporary name in the same folder, and takes its place in
/// [`commit`](Self::commit). Dropped before that, it leaves everything as it was.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Beside(NamedTempFile),
    /// A device, a pipe or a file that some process has open: written to as it is.
    Stream(File),
}

/// Replaces a file by one with this content.
///
/// After a kill, a full disk or a loss of power at any moment, `path` holds all that it held before or
/// all of `bytes`. The permissions of an earlier file stay. A link at `path` is replaced, not followed.
///
/// # Errors
/// When the file cannot be written; everything is then as it was.
pub fn replace(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), PathError> {
    let mut replacement = Replacement::begin(path)?;
    let written = replacement.write_all(bytes.as_ref());
    written.map_err(PathError::of("write", path))?;
    replacement.commit()
}

/// Renames a file or folder within a file system, so that the new name outlasts a loss of power.
///
/// # Errors
/// When it cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> Result<(), PathError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that renames, with both folders synchronised"
    )]
    let renamed = std::fs::rename(from, to);
    renamed
        .and_then(|()| sync_folder(folder_of(to)))
        .and_then(|()| sync_folder(folder_of(from)))
        .map_err(PathError::of("rename to", to))
}

impl Replacement {
    /// Begins a file that will be at `path`.
    ///
    /// # Errors
    /// When none can be made in its folder, or `path` is a folder.
    pub fn begin(path: &Path) -> Result<Self, PathError> {
        Ok(Self {
            target: Target::of(path).map_err(PathError::of("write", path))?,
            path: path.to_owned(),
        })
    }

    /// Lets the file take its place, durably.
    ///
    /// # Errors
    /// When it cannot; everything is then as it was.
    pub fn commit(self) -> Result<(), PathError> {
        let Self { path, target } = self;
        let done = match target {
            Target::Beside(file) => persist(file, &path),
            Target::Stream(mut file) => file.flush(),
        };
        done.map_err(PathError::of("write", &path))
    }

    fn file(&mut self) -> &mut File {
        match &mut self.target {
            Target::Beside(file) => file.as_file_mut(),
            Target::Stream(file) => file,
        }
    }
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        if path.is_dir() && !path.is_symlink() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if is_stream(path) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self::Stream(file));
        }
        let folder = folder_of(path);
        remove_stale_once(folder);
        temporary_in(folder).map(Self::Beside)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Seek for Replacement {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file().seek(position)
    }
}

fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    if let Ok(there) = std::fs::symlink_metadata(path)
        && there.is_file()
    {
        file.as_file().set_permissions(there.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name lasts once the folder is synchronised.
    sync_folder(folder_of(path))
}

/// Makes new names in a folder durable. File systems that cannot are taken as they are.
#[expect(
    clippy::disallowed_methods,
    reason = "a folder is opened to be synchronised, not to be read"
)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Returns `true` if a path is written to rather than replaced: `/dev/null`, a pipe, `/dev/stdout`.
#[must_use]
pub fn is_stream(path: &Path) -> bool {
    let special = std::fs::symlink_metadata(path).is_ok_and(|there| {
        let kind = there.file_type();
        kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
    });
    let folder = folder_of(path).canonicalize();
    special || folder.is_ok_and(|folder| folder == Path::new("/dev") || folder.starts_with("/proc"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_whole_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, "a long first version").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        replace(&path, "short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn one_that_is_not_committed_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, "before").unwrap();
        let mut replacement = Replacement::begin(&path).unwrap();
        replacement.write_all(b"half").unwrap();
        drop(replacement);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_go_with_the_next_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = temporary_in(folder.path()).unwrap().keep().unwrap();
        drop(file);
        replace(&folder.path().join("a"), "").unwrap();
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn links_are_replaced_and_their_targets_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (target, hard) = (folder.path().join("mine"), folder.path().join("hard"));
        let soft = folder.path().join("soft");
        std::fs::write(&target, "precious").unwrap();
        std::fs::hard_link(&target, &hard).unwrap();
        std::os::unix::fs::symlink(&target, &soft).unwrap();
        for path in [&hard, &soft] {
            replace(path, "new").unwrap();
            assert_eq!(std::fs::read(path).unwrap(), b"new");
            assert!(!path.is_symlink());
        }
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn devices_and_pipes_are_written_to() {
        replace(Path::new("/dev/null"), "gone").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        let error = replace(Path::new("/dev/full"), "no room").unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(
            error.to_string(),
            "cannot write /dev/full: No space left on device (os error 28)"
        );
    }

    #[test]
    fn a_folder_and_a_missing_one_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (path, reason) in [
            (folder.path().to_owned(), "is a directory"),
            (folder.path().join("no/a"), "No such file"),
        ] {
            let message = replace(&path, "").unwrap_err().to_string();
            let expected = format!("cannot write {}: ", path.display());
            assert!(message.starts_with(&expected), "{message}");
            assert!(message.contains(reason), "{message}");
        }
    }
}
