//! Still PNGs: as RGB, or as they are stored.

use std::io::{BufRead, Seek};

use png::{BitDepth, ColorType, Decoder, Reader, Transformations};

use crate::ImageExtent;
use crate::pixels::{Rgb, check_extent};

/// Samples as a file stores them, in big-endian order.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) extent: ImageExtent,
    pub(crate) color: ColorType,
    pub(crate) depth: BitDepth,
    /// Rows of whole bytes, from the top.
    pub(crate) packed: Vec<u8>,
}

/// The message about a 16-bit grey file, which is not accepted as a picture.
const GREY_16: &str =
    "16-bit grey, which the benchmarks' scripts clip to white; convert it to 8 bits first";
/// The most memory that the decoder may use for one row of samples and its own tables.
const LIMITS: png::Limits = png::Limits { bytes: 1 << 26 };
/// Red, green and blue of 256 colours.
const MAX_PALETTE_BYTES: usize = 3 * 256;

/// The RGB samples as Pillow makes them: palettes resolved, alpha dropped, the high bytes of 16 bits.
pub(crate) fn rgb(file: impl BufRead + Seek) -> Result<Rgb, String> {
    let mut reader = open(file, Transformations::EXPAND | Transformations::STRIP_16)?;
    let info = reader.info();
    if (info.color_type, info.bit_depth) == (ColorType::Grayscale, BitDepth::Sixteen) {
        return Err(GREY_16.to_owned());
    }
    let extent = check_extent(info.width as usize, info.height as usize)?;
    let samples = samples(&mut reader)?;
    let (color, _) = reader.output_color_type();
    let samples = match color {
        ColorType::Grayscale => samples.into_iter().flat_map(|grey| [grey; 3]).collect(),
        ColorType::GrayscaleAlpha => every(&samples, |&[grey, _]| [grey; 3]),
        ColorType::Rgba => every(&samples, |&[red, green, blue, _]| [red, green, blue]),
        ColorType::Rgb | ColorType::Indexed => samples,
    };
    Ok(Rgb { extent, samples })
}

/// The samples as they are stored: of a palette file its indices.
pub(crate) fn stored(file: impl BufRead + Seek) -> Result<Stored, String> {
    let mut reader = open(file, Transformations::IDENTITY)?;
    let info = reader.info();
    Ok(Stored {
        extent: check_extent(info.width as usize, info.height as usize)?,
        color: info.color_type,
        depth: info.bit_depth,
        packed: samples(&mut reader)?,
    })
}

fn open<R: BufRead + Seek>(file: R, transform: Transformations) -> Result<Reader<R>, String> {
    let mut decoder = Decoder::new_with_limits(file, LIMITS);
    decoder.set_transformations(transform);
    // Notes and colour profiles do not reach the samples, and may be as large as they like.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(|error| error.to_string())?;
    let info = reader.info();
    if info.animation_control.is_some() {
        return Err("an animated PNG; take the frame that is meant out of it".to_owned());
    }
    // The decoder takes it for granted.
    if let Some(palette) = &info.palette
        && (palette.len() % 3 != 0 || palette.len() > MAX_PALETTE_BYTES)
    {
        return Err(format!(
            "a palette of {} bytes, expected three for each of up to 256 colours",
            palette.len()
        ));
    }
    Ok(reader)
}

/// All samples, up to the end of the file.
fn samples<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<Vec<u8>, String> {
    let bytes = reader
        .output_buffer_size()
        .ok_or("rows too long to be held")?;
    let mut samples = vec![0; bytes];
    reader
        .next_frame(&mut samples)
        .map_err(|error| error.to_string())?;
    Ok(samples)
}

fn every<const N: usize>(samples: &[u8], rgb: impl Fn(&[u8; N]) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks();
    pixels.iter().flat_map(rgb).collect()
}
