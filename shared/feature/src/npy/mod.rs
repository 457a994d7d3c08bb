//! Features as NumPy `.npy` files, `f32` `[views, layers, tokens, dim]`.
//!
//! One parser reads the header as NumPy's own does (`numpy/lib/format.py`), versions 1 to 3, and its
//! length is checked against the file's before anything is allocated. Unlike `numpy.load`, files with
//! anything behind the array are refused.

mod element;
mod error;
mod header;
mod literal;

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use splitsim_text::Opened;

pub use self::error::NpyError;
use self::header::Header;
use crate::{Feature, FeatureError, FeatureShape};

/// Bytes of an element, `f32`.
const ELEMENT_BYTES: u64 = size_of::<f32>() as u64;
/// Bytes of the largest file that is read: the largest feature behind the longest header.
const MAX_FILE_BYTES: u64 =
    FeatureShape::MAX_POINTS as u64 * ELEMENT_BYTES + Header::MAX_BYTES as u64;

/// Reads a feature.
///
/// # Errors
/// When the file cannot be read, is no `.npy` file, or holds something else than a finite rank-4
/// `f32` array.
pub fn read(path: &Path) -> Result<Feature, FeatureError> {
    let array = read_array(path)?;
    let &[views, layers, tokens, dim] = array.shape() else {
        return Err(FeatureError::Rank {
            path: path.to_owned(),
            actual: array.ndim(),
        });
    };
    let values = array
        .as_standard_layout()
        .into_owned()
        .into_raw_vec_and_offset()
        .0;
    FeatureShape::new(views, layers, tokens, dim)
        .and_then(|shape| Feature::new(shape, values))
        .map_err(|source| FeatureError::InFile {
            path: path.to_owned(),
            source: Box::new(source),
        })
}

/// Reads an `f32` array of any rank, of at most [`FeatureShape::MAX_POINTS`] elements.
///
/// # Errors
/// When the file cannot be read, is no `.npy` file, or holds another element type.
pub fn read_array(path: &Path) -> Result<ArrayD<f32>, FeatureError> {
    let Opened { file, bytes } = splitsim_text::open(path, MAX_FILE_BYTES)?;
    read_from(&mut BufReader::new(file), bytes).map_err(|source| match source {
        NpyError::ElementType { descriptor } => FeatureError::ElementType {
            path: path.to_owned(),
            actual: descriptor,
        },
        source => FeatureError::Npy {
            path: path.to_owned(),
            source,
        },
    })
}

/// Reads an array from a file of `file_bytes`.
pub(crate) fn read_from(reader: &mut impl Read, file_bytes: u64) -> Result<ArrayD<f32>, NpyError> {
    let header = Header::read(reader)?;
    let points = header.points()?;
    let expected = header.bytes + points as u64 * ELEMENT_BYTES;
    if expected != file_bytes {
        return Err(NpyError::Length {
            expected,
            actual: file_bytes,
        });
    }
    let mut values = vec![0f32; points];
    reader.read_exact(bytemuck::cast_slice_mut(&mut values))?;
    header.order.to_native(&mut values);
    let shape = IxDyn(&header.shape).set_f(header.fortran_order);
    ArrayD::from_shape_vec(shape, values).map_err(|_| NpyError::TooLarge {
        shape: header.shape,
    })
}

/// Writes a feature as a `.npy` file, byte for byte as `numpy.save` does.
///
/// # Errors
/// When it cannot be written in full.
pub fn write(out: impl Write, feature: &Feature) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    out.write_all(&header::written(feature.shape().dims()))?;
    for value in feature.values() {
        out.write_all(&value.to_le_bytes())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests;
