use std::fmt::{self, Write as _};

/// A value whose text is shown on one line, without characters that drive a terminal.
///
/// Made by [`printable`]. Its `Debug` form is the same text, so that it may stand in a `tracing` field.
#[derive(Clone, Copy)]
pub struct Printable<T>(T);

/// Shows a text of foreign origin on one line.
///
/// Control characters (line breaks, tabs, escape sequences in their 7-bit and 8-bit form), line and
/// paragraph separators, and characters that reorder a line (Unicode Bidirectional Algorithm, UAX #9,
/// §2) are written as Rust writes them in a string. All other characters stand for themselves.
///
/// ```
/// use splitsim_display::printable;
///
/// let name = "room.png\u{1b}[2J\nERROR forged";
/// assert_eq!(printable(name).to_string(), r"room.png\u{1b}[2J\nERROR forged");
/// ```
pub const fn printable<T: fmt::Display>(text: T) -> Printable<T> {
    Printable(text)
}

/// As [`printable`], for a text of several lines: line breaks and tabs stay.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if is_unprintable(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Escapes the characters of a JSON text that drive a terminal. They can only be part of strings,
/// where they become `\u` escapes. JSON's own writers do not escape those from U+007F on.
#[must_use]
pub fn printable_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' || !is_unprintable(c) {
            shown.push(c);
        } else {
            // All of these are in the Basic Multilingual Plane. Writing to a string cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        }
    }
    shown
}

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

impl<T: fmt::Display> fmt::Debug for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Escapes what passes through.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unprintable) {
            let (plain, from) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut characters = from.chars();
            if let Some(c) = characters.next() {
                write!(self.0, "{}", c.escape_default())?;
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Returns `true` if a terminal or a reader of lines may treat the character as more than itself.
/// These are the characters that [`printable`] spells out.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Line and paragraph separator.
            '\u{2028}' | '\u{2029}'
            // Marks, embeddings, overrides and isolates of the bidirectional algorithm.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // A byte order mark, invisible within a text.
            | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for (foreign, shown) in [
            ("room.png", "room.png"),
            ("Küche 2 — Süd.png", "Küche 2 — Süd.png"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{9b}31mred", r"\u{9b}31mred"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("a\r\nb\tc\0", r"a\r\nb\tc\u{0}"),
            ("a\u{2028}b\u{2029}c\u{85}d", r"a\u{2028}b\u{2029}c\u{85}d"),
            ("gpj.\u{202e}exe", r"gpj.\u{202e}exe"),
            ("\u{7f}\u{8}", r"\u{7f}\u{8}"),
        ] {
            assert_eq!(printable(foreign).to_string(), shown);
            assert_eq!(format!("{:?}", printable(foreign)), shown);
        }
    }

    #[test]
    fn lines_stay_lines_where_they_are_wanted() {
        assert_eq!(printable_lines("a\n\tb\r\u{1b}[2J"), "a\n\tb\\r\\u{1b}[2J");
    }

    #[test]
    fn json_stays_the_same_json() {
        let json = "{\"name\": \"a\u{9b}b\u{7f}\u{202e}ü\"}";
        assert_eq!(printable_json(json), r#"{"name": "a\u009bb\u007f\u202eü"}"#);
    }
}
