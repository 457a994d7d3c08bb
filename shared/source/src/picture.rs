use std::path::Path;

use crate::pixels::Rgb;
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

    /// The default limit of a cloud for the pixels of a picture: dense heads take memory for each
    /// of them. A 12-megapixel picture of a phone is within the limit.
    pub const MAX_SERVED_PIXELS: u64 = 16 << 20;

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
    extent: ImageExtent,
    samples: Vec<u8>,
}

impl Picture {
    /// Reads a still PNG or JPEG file as Pillow's `convert("RGB")` does: other colour types are
    /// converted, alpha is dropped, and an orientation in the EXIF data is not applied.
    ///
    /// # Errors
    /// When the file cannot be read, is no such image, is cut off or damaged, is 16-bit grey or animated, or
    /// is larger than [`ImageExtent::MAX_SIDE`] or half a gibibyte of samples.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let Rgb { extent, samples } = decode::rgb(path)?;
        Self::from_rgb(extent, samples).ok_or_else(|| SourceError::Image {
            path: path.to_owned(),
            reason: "the decoder gave no full picture".to_owned(),
        })
    }

    /// A picture of interleaved RGB samples; `None` unless they fill the extent.
    #[must_use]
    pub fn from_rgb(extent: ImageExtent, samples: Vec<u8>) -> Option<Self> {
        let expected = extent.width * extent.height * 3;
        (samples.len() == expected).then_some(Self { extent, samples })
    }

    /// Width and height.
    #[must_use]
    pub const fn extent(&self) -> ImageExtent {
        self.extent
    }

    /// Interleaved RGB samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// Tells pictures apart that have one name: BLAKE3 of the samples' BLAKE3, the width and the height.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(blake3::hash(&self.samples).as_bytes());
        for side in [self.extent.width, self.extent.height] {
            hasher.update(&(side as u64).to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_samples_and_extents_apart() {
        let picture = |width, height, first| {
            let mut samples = vec![9; 36];
            samples[0] = first;
            let extent = ImageExtent::new(width, height).unwrap();
            Picture::from_rgb(extent, samples).unwrap().digest()
        };
        assert_eq!(picture(4, 3, 9), picture(4, 3, 9));
        assert_ne!(picture(4, 3, 9), picture(4, 3, 8));
        assert_ne!(picture(4, 3, 9), picture(3, 4, 9));
    }

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
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 7]))
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
