//! Data that a page carries.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A file to take out of the page. It travels compressed and is given out as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) media_type: &'static str,
    pub(crate) gzip_base64: String,
    pub(crate) bytes: usize,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFile {
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Download {
    /// A file called `name`, and in a few words what is in it.
    #[must_use]
    pub fn new(
        kind: DataFile,
        name: impl Into<String>,
        about: impl Into<String>,
        content: &str,
    ) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            media_type: kind.media_type(),
            gzip_base64: STANDARD.encode(gzip(content.as_bytes())),
            bytes: content.len(),
        }
    }

    /// The file's size for people.
    pub(crate) fn size(&self) -> String {
        match self.bytes {
            0..1000 => format!("{} B", self.bytes),
            1000..1_000_000 => format!("{:.1} kB", self.bytes as f64 / 1e3),
            _ => format!("{:.1} MB", self.bytes as f64 / 1e6),
        }
    }
}

impl DataFile {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Toml => "application/toml",
        }
    }
}

/// Compressed, without a time or name in the header.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to a vector does not fail")
}

/// The bytes as an address that contains them.
pub(crate) fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_travels_is_what_was_given() {
        let text = "a,b\n1,ü\n".repeat(1000);
        let download = Download::new(DataFile::Csv, "x.csv", "numbers", &text);
        let compressed = STANDARD.decode(&download.gzip_base64).unwrap();
        assert!(compressed.len() < 100);
        let mut back = String::new();
        flate2::read::GzDecoder::new(&compressed[..])
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text);
        assert_eq!(download.size(), "9.0 kB");
    }
}
