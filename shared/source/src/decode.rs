//! Image files to samples, as Pillow's `Image.open(path).convert("RGB")` makes them.
//!
//! The benchmarks' scripts read every picture that way. So alpha is dropped and not blended, 16-bit
//! colour keeps its high bytes, and an orientation in the EXIF data is **not** applied. What Pillow
//! would turn into something that nobody means (16-bit grey, clipped to white) or into one of several
//! frames is refused.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};

use crate::{ImageExtent, SourceError};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The RGB samples of a picture.
pub(crate) fn rgb(path: &Path) -> Result<RgbImage, SourceError> {
    match samples(path)? {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb),
        DynamicImage::ImageLuma16(_) => Err(refused(
            path,
            "16-bit grey, which the benchmarks' scripts clip to white; convert it to 8 bits first",
        )),
        deep @ (DynamicImage::ImageLumaA16(_)
        | DynamicImage::ImageRgb16(_)
        | DynamicImage::ImageRgba16(_)) => Ok(high_bytes(&deep.into_rgb16())),
        other => Ok(other.into_rgb8()),
    }
}

/// The samples of a still PNG or JPEG as they are stored, palettes resolved.
pub(crate) fn samples(path: &Path) -> Result<DynamicImage, SourceError> {
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > MAX_FILE_BYTES {
        let reason = format!("{bytes} bytes, at most {MAX_FILE_BYTES} are read");
        return Err(refused(path, &reason));
    }
    let reader = image::ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(io)?;
    let format = reader.format();
    let file = reader.into_inner();
    let decoded = match format {
        Some(ImageFormat::Png) => png(file),
        Some(ImageFormat::Jpeg) => JpegDecoder::new(file)
            .and_then(bounded)
            .map_err(|error| error.to_string()),
        Some(other) => Err(format!(
            "{other:?}, still or animated, is not read; convert it to PNG or JPEG"
        )),
        None => Err("neither PNG nor JPEG".to_owned()),
    };
    decoded.map_err(|reason| refused(path, &reason))
}

fn png(file: BufReader<File>) -> Result<DynamicImage, String> {
    let said = |error: ImageError| error.to_string();
    let decoder = PngDecoder::with_limits(file, limits()).map_err(said)?;
    match decoder.is_apng() {
        Ok(true) => Err("an animated PNG; take the frame that is meant out of it".to_owned()),
        Ok(false) => bounded(decoder).map_err(said),
        Err(error) => Err(said(error)),
    }
}

/// Decodes within [`limits`], which are checked before anything is allocated.
fn bounded(mut decoder: impl ImageDecoder) -> Result<DynamicImage, ImageError> {
    let mut limits = limits();
    let (width, height) = decoder.dimensions();
    limits.check_dimensions(width, height)?;
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    DynamicImage::from_decoder(decoder)
}

/// [`ImageExtent::MAX_SIDE`], and `image`'s default of half a gibibyte.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(ImageExtent::MAX_SIDE as u32);
    limits.max_image_height = Some(ImageExtent::MAX_SIDE as u32);
    limits
}

fn high_bytes(deep: &image::ImageBuffer<image::Rgb<u16>, Vec<u16>>) -> RgbImage {
    RgbImage::from_fn(deep.width(), deep.height(), |x, y| {
        image::Rgb(deep.get_pixel(x, y).0.map(|sample| (sample >> 8) as u8))
    })
}

fn refused(path: &Path, reason: &str) -> SourceError {
    SourceError::Image {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
