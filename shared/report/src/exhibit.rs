//! Pictures side by side.

use crate::download::data_uri;

/// A group of pictures with a heading and a description.
#[derive(Debug, Clone, PartialEq)]
pub struct Exhibit {
    pub(crate) heading: String,
    pub(crate) about: String,
    pub(crate) pictures: Vec<Picture>,
}

/// A picture with a caption and, for those who cannot see it, a description.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub(crate) caption: String,
    pub(crate) alt: String,
    pub(crate) source: String,
}

impl Exhibit {
    /// An exhibit without pictures yet.
    #[must_use]
    pub fn new(heading: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            about: about.into(),
            pictures: Vec::new(),
        }
    }

    /// Adds a picture, to the right of those before.
    #[must_use]
    pub fn picture(mut self, picture: Picture) -> Self {
        self.pictures.push(picture);
        self
    }
}

impl Picture {
    /// A picture from the bytes of a PNG file.
    #[must_use]
    pub fn png(caption: impl Into<String>, alt: impl Into<String>, bytes: &[u8]) -> Self {
        Self::of_type("image/png", caption, alt, bytes)
    }

    /// A picture from the bytes of a JPEG file.
    #[must_use]
    pub fn jpeg(caption: impl Into<String>, alt: impl Into<String>, bytes: &[u8]) -> Self {
        Self::of_type("image/jpeg", caption, alt, bytes)
    }

    fn of_type(
        media_type: &str,
        caption: impl Into<String>,
        alt: impl Into<String>,
        bytes: &[u8],
    ) -> Self {
        Self {
            caption: caption.into(),
            alt: alt.into(),
            source: data_uri(media_type, bytes),
        }
    }
}
