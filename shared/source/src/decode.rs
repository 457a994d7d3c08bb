//! Image files to samples, as Pillow's `Image.open(path).convert("RGB")` makes them.
//!
//! The benchmarks' scripts read every picture that way. So alpha is dropped and not blended, 16-bit
//! colour keeps its high bytes, and an orientation in the EXIF data is **not** applied. What Pillow
//! would turn into something that nobody means (16-bit grey, clipped to white) or into one of several
//! frames is refused.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use crate::format::{Format, HEAD_BYTES};
use crate::pixels::Rgb;
use crate::png_file::Stored;
use crate::{SourceError, jpeg, png_file};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The RGB samples of a picture.
pub(crate) fn rgb(path: &Path) -> Result<Rgb, SourceError> {
    let (file, format) = open(path)?;
    let decoded = match format {
        Some(Format::Png) => png_file::rgb(file),
        Some(Format::Jpeg) => jpeg::rgb(file),
        Some(Format::Other(name)) => Err(format!(
            "{name}, which is not read; convert it to PNG or JPEG"
        )),
        Some(Format::NoPicture(name)) => Err(name.to_owned()),
        None => Err("neither PNG nor JPEG".to_owned()),
    };
    decoded.map_err(|reason| refused(path, reason))
}

/// The samples of a PNG as they are stored; `meant` says what such a file is to hold.
pub(crate) fn stored(path: &Path, meant: &str) -> Result<Stored, SourceError> {
    let (file, format) = open(path)?;
    let decoded = match format {
        Some(Format::Png) => png_file::stored(file),
        Some(other) => Err(format!("{}; {meant}", other.name())),
        None => Err(format!("no PNG; {meant}")),
    };
    decoded.map_err(|reason| refused(path, reason))
}

/// The format that a file is of, whatever its name.
pub(crate) fn format(path: &Path) -> Result<Option<Format>, SourceError> {
    open(path).map(|(_, format)| format)
}

fn open(path: &Path) -> Result<(BufReader<File>, Option<Format>), SourceError> {
    let mut file = splitsim_text::open(path, MAX_FILE_BYTES)?.file;
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let read = file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
    read.and_then(|_| file.rewind()).map_err(io)?;
    Ok((BufReader::new(file), Format::of(&head)))
}

fn refused(path: &Path, reason: String) -> SourceError {
    SourceError::Image {
        path: path.to_owned(),
        reason,
    }
}
