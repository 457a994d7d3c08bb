//! Text files that name a data set's pictures, one per line.

use std::path::{Path, PathBuf};

use crate::SourceError;

/// More than the label file of any public data set has.
const MAX_BYTES: u64 = 64 << 20;

/// The lines of a list file that are not blank; at least one.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: PathBuf,
    pub(crate) lines: Vec<Line>,
}

/// A line's words, one or more.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1, blank lines included.
    pub(crate) number: usize,
    pub(crate) words: Vec<String>,
}

impl List {
    pub(crate) fn read(path: PathBuf) -> Result<Self, SourceError> {
        let io = |source| SourceError::Io {
            path: path.clone(),
            source,
        };
        let bytes = std::fs::metadata(&path).map_err(io)?.len();
        if bytes > MAX_BYTES {
            let reason = format!("{bytes} bytes, a list of pictures has at most {MAX_BYTES}");
            return Err(io(std::io::Error::other(reason)));
        }
        let text = std::fs::read_to_string(&path).map_err(io)?;
        let lines: Vec<Line> = (1..).zip(text.lines()).filter_map(line).collect();
        match lines.is_empty() {
            true => Err(SourceError::EmptyList { path }),
            false => Ok(Self { path, lines }),
        }
    }

    /// What is wrong with a line.
    pub(crate) fn refuse(&self, line: &Line, reason: impl Into<String>) -> SourceError {
        SourceError::ListLine {
            path: self.path.clone(),
            line: line.number,
            reason: reason.into(),
        }
    }

    /// The file that a line means, unless it is not there.
    pub(crate) fn file(&self, line: &Line, path: PathBuf) -> Result<PathBuf, SourceError> {
        match path.is_file() {
            true => Ok(path),
            false => Err(self.refuse(line, format!("no file {}", path.display()))),
        }
    }
}

fn line((number, text): (usize, &str)) -> Option<Line> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(Line { number, words })
}

/// A file's name without folders and ending.
pub(crate) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}
