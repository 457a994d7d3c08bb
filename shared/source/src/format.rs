//! Kinds of files, by their first bytes and by the ends of their names.

use std::path::Path;

/// The format of a file by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    /// A picture of a format that is not read, by the format's name.
    Other(&'static str),
    /// A format that is not a picture, but occurs under the names of pictures.
    NoPicture(&'static str),
}

/// Bytes that decide.
pub(crate) const HEAD_BYTES: usize = 16;

impl Format {
    /// The format of a file that begins with `head`, [`HEAD_BYTES`] of it or the whole file.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        // Three bytes, as Pillow asks for.
        if head.starts_with(b"\xff\xd8\xff") {
            return Some(Self::Jpeg);
        }
        let among = |known: &[(&[u8], &'static str)]| {
            let mut known = known.iter();
            known
                .find(|(start, _)| head.starts_with(start))
                .map(|(_, name)| *name)
        };
        among(OTHERS)
            .or_else(|| boxed(head))
            .map(Self::Other)
            .or_else(|| among(NO_PICTURES).map(Self::NoPicture))
    }

    /// Returns `true` for pictures, including those of formats that are not read.
    pub(crate) const fn is_picture(self) -> bool {
        !matches!(self, Self::NoPicture(_))
    }

    /// Its name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Other(name) | Self::NoPicture(name) => name,
        }
    }
}

/// First bytes of other pictures.
const OTHERS: &[(&[u8], &str)] = &[
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "an icon"),
    (b"P1\n", "PNM"),
    (b"P2\n", "PNM"),
    (b"P3\n", "PNM"),
    (b"P4\n", "PNM"),
    (b"P5\n", "PNM"),
    (b"P6\n", "PNM"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
];

/// First bytes of what lies under the names of pictures.
const NO_PICTURES: &[(&[u8], &str)] = &[
    (b"\0\x05\x16\x07", "an AppleDouble file of macOS"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (
        b"version https://",
        "a Git LFS pointer (`git lfs pull` brings the file)",
    ),
];

/// Formats that name themselves behind a length.
fn boxed(head: &[u8]) -> Option<&'static str> {
    let kind = head.get(4..12)?;
    if head.starts_with(b"RIFF") && kind.ends_with(b"WEBP") {
        return Some("WebP");
    }
    match kind.strip_prefix(b"ftyp")? {
        b"avif" | b"avis" => Some("AVIF"),
        b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => Some("HEIC"),
        _ => Some("MP4"),
    }
}

/// The kind of a file by the extension of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A picture that is read.
    Picture,
    /// A picture of another format.
    Other,
    /// No picture.
    Nothing,
}

/// Classifies a file by the extension of its name.
pub(crate) fn named(path: &Path) -> Named {
    let ending = path.extension();
    let ending = ending.map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("png" | "apng" | "jpg" | "jpeg" | "jpe" | "jfif" | "jif") => Named::Picture,
        Some(
            "avif" | "bmp" | "dib" | "gif" | "heic" | "heif" | "hif" | "jp2" | "j2k" | "jxl"
            | "pbm" | "pgm" | "pnm" | "ppm" | "psd" | "qoi" | "svg" | "tga" | "tif" | "tiff"
            | "webp" | "arw" | "cr2" | "cr3" | "dng" | "nef" | "orf" | "raf" | "rw2",
        ) => Named::Other,
        _ => Named::Nothing,
    }
}

/// Returns `true` if the name has an extension of PNG or JPEG files.
pub(crate) fn is_picture(path: &Path) -> bool {
    named(path) == Named::Picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_format() {
        let check = |head: &[u8], expected: Option<&str>| {
            assert_eq!(Format::of(head).map(Format::name), expected, "{head:?}");
        };
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("PNG"));
        check(b"\xff\xd8\xff\xe0", Some("JPEG"));
        check(b"\xff\xd8\0", None);
        check(b"RIFF\x24\0\0\0WEBPVP8 ", Some("WebP"));
        check(b"RIFF\x24\0\0\0WAVEfmt ", None);
        check(b"\0\0\0\x20ftypavif\0\0\0\0", Some("AVIF"));
        check(b"\0\0\0\x18ftypheic\0\0\0\0", Some("HEIC"));
        check(b"MM\0*\0\0\0\x08", Some("TIFF"));
        check(
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
            Some("an AppleDouble file of macOS"),
        );
        check(b"", None);
        check(b"a 1\nb 2\n", None);
    }

    #[test]
    fn endings_are_read_in_any_case() {
        let check = |name: &str, expected| assert_eq!(named(Path::new(name)), expected, "{name}");
        for name in ["a.jpg", "a.JPE", "a.b.Jfif", "a.PNG"] {
            check(name, Named::Picture);
        }
        check("a.TIF", Named::Other);
        check("a.json", Named::Nothing);
        check("jpg", Named::Nothing);
    }
}
