//! Text files that name a data set's pictures, one per line.

use std::path::{Path, PathBuf};

use splitsim_durable::picture_stem;
use splitsim_text::Text;

use crate::SourceError;
use crate::format::is_picture;

/// The largest list file that is read; no public data set has a larger label file.
const MAX_BYTES: u64 = 64 << 20;

/// The lines of a list file that are neither blank nor comments; at least one.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: PathBuf,
    pub(crate) lines: Vec<Line>,
}

/// A line, not blank.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1, blank lines included.
    pub(crate) number: usize,
    /// The text without blanks at either end.
    pub(crate) text: String,
}

impl Line {
    /// The fields of the line. Tabs separate them if there are any, so that names may contain
    /// blanks; otherwise blanks do.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self.text.contains('\t') {
            true => self
                .text
                .split('\t')
                .map(str::trim)
                .filter(|field| !field.is_empty())
                .collect(),
            false => self.text.split_whitespace().collect(),
        }
    }
}

impl List {
    pub(crate) fn read(path: PathBuf) -> Result<Self, SourceError> {
        let text = Text::read(&path, MAX_BYTES)?;
        let line = |line: splitsim_text::Line<'_>| Line {
            number: line.number,
            text: line.text.trim().to_owned(),
        };
        let lines: Vec<Line> = text.entries().map(line).collect();
        match lines.is_empty() {
            true => Err(SourceError::EmptyList { path }),
            false => Ok(Self { path, lines }),
        }
    }

    /// Makes an error about a line.
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

/// A path of a list: below the data set's folder, which some lists mean by a leading slash, or else as it
/// stands.
pub(crate) fn inside(dir: &Path, path: &str) -> PathBuf {
    let below = dir.join(path.trim_start_matches('/'));
    match !below.is_file() && Path::new(path).is_file() {
        true => PathBuf::from(path),
        false => below,
    }
}

/// A file's name without folders.
pub(crate) fn file_name(named: impl AsRef<Path>) -> String {
    let name = named.as_ref().file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A picture's name as lists have it: without folders, and without the ending of a picture that is read.
pub(crate) fn picture_name(named: impl AsRef<Path>) -> String {
    let name = file_name(named);
    match is_picture(Path::new(&name)) {
        true => picture_stem(&name).to_owned(),
        false => name,
    }
}
