//! Masks whose samples are class numbers: palette or grey PNGs.

use std::path::Path;

use ndarray::Array2;
use png::{BitDepth, ColorType};
use splitsim_truth::Mask;

use crate::png_file::Stored;
use crate::{ImageExtent, SourceError, decode};

const MEANT: &str =
    "a mask is a palette PNG, or one of 8-bit grey, whose samples are class numbers";

/// Reads the class of every pixel of a mask file: the palette's index, not its colour, or the grey level.
///
/// # Errors
/// When the file cannot be read, is damaged, or is no PNG of class numbers.
pub fn read_mask(path: &Path) -> Result<Mask, SourceError> {
    read(path).map(|(mask, _)| mask)
}

pub(crate) fn read(path: &Path) -> Result<(Mask, ImageExtent), SourceError> {
    let stored = decode::stored(path, MEANT)?;
    match of_stored(&stored) {
        Ok(mask) => Ok((mask, stored.extent)),
        Err(reason) => Err(SourceError::Image {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// The error is the reason.
pub(crate) fn of_stored(stored: &Stored) -> Result<Mask, String> {
    Mask::new(classes(stored)?).map_err(|error| error.to_string())
}

fn classes(stored: &Stored) -> Result<Array2<u8>, String> {
    let bits = match (stored.color, stored.depth) {
        (ColorType::Indexed, depth) => depth as usize,
        (ColorType::Grayscale, BitDepth::Eight) => 8,
        (color, depth) => return Err(format!("{color:?} of {} bits; {MEANT}", depth as u8)),
    };
    let (width, height) = (stored.extent.width(), stored.extent.height());
    let line = (width * bits).div_ceil(8);
    if stored.packed.len() != line * height {
        return Err("rows of an unexpected length".to_owned());
    }
    let class = |(row, column): (usize, usize)| {
        let bit = column * bits;
        let byte = stored.packed[row * line + bit / 8];
        let shift = 8 - bits - bit % 8;
        let mask = u8::MAX >> (8 - bits);
        (byte >> shift) & mask
    };
    Ok(Array2::from_shape_fn((height, width), class))
}
