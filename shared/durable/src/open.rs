//! Opening files without following links, waiting for pipes or truncating existing content.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::PathError;

/// Begins a file that is written bit by bit while its process lives, such as a log. An earlier one is
/// removed first; what a link at its place leads to stays as it is.
///
/// # Errors
/// When the earlier file cannot be removed or the new one not be made.
pub fn create(path: &Path) -> Result<File, PathError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(PathError::of("replace", path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    File::create_new(path).map_err(PathError::of("create", path))
}

/// Opens a file with these options. A link in its place is refused, and so is anything else than a
/// regular file.
///
/// # Errors
/// When it cannot be opened, or is something else.
pub fn open(options: &mut OpenOptions, path: &Path) -> Result<File, PathError> {
    open_regular(options, path).map_err(PathError::of("open", path))
}

/// Opens a regular file to be read, where a link leads to it too. A pipe or device is not waited for.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    regular(opened)
}

/// Opens a regular file. A link in its place is refused, a pipe or device is not waited for.
pub(crate) fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| explained(error, path))?;
    regular(opened)
}

fn regular(opened: File) -> io::Result<File> {
    match opened.metadata()?.is_file() {
        true => Ok(opened),
        false => Err(no_file()),
    }
}

/// Returns `true` if an open file is still the one at its path.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The system says "too many levels of symbolic links" of a single one.
fn explained(error: io::Error, path: &Path) -> io::Error {
    match path.is_symlink() {
        true => io::Error::new(
            error.kind(),
            "it is a symbolic link, which is not followed; remove the link",
        ),
        false => error,
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}
