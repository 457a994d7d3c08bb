use bytes::{BufMut, BytesMut};
use splitsim_model::ValueRange;

use super::{ContainerError, eight_at, u32_at};

/// The source of the values that a layer's symbols stand for, as a decoder finds it in the container.
#[derive(Debug, Clone, PartialEq)]
pub enum Ranges {
    /// Uniform steps over the ranges of the model package, whose table has this short digest.
    Package([u8; 8]),
    /// Uniform steps over the ranges that stand here, one per layer.
    Inline(Vec<ValueRange>),
    /// Uniform steps over the ranges that the CFQA benchmark publishes for the task.
    Published,
    /// The centres of a codebook of the model package, which has this short digest.
    Codebook([u8; 8]),
}

impl Ranges {
    const PACKAGE: u8 = 0;
    const INLINE: u8 = 1;
    const PUBLISHED: u8 = 2;
    const CODEBOOK: u8 = 3;
    const DIGEST_BYTES: usize = 8;
    const RANGE_BYTES: usize = 8;

    pub(super) const fn mode(&self) -> u8 {
        match self {
            Self::Package(_) => Self::PACKAGE,
            Self::Inline(_) => Self::INLINE,
            Self::Published => Self::PUBLISHED,
            Self::Codebook(_) => Self::CODEBOOK,
        }
    }

    /// The bytes that these take in a container.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Package(_) | Self::Codebook(_) => Self::DIGEST_BYTES,
            Self::Inline(ranges) => ranges.len() * Self::RANGE_BYTES,
            Self::Published => 0,
        }
    }

    /// The bytes that ranges of this mode take in a container with `layers`.
    pub(super) const fn len_of_mode(mode: u8, layers: u16) -> Result<usize, ContainerError> {
        match mode {
            Self::PACKAGE | Self::CODEBOOK => Ok(Self::DIGEST_BYTES),
            Self::INLINE => Ok(layers as usize * Self::RANGE_BYTES),
            Self::PUBLISHED => Ok(0),
            other => Err(ContainerError::RangeMode(other)),
        }
    }

    pub(super) fn write(&self, bytes: &mut BytesMut) {
        match self {
            Self::Package(digest) | Self::Codebook(digest) => bytes.put_slice(digest),
            Self::Inline(ranges) => {
                for range in ranges {
                    bytes.put_f32_le(range.min());
                    bytes.put_f32_le(range.max());
                }
            }
            Self::Published => {}
        }
    }

    /// Reads what [`len_of_mode`](Self::len_of_mode) bytes say.
    pub(super) fn parse(mode: u8, bytes: &[u8]) -> Result<Self, ContainerError> {
        match mode {
            Self::PACKAGE => Ok(Self::Package(eight_at(bytes, 0))),
            Self::INLINE => Self::parse_inline(bytes),
            Self::PUBLISHED => Ok(Self::Published),
            Self::CODEBOOK => Ok(Self::Codebook(eight_at(bytes, 0))),
            other => Err(ContainerError::RangeMode(other)),
        }
    }

    fn parse_inline(bytes: &[u8]) -> Result<Self, ContainerError> {
        bytes
            .chunks_exact(Self::RANGE_BYTES)
            .enumerate()
            .map(|(layer, pair)| {
                let (min, max) = (u32_at(pair, 0), u32_at(pair, 4));
                let (min, max) = (f32::from_bits(min), f32::from_bits(max));
                ValueRange::new(min, max).ok_or(ContainerError::Range { layer, min, max })
            })
            .collect::<Result<_, _>>()
            .map(Self::Inline)
    }
}
