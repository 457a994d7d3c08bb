//! Bytes to text, by their byte order mark.

use crate::TextError;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";
const UTF16_BE_MARK: &[u8] = b"\xfe\xff";
/// The first of these begins as UTF-16's does, so they are looked for before.
const UTF32_MARKS: [&[u8]; 2] = [b"\xff\xfe\0\0", b"\0\0\xfe\xff"];

/// The text without its mark, lines ended by `\n` alone.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, TextError> {
    if UTF32_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(TextError::Utf32);
    }
    let text = if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        utf16(rest, u16::from_le_bytes)?
    } else if let Some(rest) = bytes.strip_prefix(UTF16_BE_MARK) {
        utf16(rest, u16::from_be_bytes)?
    } else {
        utf8(bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes))?
    };
    if let Some(at) = text.find('\0') {
        let line = line_number(&text[..at]);
        return Err(TextError::Nul { line });
    }
    Ok(line_feeds(text))
}

fn utf8(bytes: &[u8]) -> Result<String, TextError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = line_number(&before);
        TextError::NotUtf8 { line }
    })?;
    Ok(text.to_owned())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, TextError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    let mut text = String::with_capacity(bytes.len() / 2);
    for decoded in char::decode_utf16(units) {
        text.push(decoded.map_err(|_| damaged(&text))?);
    }
    match rest {
        [] => Ok(text),
        _ => Err(damaged(&text)),
    }
}

fn damaged(before: &str) -> TextError {
    TextError::DamagedUtf16 {
        line: line_number(before),
    }
}

/// The line in which `before` ends, from 1.
fn line_number(before: &str) -> usize {
    let ends = before.bytes().zip(before.bytes().skip(1).chain([b' ']));
    1 + ends
        .filter(|&(byte, next)| byte == b'\n' || byte == b'\r' && next != b'\n')
        .count()
}

/// Line ends of Windows and of the first Macs become those of Unix.
fn line_feeds(text: String) -> String {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` in UTF-16 behind its mark.
    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let marked = std::iter::once(0xfeff).chain(text.encode_utf16());
        marked.flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let expected = "größer\n😀\n";
        for bytes in [
            expected.as_bytes().to_vec(),
            ["\u{feff}", expected].concat().into_bytes(),
            utf16_of(expected, u16::to_le_bytes),
            utf16_of(expected, u16::to_be_bytes),
            expected.replace('\n', "\r\n").into_bytes(),
            expected.replace('\n', "\r").into_bytes(),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(expected), "{bytes:?}");
        }
    }

    #[test]
    fn golden_bytes_of_iconv() {
        // printf 'Zürich,1\r\n' | iconv -f UTF-8 -t UTF-16 | xxd -i
        let bytes = b"\xff\xfeZ\0\xfc\0r\0i\0c\0h\0,\x001\0\r\0\n\0";
        assert_eq!(decode(bytes).as_deref(), Ok("Zürich,1\n"));
    }

    #[test]
    fn other_bytes_are_refused_with_their_line() {
        let check = |bytes: &[u8], expected| assert_eq!(decode(bytes), Err(expected));
        check(b"a\nZ\xfcrich\n", TextError::NotUtf8 { line: 2 });
        check(b"a\r\nb\r\xff", TextError::NotUtf8 { line: 3 });
        check(b"a\nb\0\n", TextError::Nul { line: 2 });
        check(b"a\0\n\0", TextError::Nul { line: 1 });
        check(b"\xff\xfea\0\n\0b", TextError::DamagedUtf16 { line: 2 });
        check(b"\xff\xfe\0\xd8a\0", TextError::DamagedUtf16 { line: 1 });
        check(b"\xff\xfe\0\0a\0\0\0", TextError::Utf32);
        check(b"\0\0\xfe\xff\0\0\0a", TextError::Utf32);
    }
}
