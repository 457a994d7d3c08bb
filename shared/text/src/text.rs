use std::path::Path;

use crate::{FileError, Line, TextError, encoding, regular};

/// The text of a file: no byte order mark, no NUL, lines ended by `\n` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Reads a regular file of at most `limit_bytes`.
    ///
    /// # Errors
    /// When the file cannot be read (see [`read`](crate::read)) or is no text.
    pub fn read(path: &Path, limit_bytes: u64) -> Result<Self, FileError> {
        Self::decode(&regular::read(path, limit_bytes)?).map_err(|source| FileError::Text {
            path: path.to_owned(),
            source,
        })
    }

    /// Like [`Self::read`], but returns `None` if there is no such file.
    ///
    /// # Errors
    /// As [`Self::read`], but for a file that is missing.
    pub fn read_if_there(path: &Path, limit_bytes: u64) -> Result<Option<Self>, FileError> {
        match Self::read(path, limit_bytes) {
            Err(error) if error.is_not_found() => Ok(None),
            text => text.map(Some),
        }
    }

    /// The text of UTF-8, or of UTF-16 with a byte order mark.
    ///
    /// # Errors
    /// When it is neither, or has a NUL character.
    pub fn decode(bytes: &[u8]) -> Result<Self, TextError> {
        encoding::decode(bytes).map(Self)
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every line, without trailing blanks.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        (1..).zip(self.0.lines()).map(Line::new)
    }

    /// The lines of a list or table: blank lines and comments (`#`) are left out.
    pub fn entries(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines().filter(|line| !line.is_skipped())
    }
}

impl From<Text> for String {
    fn from(Text(text): Text) -> Self {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_keep_the_numbers_of_their_lines() {
        let text = Text::decode(b"# head\r\n\r\n a 1 \r\n\t\r\n  # note\r\nb 2\r\n\r\n").unwrap();
        let entries: Vec<_> = text
            .entries()
            .map(|line| (line.number, line.text))
            .collect();
        assert_eq!(entries, [(3, " a 1"), (6, "b 2")]);
        assert_eq!(text.lines().count(), 7);
    }

    #[test]
    fn a_file_that_is_no_text_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.txt");
        std::fs::write(&path, b"a\nb\0").unwrap();
        let message = Text::read(&path, 100).unwrap_err().to_string();
        assert!(
            message.ends_with(
                "list.txt: line 2: a NUL byte; no text file, or UTF-16 without byte order mark"
            ),
            "{message}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_text_or_an_error(bytes: Vec<u8>) {
            if let Ok(text) = Text::decode(&bytes) {
                prop_assert!(!text.as_str().contains(['\0', '\r']));
                for line in text.entries() {
                    prop_assert!(line.words().next().is_some());
                }
            }
        }
    }
}
