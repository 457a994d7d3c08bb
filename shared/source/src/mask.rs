//! Masks whose samples are class numbers: palette or grey PNGs.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::Array2;
use png::{BitDepth, ColorType, Transformations};
use splitsim_truth::Mask;

use crate::{ImageExtent, SourceError};

/// Reads the class of every pixel: the palette's index, not its colour, or the grey level.
pub(crate) fn read(path: &Path) -> Result<(Mask, ImageExtent), SourceError> {
    let file = File::open(path).map_err(|source| SourceError::Io {
        path: path.to_owned(),
        source,
    })?;
    classes(BufReader::new(file))
        .and_then(|(classes, extent)| {
            let mask = Mask::new(classes).map_err(|error| error.to_string())?;
            Ok((mask, extent))
        })
        .map_err(|reason| SourceError::Image {
            path: path.to_owned(),
            reason,
        })
}

fn classes(file: BufReader<File>) -> Result<(Array2<u8>, ImageExtent), String> {
    let said = |error: png::DecodingError| error.to_string();
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(said)?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    let extent = ImageExtent::new(width, height).ok_or_else(|| {
        let max = ImageExtent::MAX_SIDE;
        format!("{width}x{height}, expected sides from 1 to {max}")
    })?;
    if info.animation_control.is_some() {
        return Err("an animated PNG; take the frame that is meant out of it".to_owned());
    }
    let bits = match (info.color_type, info.bit_depth) {
        (ColorType::Indexed, depth) => depth as usize,
        (ColorType::Grayscale, BitDepth::Eight) => 8,
        (color, depth) => {
            return Err(format!(
                "{color:?} of {} bits; a mask is a palette PNG, or one of 8-bit grey, whose samples \
                 are class numbers",
                depth as u8
            ));
        }
    };
    let line = (width * bits).div_ceil(8);
    let mut packed = vec![0; line * height];
    if reader.output_buffer_size() != Some(packed.len()) {
        return Err("rows of an unexpected length".to_owned());
    }
    reader.next_frame(&mut packed).map_err(said)?;
    let class = |(row, column): (usize, usize)| {
        let bit = column * bits;
        let byte = packed[row * line + bit / 8];
        let shift = 8 - bits - bit % 8;
        let mask = u8::MAX >> (8 - bits);
        (byte >> shift) & mask
    };
    Ok((Array2::from_shape_fn((height, width), class), extent))
}
