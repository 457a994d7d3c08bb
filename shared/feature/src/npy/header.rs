//! The header of a `.npy` file.

use std::io::Read;

use super::NpyError;
use super::element::ByteOrder;
use super::literal::{Literal, parse};
use crate::FeatureShape;

const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The longest literal that is read; also NumPy's limit for files that it does not trust.
const MAX_LITERAL_BYTES: u32 = 10_000;
/// The most dimensions of an array, NumPy's `NPY_MAXDIMS`.
const MAX_RANK: usize = 64;
/// The array begins at a multiple of this.
const ALIGNMENT: usize = 64;
/// Digits for which NumPy leaves space, so that the first extent can grow in place.
const GROWTH_DIGITS: usize = 21;

/// The array that a file declares.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) order: ByteOrder,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Offset of the array in the file, in bytes.
    pub(super) bytes: u64,
}

impl Header {
    /// Bytes of the longest header.
    pub(super) const MAX_BYTES: usize = 12 + MAX_LITERAL_BYTES as usize;

    /// Reads a header and no byte more.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, NpyError> {
        let mut start = [0; 8];
        reader
            .read_exact(&mut start)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => NpyError::Magic,
                _ => error.into(),
            })?;
        let [magic @ .., major, minor] = start;
        if magic != MAGIC {
            return Err(NpyError::Magic);
        }
        let (literal_bytes, length_bytes) = match (major, minor) {
            (1, 0) => (u32::from(u16::from_le_bytes(array(reader)?)), 2),
            (2 | 3, 0) => (u32::from_le_bytes(array(reader)?), 4),
            _ => return Err(NpyError::Version { major, minor }),
        };
        if literal_bytes > MAX_LITERAL_BYTES {
            return Err(NpyError::HeaderLength {
                bytes: literal_bytes,
                limit: MAX_LITERAL_BYTES,
            });
        }
        let mut literal = vec![0; literal_bytes as usize];
        reader.read_exact(&mut literal)?;
        let literal = match major {
            3 => String::from_utf8(literal).map_err(|_| NpyError::HeaderText)?,
            // Latin-1, in which every byte is the character of its number.
            _ => literal.into_iter().map(char::from).collect(),
        };
        let bytes = 8 + length_bytes + u64::from(literal_bytes);
        Self::from_literal(parse(&literal, major < 3)?, bytes)
    }

    fn from_literal(literal: Literal, bytes: u64) -> Result<Self, NpyError> {
        const KEYS: &str = "the keys 'descr', 'fortran_order' and 'shape'";
        let Literal::Dict(entries) = literal else {
            return Err(NpyError::Header {
                expected: "a dictionary",
            });
        };
        let value = |name: &str| {
            let mut of_name = entries
                .iter()
                .filter(|(key, _)| matches!(key, Literal::Text(key) if key == name));
            match (of_name.next(), of_name.next()) {
                (Some((_, value)), None) => Ok(value),
                _ => Err(NpyError::Header { expected: KEYS }),
            }
        };
        let (order, shape) = (value("fortran_order")?, value("shape")?);
        let descriptor = value("descr")?;
        if entries.len() != 3 {
            return Err(NpyError::Header { expected: KEYS });
        }
        let &Literal::Bool(fortran_order) = order else {
            return Err(NpyError::Header {
                expected: "'fortran_order' True or False",
            });
        };
        Ok(Self {
            shape: extents(shape)?,
            order: ByteOrder::of(descriptor)?,
            fortran_order,
            bytes,
        })
    }

    /// Elements of the array, at most [`FeatureShape::MAX_POINTS`].
    pub(super) fn points(&self) -> Result<usize, NpyError> {
        let extents = self.shape.iter();
        extents
            .copied()
            .try_fold(1usize, usize::checked_mul)
            .filter(|&points| points <= FeatureShape::MAX_POINTS)
            .ok_or_else(|| NpyError::TooLarge {
                shape: self.shape.clone(),
            })
    }
}

fn extents(shape: &Literal) -> Result<Vec<usize>, NpyError> {
    const EXPECTED: NpyError = NpyError::Header {
        expected: "'shape' as a tuple of at most 64 extents",
    };
    let Literal::Tuple(extents) = shape else {
        return Err(EXPECTED);
    };
    let extent = |extent: &Literal| match extent {
        &Literal::Int(extent) => usize::try_from(extent).map_err(|_| EXPECTED),
        _ => Err(EXPECTED),
    };
    match extents.len() <= MAX_RANK {
        true => extents.iter().map(extent).collect(),
        false => Err(EXPECTED),
    }
}

fn array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], NpyError> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The header that `numpy.save` writes before little-endian `f32` in row-major order.
pub(super) fn written([views, layers, tokens, dim]: [usize; 4]) -> Vec<u8> {
    let growth = GROWTH_DIGITS - views.to_string().len();
    let literal = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({views}, {layers}, {tokens}, {dim}), }}{}",
        " ".repeat(growth)
    );
    // Magic, version, length and the line's end.
    let unpadded = 6 + 2 + 2 + literal.len() + 1;
    let padding = ALIGNMENT - unpadded % ALIGNMENT;
    // Four extents of twenty digits and the padding are far below 65,536 bytes.
    let length = (literal.len() + padding + 1) as u16;
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend(length.to_le_bytes());
    header.extend(literal.bytes());
    header.extend(std::iter::repeat_n(b' ', padding));
    header.push(b'\n');
    header
}
