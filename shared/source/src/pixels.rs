//! Samples on their way from a file to a picture.

use crate::ImageExtent;

/// Interleaved 8-bit RGB samples, row by row, as many as the extent has.
#[derive(Debug)]
pub(crate) struct Rgb {
    pub(crate) extent: ImageExtent,
    pub(crate) samples: Vec<u8>,
}

/// The most pixels of a file, which Pillow takes for a decompression bomb beyond: half a gibibyte of RGB.
const MAX_PIXELS: usize = (1 << 29) / 3;

/// The extent that a file declares, before anything is allocated for it.
pub(crate) fn check_extent(width: usize, height: usize) -> Result<ImageExtent, String> {
    let extent = ImageExtent::new(width, height).ok_or_else(|| {
        let max = ImageExtent::MAX_SIDE;
        format!("{width}x{height} pixels, expected sides from 1 to {max}")
    })?;
    match width * height > MAX_PIXELS {
        true => Err(format!(
            "{width}x{height} pixels, at most {MAX_PIXELS} are read"
        )),
        false => Ok(extent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_and_area_are_bounded() {
        assert!(check_extent(16_384, 10_922).is_ok());
        assert!(check_extent(16_384, 10_923).is_err());
        assert!(check_extent(16_385, 1).is_err());
        assert!(check_extent(0, 1).is_err());
    }
}
