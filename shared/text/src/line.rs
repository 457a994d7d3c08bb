use std::borrow::Cow;

/// A line of a list or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line's number, from 1; blank lines and comments count.
    pub number: usize,
    /// The line's text, without trailing blanks.
    pub text: &'a str,
}

const COMMENT: char = '#';
const QUOTE: char = '"';
/// Inside a text where two files were joined; at its beginning it is gone already.
const MARK: char = '\u{feff}';

impl<'a> Line<'a> {
    pub(crate) fn new((number, text): (usize, &'a str)) -> Self {
        let text = text.trim_start_matches(MARK).trim_end();
        Self { number, text }
    }

    /// Returns `true` if the line is blank or a comment.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        let text = self.text.trim_start();
        text.is_empty() || text.starts_with(COMMENT)
    }

    /// The words between blanks.
    pub fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.split_whitespace()
    }

    /// The cells of a row, trimmed: between semicolons if it has any, else between commas, else the words.
    ///
    /// As in RFC 4180, a cell in double quotes may hold a separator, and a quote as two of them.
    #[must_use]
    pub fn cells(&self) -> Vec<Cow<'a, str>> {
        let separator = [';', ','].into_iter().find(|&c| self.is_split_by(c));
        match separator {
            Some(separator) => self.pieces(separator).map(unquoted).collect(),
            None => self.words().map(unquoted).collect(),
        }
    }

    /// Returns `true` if the line has this separator outside quotes.
    fn is_split_by(&self, separator: char) -> bool {
        self.pieces(separator).nth(1).is_some()
    }

    /// The text between separators outside quotes; a quote within a cell that began without is a
    /// character.
    fn pieces(&self, separator: char) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut begins_quoted = None;
        let mut quoted = false;
        self.text.split(move |c: char| {
            if c == separator && !quoted {
                begins_quoted = None;
                return true;
            }
            if begins_quoted.is_none() && !c.is_whitespace() {
                begins_quoted = Some(c == QUOTE);
            }
            quoted ^= c == QUOTE && begins_quoted == Some(true);
            false
        })
    }
}

fn unquoted(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    let inner = cell
        .strip_prefix(QUOTE)
        .and_then(|cell| cell.strip_suffix(QUOTE));
    match inner {
        Some(inner) if inner.contains(QUOTE) => inner.replace("\"\"", "\"").into(),
        Some(inner) => inner.into(),
        None => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let line = Line::new((1, text));
        assert_eq!(line.cells(), expected, "{text}");
    }

    #[test]
    fn cells_of_every_separator() {
        check("0,4.5", &["0", "4.5"]);
        check("0 ; 4.5", &["0", "4.5"]);
        check("0\t4.5  7 ", &["0", "4.5", "7"]);
        check("a,,b,", &["a", "", "b", ""]);
        check("0,5;3,2", &["0,5", "3,2"]);
        check("", &[]);
    }

    #[test]
    fn cells_in_quotes_as_rfc_4180_has_them() {
        check(r#""Cork, Ireland",3"#, &["Cork, Ireland", "3"]);
        check(r#""say ""hi""","""""#, &["say \"hi\"", "\""]);
        check(r#"12" disk.jpg, "3, 4""#, &["12\" disk.jpg", "3, 4"]);
        check(r#""0";"4.5""#, &["0", "4.5"]);
        check(r#""0" "4.5""#, &["0", "4.5"]);
    }

    #[test]
    fn marks_of_joined_files_and_comments() {
        assert_eq!(Line::new((1, "\u{feff}a ")).text, "a");
        assert!(Line::new((1, "\u{feff}  # a")).is_skipped());
        assert!(Line::new((1, " \t ")).is_skipped());
        assert!(!Line::new((1, "a # b")).is_skipped());
    }
}
