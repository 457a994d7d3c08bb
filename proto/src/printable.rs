//! Text of a stranger, before it reaches a log, a terminal or a table.

pub(crate) use splitsim_display::is_unprintable as is_hostile;

/// The text with hostile characters spelled as in a Rust literal (`\n`, `\u{1b}`), cut to `max_bytes` between
/// two characters or spellings. Escaping it again changes nothing.
pub(crate) fn escaped(text: &str, max_bytes: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(max_bytes));
    for character in text.chars() {
        let spelled: &mut dyn Iterator<Item = char> = match is_hostile(character) {
            true => &mut character.escape_default(),
            false => &mut std::iter::once(character),
        };
        let whole = safe.len();
        safe.extend(spelled);
        if safe.len() > max_bytes {
            safe.truncate(whole);
            break;
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_moves_a_cursor_ends_a_line_or_turns_text() {
        for (hostile, safe) in [
            (
                "\u{1b}[2J\u{1b}]0;owned\u{7}",
                r"\u{1b}[2J\u{1b}]0;owned\u{7}",
            ),
            (
                "gone\r\n2026-01-01 INFO all is well",
                r"gone\r\n2026-01-01 INFO all is well",
            ),
            ("a\tb\u{9b}31m", r"a\tb\u{9b}31m"),
            ("x\u{2028}y\u{2029}z\u{85}", r"x\u{2028}y\u{2029}z\u{85}"),
            ("\u{202e}gpj.exe\u{2066}", r"\u{202e}gpj.exe\u{2066}"),
            ("küche 厨房 👩‍🍳", "küche 厨房 👩‍🍳"),
        ] {
            assert_eq!(escaped(hostile, 100), safe);
            assert_eq!(escaped(safe, 100), safe);
        }
    }

    #[test]
    fn no_spelling_is_cut_in_two() {
        assert_eq!(escaped("ab\u{1b}c", 7), "ab");
        assert_eq!(escaped("ab\u{1b}c", 8), r"ab\u{1b}");
        assert_eq!(escaped("éé", 3), "é");
    }
}
