//! Small pictures for pages: reduced, then coded.

use anyhow::Result;
use mozjpeg::{ColorSpace, Compress};

/// A picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

/// Long side of reduced pictures in pixels.
const SIDE: usize = 168;

/// In libjpeg's terms, 1 to 100.
const JPEG_QUALITY: f32 = 82.0;

impl Raster {
    /// The picture whose pixel at `(x, y)` is `colour(x, y)`.
    pub(super) fn from_fn(
        [width, height]: [usize; 2],
        colour: impl Fn(usize, usize) -> [u8; 3],
    ) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self {
            width,
            height,
            pixels: places.map(|(x, y)| colour(x, y)).collect(),
        }
    }

    /// The pixel at column `x` of row `y`.
    pub(super) fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        self.pixels[y * self.width + x]
    }

    /// Reduced to [`SIDE`] by taking pixels: between two classes there is no third.
    pub(super) fn picked(&self) -> Self {
        let [width, height] = reduced([self.width, self.height]);
        Self::from_fn([width, height], |x, y| {
            let middle = |at: usize, from: usize, to: usize| (2 * at + 1) * from / (2 * to);
            self.pixel(middle(x, self.width, width), middle(y, self.height, height))
        })
    }

    /// Reduced to [`SIDE`] by averaging the pixels that meet in one.
    pub(super) fn averaged(&self) -> Self {
        let [width, height] = reduced([self.width, self.height]);
        Self::from_fn([width, height], |x, y| {
            let share = |at: usize, from: usize, to: usize| {
                let first = at * from / to;
                first..((at + 1) * from).div_ceil(to)
            };
            let rows = share(y, self.height, height);
            let columns = share(x, self.width, width);
            let count = (rows.len() * columns.len()) as u32;
            let mut sums = [0; 3];
            for pixel in rows.flat_map(|y| &self.pixels[y * self.width..][columns.clone()]) {
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(sample);
                }
            }
            sums.map(|sum| ((sum + count / 2) / count) as u8)
        })
    }

    /// As a PNG.
    ///
    /// # Errors
    /// When the picture has no pixels.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height)?);
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        Ok(bytes)
    }

    /// As a JPEG.
    ///
    /// # Errors
    /// When libjpeg refuses the picture.
    pub(super) fn jpeg(&self) -> Result<Vec<u8>> {
        anyhow::ensure!(!self.pixels.is_empty(), "the picture has no pixels");
        let mut encoder = Compress::new(ColorSpace::JCS_RGB);
        encoder.set_size(self.width, self.height);
        encoder.set_quality(JPEG_QUALITY);
        let mut started = encoder.start_compress(Vec::new())?;
        started.write_scanlines(self.pixels.as_flattened())?;
        Ok(started.finish()?)
    }
}

/// Width and height with their proportion kept and the long side at most [`SIDE`].
fn reduced([width, height]: [usize; 2]) -> [usize; 2] {
    let long = width.max(height).max(1);
    if long <= SIDE {
        return [width, height];
    }
    [width, height].map(|length| (length * SIDE / long).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_proportions() {
        assert_eq!(reduced([640, 480]), [168, 126]);
        assert_eq!(reduced([100, 50]), [100, 50]);
        assert_eq!(reduced([5000, 2]), [168, 1]);
    }

    #[test]
    fn classes_are_picked_and_colours_averaged() {
        let stripes = Raster::from_fn([2 * SIDE, 2], |x, _| [[0; 3], [101, 200, 255]][x % 2]);
        let picked = stripes.picked();
        assert_eq!((picked.width, picked.height), (SIDE, 1));
        assert!(picked.pixels.iter().all(|&pixel| pixel == [101, 200, 255]));
        let averaged = stripes.averaged();
        assert!(averaged.pixels.iter().all(|&pixel| pixel == [51, 100, 128]));
    }

    #[test]
    fn other_decoders_see_the_same_picture() {
        let picture = Raster::from_fn([40, 30], |x, y| [5 * x as u8, 8 * y as u8, 100]);
        let decoded = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8();
        let png = decoded(&picture.png().unwrap());
        assert_eq!(png.dimensions(), (40, 30));
        assert_eq!(png.as_raw(), picture.pixels.as_flattened());
        let jpeg = decoded(&picture.jpeg().unwrap());
        let samples = picture.pixels.as_flattened().iter();
        let furthest = samples
            .zip(jpeg.as_raw())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(furthest < Some(24), "{furthest:?}");
    }
}
