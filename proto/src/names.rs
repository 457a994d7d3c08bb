use std::fmt;

use crate::printable::{escaped, is_hostile};

/// The reason why a text is not a valid [`Name`] or [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text.
    #[error("empty, expected a name")]
    Empty,
    /// The text is too long.
    #[error("{actual} bytes long, at most {max} are allowed")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
        /// The most allowed.
        max: usize,
    },
    /// A character that is not allowed.
    #[error("holds the character {0:?}, which is not allowed")]
    Character(char),
}

/// A name to show and to log: one to [`Self::MAX_BYTES`] bytes, no control characters, and none of Unicode's
/// that end lines or turn the order of text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The longest name: as long as a path may be on Linux.
    pub const MAX_BYTES: usize = 4096;

    /// A checked name.
    ///
    /// # Errors
    /// If it is empty, too long or holds a character that is not allowed.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_length(&name, Self::MAX_BYTES)?;
        match name.chars().find(|&character| is_hostile(character)) {
            Some(character) => Err(NameError::Character(character)),
            None => Ok(Self(name)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An identifier that is safe as a file name: one to [`Self::MAX_BYTES`] ASCII letters, digits or
/// `- _ . : +`, not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// The longest identifier.
    pub const MAX_BYTES: usize = 128;

    /// A checked identifier.
    ///
    /// # Errors
    /// If it is empty, too long, begins with a dot or holds another character.
    pub fn new(id: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        check_length(&id, Self::MAX_BYTES)?;
        let allowed = |character: &char| {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '+')
        };
        if id.starts_with('.') {
            return Err(NameError::Character('.'));
        }
        match id.chars().find(|character| !allowed(character)) {
            Some(character) => Err(NameError::Character(character)),
            None => Ok(Self(id)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text for people that may come from a stranger: a diagnosis, a reason, a certificate's words. One line of at
/// most [`Self::MAX_BYTES`] bytes, in which characters that would move a terminal's cursor, end a line or turn
/// the order of text are spelled as in a Rust literal (`\n`, `\u{1b}`).
///
/// Texts come from error chains of any length, so an overlong one is cut, not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation(String);

impl Explanation {
    /// The longest explanation.
    pub const MAX_BYTES: usize = 4096;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Explanation {
    fn from(text: T) -> Self {
        Self(escaped(text.as_ref(), Self::MAX_BYTES))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn check_length(text: &str, max: usize) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        actual if actual > max => Err(NameError::TooLong { actual, max }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_printable() {
        assert_eq!(Name::new("cosine").unwrap().as_str(), "cosine");
        assert_eq!(Name::new(""), Err(NameError::Empty));
        for hostile in ['\u{1b}', '\n', '\u{2028}', '\u{202e}', '\u{9b}'] {
            let name = format!("a{hostile}b");
            assert_eq!(Name::new(name), Err(NameError::Character(hostile)));
        }
        let longest = "x".repeat(Name::MAX_BYTES);
        assert!(Name::new(longest.clone()).is_ok());
        assert!(matches!(
            Name::new(longest + "x"),
            Err(NameError::TooLong { actual: 4097, .. })
        ));
    }

    #[test]
    fn an_id_cannot_leave_its_directory() {
        assert!(Id::new("2026-01-01T10:00:00+02:00_a.b").is_ok());
        for escape in ["..", ".", "a/b", "a\\b", "", "a b", "ä"] {
            assert!(Id::new(escape).is_err(), "{escape}");
        }
    }

    #[test]
    fn an_explanation_is_cut_between_characters() {
        let text = "é".repeat(Explanation::MAX_BYTES);
        let explanation = Explanation::from(format!("x{text}"));
        assert_eq!(explanation.as_str().len(), Explanation::MAX_BYTES - 1);
        assert_eq!(Explanation::from("a\tb\nc").as_str(), r"a\tb\nc");
    }
}
