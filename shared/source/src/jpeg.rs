//! JPEGs with the samples of libjpeg-turbo, which Pillow, OpenCV and torchvision decode them with.
//!
//! The decoder is libjpeg-turbo's own C code, as mozjpeg carries it. Its defaults are those of Pillow: the
//! slow integer DCT, interpolated chroma.

use std::any::Any;
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mozjpeg::Decompress;
use mozjpeg::decompress::{DecompressStarted, Format};

use crate::pixels::{Rgb, check_extent};

/// The RGB samples of a JPEG. A file that ends before its last sample is refused, as Pillow refuses it; the
/// marker of the end itself may be missing.
pub(crate) fn rgb(file: impl BufRead) -> Result<Rgb, String> {
    let ended = Cell::new(false);
    let watched = Watched {
        file,
        ended: &ended,
    };
    // mozjpeg reports libjpeg's errors by unwinding. What is unwound through is dropped here, whole.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(watched)));
    if ended.get() {
        return Err("the file is cut off: it ends before its picture does".to_owned());
    }
    decoded.unwrap_or_else(|panic| Err(libjpeg_message(panic.as_ref())))
}

fn decode(file: impl BufRead) -> Result<Rgb, String> {
    let header = Decompress::new_reader(file).map_err(|error| error.to_string())?;
    let extent = check_extent(header.width(), header.height())?;
    let samples = match header.image().map_err(|error| error.to_string())? {
        Format::RGB(started) => rows(started)?,
        Format::Gray(started) => rows(started)?
            .into_iter()
            .flat_map(|grey| [grey; 3])
            .collect(),
        Format::CMYK(started) => {
            let inks = rows(started)?;
            let (inks, _) = inks.as_chunks();
            inks.iter().flat_map(light).collect()
        }
    };
    Ok(Rgb { extent, samples })
}

/// All samples, interleaved. The end marker is not asked for.
fn rows<R>(mut started: DecompressStarted<R>) -> Result<Vec<u8>, String> {
    started.read_scanlines().map_err(|error| error.to_string())
}

/// RGB of four inks, which files hold inverted as Adobe began to: Pillow's integer form of (1 − C)(1 − K).
fn light(&[cyan, magenta, yellow, black]: &[u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|unprinted| {
        let ink = u32::from(255 - unprinted);
        let product = ink * u32::from(black) + 128;
        // product / 255, rounded.
        let covered = ((product >> 8) + product) >> 8;
        black.saturating_sub(covered as u8)
    })
}

fn libjpeg_message(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<String>() {
        Some(message) => message.replace("libjpeg fatal error: ", ""),
        None => "the decoder failed".to_owned(),
    }
}

/// A file whose end is an error: left alone, libjpeg makes up what is missing.
struct Watched<'a, R> {
    file: R,
    ended: &'a Cell<bool>,
}

impl<R: BufRead> BufRead for Watched<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.file.fill_buf()?;
        if bytes.is_empty() {
            self.ended.set(true);
            return Err(io::Error::other("end of file"));
        }
        Ok(bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
    }
}

impl<R: BufRead> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
