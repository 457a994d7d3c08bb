//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::PathError;
use crate::open::open_regular;

/// A file that represents a folder or a journal. This process holds it until it is dropped or the
/// process ends, in whatever way.
///
/// While the lock is held, the file contains the holder's process number and command, for the
/// message to other processes. An existing file of that name with other content is locked and left
/// unchanged.
#[derive(Debug)]
pub struct Lock {
    file: File,
    ours: bool,
}

/// An error that explains why a lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is held by {holder}", .path.display())]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// The process, as far as it is known: `process 4711 (splitsim run a.toml)`.
        holder: String,
    },
    /// The file cannot be opened or locked.
    #[error(transparent)]
    File(#[from] PathError),
}

/// The beginning of the content of a held lock.
const MARK: &str = "held by ";
/// The longest holder that is read.
const MAX_BYTES: u64 = 512;

impl Lock {
    /// Takes the lock, whose file is made if it is missing.
    ///
    /// # Errors
    /// When another process has it, its file is a link or no regular file, or it cannot be locked.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = open_regular(&mut options, path).map_err(PathError::of("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: holder(&file),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(PathError::of("lock", path)(error).into());
            }
        }
        let ours = is_ours(&mut file).map_err(PathError::of("read", path))?;
        if ours {
            // On a full disk nobody learns who holds it; it is held all the same.
            let _ = sign(&mut file);
        }
        Ok(Self { file, ours })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.ours {
            // What stays there is read only while somebody holds the lock.
            let _ = self.file.set_len(0);
        }
    }
}

/// Returns `true` if the file's content may be overwritten: the file is empty or names an earlier
/// holder, and has no other hard link.
fn is_ours(file: &mut File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let text = content(file)?;
    Ok(metadata.nlink() == 1 && (metadata.len() == 0 || text.starts_with(MARK)))
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{MARK}{}\n", this_process()).as_bytes())
}

fn holder(mut file: &File) -> String {
    let text = content(&mut file).unwrap_or_default();
    let named = text.strip_prefix(MARK).map(str::trim_end);
    let plain = named.filter(|text| !text.is_empty() && !text.contains(char::is_control));
    plain.map_or_else(|| "another process".to_owned(), str::to_owned)
}

fn content(mut file: impl Read + Seek) -> io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Its number and the first words of its command line.
fn this_process() -> String {
    let mut words = std::env::args().map(|word| word.replace(char::is_control, " "));
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    let words = words.take_while(|word| !word.starts_with('-'));
    let command = std::iter::once(program.to_string_lossy().into_owned()).chain(words);
    let mut command = command.take(WORDS).collect::<Vec<_>>().join(" ");
    while command.len() > MAX_COMMAND_BYTES {
        command.pop();
    }
    format!("process {} ({command})", std::process::id())
}

const WORDS: usize = 4;
const MAX_COMMAND_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        let expected = format!("is held by process {} (", std::process::id());
        assert!(error.contains(&expected), "{error}");
        drop(first);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_lock_that_a_killed_process_left_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        std::fs::write(&path, format!("{MARK}process 1 (gone)\n")).unwrap();
        let _lock = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn links_are_not_followed_and_files_of_others_not_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        std::fs::write(&mine, "precious").unwrap();
        let (soft, hard) = (folder.path().join("soft"), folder.path().join("hard"));
        std::os::unix::fs::symlink(&mine, &soft).unwrap();
        std::fs::hard_link(&mine, &hard).unwrap();
        let error = Lock::take(&soft).unwrap_err().to_string();
        assert!(error.contains("soft: it is a symbolic link"), "{error}");
        drop(Lock::take(&hard).unwrap());
        assert_eq!(std::fs::read(&mine).unwrap(), b"precious");
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
    }
}
