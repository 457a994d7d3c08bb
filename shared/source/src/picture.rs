use std::path::Path;

use image::RgbImage;

use crate::{SourceError, decode};

/// Width and height of an image in pixels, neither zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageExtent {
    width: usize,
    height: usize,
}

impl ImageExtent {
    /// The longest side that is accepted.
    pub const MAX_SIDE: usize = 16_384;

    /// An extent, unless a side is zero or longer than [`Self::MAX_SIDE`].
    #[must_use]
    pub fn new(width: usize, height: usize) -> Option<Self> {
        let valid = 1..=Self::MAX_SIDE;
        (valid.contains(&width) && valid.contains(&height)).then_some(Self { width, height })
    }

    /// Pixels per row.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(self) -> usize {
        self.height
    }
}

/// An 8-bit RGB picture as it comes from a file, a camera or a renderer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pixels: RgbImage,
    extent: ImageExtent,
}

impl Picture {
    /// Reads a still PNG or JPEG file as Pillow's `convert("RGB")` does: other colour types are
    /// converted, alpha is dropped, and an orientation in the EXIF data is not applied.
    ///
    /// # Errors
    /// When the file cannot be read, is no such image, is 16-bit grey or animated, or is larger than
    /// [`ImageExtent::MAX_SIDE`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        Self::new(decode::rgb(path)?).ok_or_else(|| SourceError::Image {
            path: path.to_owned(),
            reason: "an empty image".to_owned(),
        })
    }

    /// A picture of interleaved RGB samples; `None` unless they fill the extent.
    #[must_use]
    pub fn from_rgb(extent: ImageExtent, samples: Vec<u8>) -> Option<Self> {
        RgbImage::from_raw(extent.width as u32, extent.height as u32, samples).and_then(Self::new)
    }

    fn new(pixels: RgbImage) -> Option<Self> {
        let extent = ImageExtent::new(pixels.width() as usize, pixels.height() as usize)?;
        Some(Self { pixels, extent })
    }

    /// Width and height.
    #[must_use]
    pub const fn extent(&self) -> ImageExtent {
        self.extent
    }

    /// Interleaved RGB samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        self.pixels.as_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.png");
        std::fs::write(&path, "these are no pixels").unwrap();
        let message = Picture::read(&path).unwrap_err().to_string();
        assert!(
            message.contains("notes.png: not a readable image"),
            "{message}"
        );
        let missing = Picture::read(&dir.path().join("missing.png"));
        assert!(matches!(missing, Err(SourceError::Io { .. })));
    }

    #[test]
    fn a_truncated_image_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("half.png");
        RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 7]))
            .save(&path)
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(
            Picture::read(&path),
            Err(SourceError::Image { .. })
        ));
    }
}
