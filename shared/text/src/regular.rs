//! Regular files, opened without waiting and read up to a limit.

use std::fs::{File, FileType, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::{FileError, FileKind};

/// A regular file, open for reading.
#[derive(Debug)]
pub struct Opened {
    /// The file, at its beginning.
    pub file: File,
    /// The file's length when it was opened, in bytes. Files of `/proc` report 0.
    pub bytes: u64,
}

/// Opens a regular file of at most `limit_bytes`; links are followed.
///
/// # Errors
/// When the path leads to no regular file, the file is larger, or the system refuses.
pub fn open(path: &Path, limit_bytes: u64) -> Result<Opened, FileError> {
    let io = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    // Opening a device can move or reserve it, so the kind is looked at first. It is looked at again
    // after: the path may lead elsewhere by then, and opening never waits for a pipe's writer.
    check_kind(path, std::fs::metadata(path).map_err(io)?.file_type())?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    check_kind(path, metadata.file_type())?;
    match metadata.len() {
        bytes if bytes > limit_bytes => Err(too_large(path, limit_bytes)),
        bytes => Ok(Opened { file, bytes }),
    }
}

/// Reads a regular file of at most `limit_bytes`, also where it grows meanwhile.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    let Opened { file, .. } = open(path, limit_bytes)?;
    let mut bytes = Vec::new();
    file.take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Io {
            path: path.to_owned(),
            source,
        })?;
    match bytes.len() as u64 > limit_bytes {
        true => Err(too_large(path, limit_bytes)),
        false => Ok(bytes),
    }
}

fn too_large(path: &Path, limit_bytes: u64) -> FileError {
    FileError::TooLarge {
        path: path.to_owned(),
        limit_bytes,
    }
}

fn check_kind(path: &Path, found: FileType) -> Result<(), FileError> {
    let kind = match found {
        found if found.is_file() => return Ok(()),
        found if found.is_dir() => FileKind::Folder,
        found if found.is_fifo() => FileKind::Pipe,
        found if found.is_char_device() || found.is_block_device() => FileKind::Device,
        found if found.is_socket() => FileKind::Socket,
        _ => FileKind::Other,
    };
    Err(FileError::Kind {
        path: path.to_owned(),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn refused(path: &Path, expected: &str) {
        let message = read(path, 8).unwrap_err().to_string();
        assert_eq!(message, format!("{}: {expected}", path.display()));
    }

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"12345678").unwrap();
        assert_eq!(read(&path, 8).unwrap(), b"12345678");
        std::fs::write(&path, b"123456789").unwrap();
        refused(&path, "larger than the 8 bytes that such a file may have");
    }

    #[test]
    fn a_file_that_says_nothing_of_its_length_is_bounded_all_the_same() {
        // The length of a file of /proc is 0, its content some thousand bytes.
        let path = Path::new("/proc/self/status");
        assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
        refused(path, "larger than the 8 bytes that such a file may have");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        refused(dir.path(), "a folder, expected a regular file");
        refused(Path::new("/dev/zero"), "a device, expected a regular file");
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let expected =
            "a pipe, expected a regular file; write what comes through it to a file, and name that";
        refused(&pipe, expected);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        refused(&link, expected);
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        refused(&socket, "a socket, expected a regular file");
    }

    #[test]
    fn a_missing_file_is_told_apart() {
        let error = read(Path::new("/nowhere/a"), 8).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert!(error.to_string().starts_with("/nowhere/a: "), "{error}");
    }
}
