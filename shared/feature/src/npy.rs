//! Features as NumPy `.npy` files, `f32` `[views, layers, tokens, dim]`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use ndarray::{Array4, ArrayD};
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, WriteNpyError, WriteNpyExt};

use crate::{Feature, FeatureError, FeatureShape};

/// Reads a feature.
///
/// # Errors
/// When the file cannot be read, is no `.npy` file, or holds something else than a finite rank-4
/// `f32` array.
pub fn read(path: &Path) -> Result<Feature, FeatureError> {
    let array = read_array::<f32>(path)?;
    let rank = array.ndim();
    let array: Array4<f32> = array
        .into_dimensionality()
        .map_err(|_| FeatureError::Rank {
            path: path.to_owned(),
            actual: rank,
        })?;
    let (views, layers, tokens, dim) = array.dim();
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

/// Reads any array of one element type, of any rank.
///
/// The declared extent is checked against the file's length before anything is allocated.
///
/// # Errors
/// When the file cannot be read, is no `.npy` file, or holds another element type.
pub fn read_array<T: ReadableElement>(path: &Path) -> Result<ArrayD<T>, FeatureError> {
    let io = |source| FeatureError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let declared = declared_bytes(&mut file);
    if let Some(bytes) = declared.filter(|&bytes| bytes > u128::from(file_bytes)) {
        let reason = format!("truncated: its header declares {bytes} bytes, it has {file_bytes}");
        return Err(FeatureError::Npy {
            path: path.to_owned(),
            reason,
        });
    }
    file.rewind().map_err(io)?;
    ArrayD::<T>::read_npy(BufReader::new(file)).map_err(|error| match error {
        ReadNpyError::WrongDescriptor(descriptor) => FeatureError::ElementType {
            path: path.to_owned(),
            actual: descriptor.to_string(),
        },
        other => FeatureError::Npy {
            path: path.to_owned(),
            reason: other.to_string(),
        },
    })
}

/// Writes a feature as a `.npy` file.
///
/// # Errors
/// When it cannot be written in full.
pub fn write(out: impl Write, feature: &Feature) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    feature
        .view()
        .write_npy(&mut out)
        .map_err(|error| match error {
            WriteNpyError::Io(error) => error,
            other => io::Error::other(other),
        })?;
    out.flush()
}

/// The file length that a `.npy` header declares: its own, and its extents' product at as many bytes
/// an element as the type descriptor names (at least one). `None` when the header is not understood,
/// which the reader proper then reports.
fn declared_bytes(file: &mut File) -> Option<u128> {
    let mut prefix = [0u8; 10];
    file.read_exact(&mut prefix).ok()?;
    let header_len = usize::from(u16::from_le_bytes([prefix[8], prefix[9]]));
    let mut header = vec![0u8; header_len];
    file.read_exact(&mut header).ok()?;
    let header = String::from_utf8(header).ok()?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest);
    let (shape, _) = after("'shape':")?.split_once('(')?.1.split_once(')')?;
    let element_bytes = after("'descr':")?
        .trim_start()
        .trim_start_matches('\'')
        .chars()
        .skip(2)
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse::<u128>()
        .unwrap_or(1);
    let data_bytes = shape
        .split(',')
        .map(str::trim)
        .filter(|extent| !extent.is_empty())
        .try_fold(element_bytes, |product, extent| {
            product.checked_mul(extent.parse().ok()?)
        })?;
    data_bytes.checked_add((prefix.len() + header_len) as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature() -> Feature {
        let shape = FeatureShape::new(1, 2, 3, 2).unwrap();
        Feature::new(shape, (0u8..12).map(f32::from).collect()).unwrap()
    }

    #[test]
    fn a_written_feature_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.npy");
        write(File::create(&path).unwrap(), &feature()).unwrap();
        assert_eq!(read(&path).unwrap(), feature());
    }

    #[test]
    fn another_rank_or_type_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.npy");
        ndarray_npy::write_npy(&path, &ndarray::array![[1.0f32, 2.0]]).unwrap();
        assert!(matches!(
            read(&path),
            Err(FeatureError::Rank { actual: 2, .. })
        ));
        ndarray_npy::write_npy(&path, &Array4::<f64>::zeros((1, 1, 2, 2))).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(
            message.contains("<f8") && message.contains("expected f32"),
            "{message}"
        );
    }

    #[test]
    fn nan_is_refused_with_the_file_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.npy");
        ndarray_npy::write_npy(&path, &Array4::from_elem((1, 1, 1, 2), f32::NAN)).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(
            message.contains("f.npy") && message.contains("not finite"),
            "{message}"
        );
    }

    #[test]
    fn a_truncated_file_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.npy");
        write(File::create(&path).unwrap(), &feature()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("truncated"), "{message}");
    }
}
