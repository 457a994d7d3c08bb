//! JSON lines that are only appended to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::PathError;
use crate::open::{folder_of, is_at, open_regular, open_to_read};
use crate::replace::sync_folder;

/// A file of JSON lines, written by one process at a time.
///
/// A line counts once its line feed is there. The rest of one that a kill or a full disk cut off is
/// removed before anything is appended, so that no line is ever glued to half of another. What is
/// before the last line feed is never changed.
///
/// ```
/// use splitsim_durable::Journal;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("frames.jsonl");
/// std::fs::write(&path, "[1]\n[2]\n[3")?;
/// let (mut journal, lines) = Journal::<[u32; 1]>::open(&path, "remove it")?;
/// assert_eq!(lines, [[1], [2]]);
/// journal.append(&[4])?;
/// assert_eq!(std::fs::read_to_string(&path)?, "[1]\n[2]\n[4]\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal<T> {
    file: File,
    path: PathBuf,
    /// Bytes up to the last line feed.
    whole_bytes: u64,
    /// `true` if there may be more bytes after them, from an incomplete line.
    torn: bool,
    lines: PhantomData<fn(&T) -> T>,
}

/// An error that explains why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be opened, read or written.
    #[error(transparent)]
    File(#[from] PathError),
    /// Another process writes it.
    #[error("{} is being written by another process", .path.display())]
    Held {
        /// The journal.
        path: PathBuf,
    },
    /// A whole line is not what was written there.
    #[error("{} is damaged: line {line}: {reason}; {remedy}", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// The fault.
        reason: String,
        /// The remedy that the message offers to the user.
        remedy: &'static str,
    },
}

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 4 << 20;

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens or begins a journal that no other process writes; its lines come with it. `remedy` ends
    /// the message about a damaged one.
    ///
    /// # Errors
    /// When it cannot be opened or read, another process writes it, it is a link, or a whole line is
    /// damaged. Nothing has been changed then.
    pub fn open(path: &Path, remedy: &'static str) -> Result<(Self, Vec<T>), JournalError> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = open_regular(&mut options, path).map_err(PathError::of("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Held {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(PathError::of("lock", path)(error).into());
            }
        }
        let (lines, whole_bytes) = read_lines(&file, path, remedy)?;
        let length = file.metadata().map_err(PathError::of("read", path))?.len();
        let mut journal = Self {
            file,
            path: path.to_owned(),
            whole_bytes,
            torn: length > whole_bytes,
            lines: PhantomData,
        };
        journal.cut().map_err(PathError::of("write", path))?;
        sync_folder(folder_of(path)).map_err(PathError::of("write", path))?;
        Ok((journal, lines))
    }

    /// The whole lines of a journal that another process may be writing.
    ///
    /// # Errors
    /// When it cannot be read, or a whole line is damaged.
    pub fn read(path: &Path, remedy: &'static str) -> Result<Vec<T>, JournalError> {
        let file = open_to_read(path).map_err(PathError::of("read", path))?;
        Ok(read_lines(&file, path, remedy)?.0)
    }

    /// Appends a line. A loss of power may take it again, a kill may not.
    ///
    /// # Errors
    /// When it cannot be written in full, or the file is no longer where it was. The journal is then as
    /// it was, and can be appended to again once there is room.
    pub fn append(&mut self, line: &T) -> Result<(), JournalError> {
        self.write(line, |_| Ok(()))
    }

    /// Appends a line that outlasts a loss of power.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_synced(&mut self, line: &T) -> Result<(), JournalError> {
        self.write(line, File::sync_data)
    }

    /// The journal's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(
        &mut self,
        line: &T,
        finish: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<(), JournalError> {
        self.try_write(line, finish)
            .map_err(|error| PathError::of("write", &self.path)(error).into())
    }

    fn try_write(
        &mut self,
        line: &T,
        finish: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        if bytes.len() as u64 > MAX_LINE_BYTES {
            return Err(too_long());
        }
        if !is_at(&self.file, &self.path)? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it was removed or replaced while it was being written",
            ));
        }
        self.cut()?;
        self.torn = true;
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| finish(&self.file));
        if let Err(error) = written {
            // If this fails too, the next append tries again before it writes.
            let _ = self.cut();
            return Err(error);
        }
        self.torn = false;
        self.whole_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Removes what is behind the last line feed.
    fn cut(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole_bytes)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// All whole lines, and how many bytes they have.
