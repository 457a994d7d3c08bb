//! Checks that an open database is still the file at its path.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::ResultsError;

/// The files of an open database: the file at its path and its write-ahead log.
///
/// SQLite continues to write to files that were unlinked or renamed meanwhile, and reports success. Device and
/// inode tell whether the next one who opens the path finds what was written.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    main: (PathBuf, FileId),
    /// Exists from the first write on.
    log: (PathBuf, OnceLock<FileId>),
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl OpenFiles {
    /// The files of a database that has just been opened.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let files = Self {
            main: (path.to_owned(), FileId::of(path)?),
            log: (log.into(), OnceLock::new()),
        };
        files.meet_log();
        Ok(files)
    }

    /// Finds out whether both files are where they were.
    pub(crate) fn check(&self) -> Result<(), ResultsError> {
        is_in_place(&self.main.0, self.main.1)?;
        match self.log.1.get() {
            Some(&expected) => is_in_place(&self.log.0, expected),
            None => {
                self.meet_log();
                Ok(())
            }
        }
    }

    fn meet_log(&self) {
        // While there is none, nothing was written that it could hold.
        if let Ok(id) = FileId::of(&self.log.0) {
            self.log.1.get_or_init(|| id);
        }
    }
}

fn is_in_place(path: &Path, expected: FileId) -> Result<(), ResultsError> {
    let fate = match FileId::of(path) {
        Ok(actual) if actual == expected => return Ok(()),
        Ok(_) => "replaced",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "removed",
        Err(_) => "made unreadable",
    };
    Err(ResultsError::Gone {
        path: path.to_owned(),
        fate,
    })
}

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata: Metadata| Self(metadata.dev(), metadata.ino()))
    }
}
