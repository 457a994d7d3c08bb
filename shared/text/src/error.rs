use std::fmt;
use std::path::{Path, PathBuf};

/// The reason why a file was not read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", self.path().display(), self.reason())]
pub enum FileError {
    /// The system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A path that leads to something else than a regular file.
    Kind {
        /// The path.
        path: PathBuf,
        /// Its kind.
        kind: FileKind,
    },
    /// The file is larger than the limit.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// The bytes are no text.
    Text {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: TextError,
    },
}

/// Kinds of files that hold no content of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A folder.
    Folder,
    /// A named or anonymous pipe.
    Pipe,
    /// A character or block device, such as `/dev/zero`.
    Device,
    /// A socket.
    Socket,
    /// Something that this system alone has.
    Other,
}

/// The reason why bytes are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not UTF-8, and no byte order mark of UTF-16.
    #[error("line {line}: not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The line, from 1.
        line: usize,
    },
    /// UTF-16 by its byte order mark, with half a character.
    #[error("line {line}: damaged UTF-16; save the file as UTF-8")]
    DamagedUtf16 {
        /// The line, from 1.
        line: usize,
    },
    /// UTF-32 by its byte order mark.
    #[error("UTF-32 text; save the file as UTF-8")]
    Utf32,
    /// A NUL character, which no text has.
    #[error("line {line}: a NUL byte; no text file, or UTF-16 without byte order mark")]
    Nul {
        /// The line, from 1.
        line: usize,
    },
}

impl FileError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Kind { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Text { path, .. } => path,
        }
    }

    /// The fault, without the file's name.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::Kind { kind, .. } => {
                format!("{kind}, expected a regular file{}", kind.remedy())
            }
            Self::TooLarge { limit_bytes, .. } => {
                format!("larger than the {limit_bytes} bytes that such a file may have")
            }
            Self::Text { source, .. } => source.to_string(),
        }
    }

    /// The system's reason, where it is one.
    #[must_use]
    pub const fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Kind { .. } | Self::TooLarge { .. } | Self::Text { .. } => None,
        }
    }

    /// Returns `true` if there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.io()
            .is_some_and(|source| source.kind() == std::io::ErrorKind::NotFound)
    }
}

impl FileKind {
    /// The end of a message about what cannot be read: what the user can do.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Pipe => "; write what comes through it to a file, and name that",
            Self::Folder | Self::Device | Self::Socket | Self::Other => "",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Pipe => "a pipe",
            Self::Device => "a device",
            Self::Socket => "a socket",
            Self::Other => "no file",
        })
    }
}