fn read_lines<T: DeserializeOwned>(
    file: &File,
    path: &Path,
    remedy: &'static str,
) -> Result<(Vec<T>, u64), JournalError> {
    let mut reader = BufReader::new(file);
    let (mut lines, mut whole_bytes) = (Vec::new(), 0);
    let mut line = Vec::new();
    loop {
        let damaged = |reason: String| JournalError::Damaged {
            path: path.to_owned(),
            line: lines.len() + 1,
            reason,
            remedy,
        };
        line.clear();
        let mut limited = reader.by_ref().take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line);
        let bytes = read.map_err(PathError::of("read", path))? as u64;
        if line.last() != Some(&b'\n') {
            return match bytes == MAX_LINE_BYTES {
                true => Err(damaged(too_long().to_string())),
                false => Ok((lines, whole_bytes)),
            };
        }
        let parsed = serde_json::from_slice(&line);
        lines.push(parsed.map_err(|error| damaged(error.to_string()))?);
        whole_bytes += bytes;
    }
}

fn too_long() -> io::Error {
    io::Error::other(format!("longer than {MAX_LINE_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    type Line = (u32, String);

    fn line(number: u32) -> Line {
        (number, format!("line {number}"))
    }

    fn open(path: &Path) -> Result<(Journal<Line>, Vec<Line>), JournalError> {
        Journal::open(path, "remove it")
    }

    #[test]
    fn wherever_it_is_torn_the_next_line_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let whole = "[1,\"line 1\"]\n[2,\"line 2\"]\n[3,\"line 3\"]\n";
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, lines) = open(&path).unwrap();
            let expected = whole[..cut].matches('\n').count() as u32;
            assert_eq!(lines, (1..=expected).map(line).collect::<Vec<_>>());
            journal.append(&line(9)).unwrap();
            drop(journal);
            let read = Journal::<Line>::read(&path, "").unwrap();
            let expected: Vec<_> = (1..=expected).chain([9]).map(line).collect();
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn the_zeros_that_a_loss_of_power_leaves_are_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, b"[1,\"line 1\"]\n\0\0\0\0\0\0").unwrap();
        let (mut journal, lines) = open(&path).unwrap();
        assert_eq!(lines, [line(1)]);
        journal.append_synced(&line(2)).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[1,\"line 1\"]\n[2,\"line 2\"]\n"
        );
    }

    #[test]
    fn damage_before_the_end_names_file_line_and_remedy_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let cases = [
            "my notes\n",
            "[1,\"line 1\"]\n[2,\"li[3,\"line 3\"]\n[4",
            "\n[1,\"line 1\"]\n",
        ];
        for (text, at) in cases.into_iter().zip([1, 2, 1]) {
            std::fs::write(&path, text).unwrap();
            let message = open(&path).unwrap_err().to_string();
            let start = format!("{} is damaged: line {at}: ", path.display());
            assert!(message.starts_with(&start), "{message}");
            assert!(message.ends_with("; remove it"), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_journal_has_one_writer_and_no_link_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let held = open(&path).unwrap();
        assert!(matches!(open(&path), Err(JournalError::Held { .. })));
        drop(held);
        let link = folder.path().join("link.jsonl");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let message = open(&link).unwrap_err().to_string();
        assert!(message.contains("symbolic link"), "{message}");
    }

    #[test]
    fn a_journal_that_was_removed_does_not_take_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let (mut journal, _) = open(&path).unwrap();
        journal.append(&line(1)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let message = journal.append(&line(2)).unwrap_err().to_string();
        assert!(message.contains("was removed or replaced"), "{message}");
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.jsonl");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            let message = Journal::<Line>::read(path, "").unwrap_err().to_string();
            assert!(message.ends_with("it is no regular file"), "{message}");
        }
    }
}
