//! A check on the openings of doc comments: a reader looks for the subject there.
//!
//! A comment that opens with a free relative ("What it holds", "How long to wait") says its subject last, or never. A
//! few are the plainest wording; as a habit they make documentation a riddle.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// The words that open a free relative.
const OPENINGS: [&str; 12] = [
    "What", "Whatever", "How", "Whether", "Whose", "Who", "Whoever", "Why", "Which", "Where",
    "When", "Of",
];
/// The share of doc comments that may open with one of them, in percent.
const LIMIT_PERCENT: f64 = 0.5;
/// The openings that are listed when there are too many.
const LISTED: usize = 20;
/// Folders that hold no source of ours.
const PASSED_OVER: [&str; 2] = ["target", "generated"];

/// The doc comments of some files.
#[derive(Debug, Default)]
struct Comments {
    count: usize,
    /// Those that open with a free relative.
    relative: Vec<Opening>,
}

/// The first line of a doc comment.
#[derive(Debug, PartialEq, Eq)]
struct Opening {
    file: PathBuf,
    line: usize,
    text: String,
}

/// Checks every doc comment of the workspace.
///
/// # Errors
/// When more than [`LIMIT_PERCENT`] of them open with a free relative, or a file cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut comments = Comments::default();
    comments.add_folder(workspace.root())?;
    let percent = comments.percent();
    if percent > LIMIT_PERCENT {
        for opening in comments.relative.iter().take(LISTED) {
            eprintln!("prose: {opening}");
        }
        bail!(
            "{percent:.1} % of {} doc comments open with {} or the like, at most {LIMIT_PERCENT} % may: \
             put the subject first",
            comments.count,
            OPENINGS[0],
        );
    }
    eprintln!(
        "prose: {percent:.1} % of {} doc comments open with a free relative",
        comments.count
    );
    Ok(())
}

impl Comments {
    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let named = || folder.display().to_string();
        for entry in fs::read_dir(folder).with_context(named)? {
            let entry = entry.with_context(named)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().with_context(named)?.is_dir() {
                if !name.starts_with('.') && !PASSED_OVER.contains(&name.as_ref()) {
                    self.add_folder(&path)?;
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                self.add(&path, &text);
            }
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, text: &str) {
        let mut within = false;
        for (index, line) in text.lines().enumerate() {
            let comment = doc_comment(line);
            if let Some(text) = comment
                && !within
            {
                self.count += 1;
                let first = text.split(|c: char| !c.is_alphanumeric()).next();
                if first.is_some_and(|word| OPENINGS.contains(&word)) {
                    self.relative.push(Opening {
                        file: file.to_owned(),
                        line: index + 1,
                        text: text.to_owned(),
                    });
                }
            }
            within = comment.is_some();
        }
    }

    fn percent(&self) -> f64 {
        match self.count {
            0 => 0.0,
            count => 100.0 * self.relative.len() as f64 / count as f64,
        }
    }
}

/// The text of a line that is part of a doc comment.
fn doc_comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))?;
    Some(text.trim())
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, text } = self;
        write!(f, "{}:{line}: {text}", file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_counts_once_by_its_first_line() {
        let mut comments = Comments::default();
        let text = "//! The crate.\n//! What it has.\n\n    /// What it is.\n    /// More.\n    x: u8,\n    \
                    /// Whatsoever.\n// What is no doc comment.\n/// Of bytes.\n";
        comments.add(Path::new("a.rs"), text);
        let found: Vec<_> = comments.relative.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a.rs:4: What it is.", "a.rs:9: Of bytes."]);
        assert_eq!((comments.count, comments.percent()), (4, 50.0));
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(Comments::default().percent(), 0.0);
    }
}
