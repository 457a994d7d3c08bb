//! One coded feature as bytes: what a decoder must know, the payload, and checks on both.
//!
//! All integers and floats are little-endian.
//!
//! | offset | bytes | field |
//! |---:|---:|---|
//! | 0 | 4 | magic `SPLF` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | codec, [`CodecId::number`] |
//! | 6 | 1 | task: 1 cls, 2 seg, 3 dpt |
//! | 7 | 1 | level on the codec's ladder, 0 cheapest |
//! | 8 | 1 | bits of a sample, 1 to 16 |
//! | 9 | 1 | range mode: 0 package, 1 inline, 2 published, 3 codebook |
//! | 10 | 2 | views |
//! | 12 | 2 | layers |
//! | 14 | 4 | tokens |
//! | 18 | 4 | dim |
//! | 22 | 4 | payload bytes |
//! | 26 | 8 | digest of the decoded symbols, see [`SymbolDigest`] |
//! | 34 | 4 | CRC-32C (Castagnoli) of everything before and after this field |
//! | 38 | 8 | package mode: short digest of the package's range table |
//! | 38 | 8·layers | inline mode: per layer `f32` min, `f32` max |
//! | 38 | 0 | published mode: the benchmark's table for the task |
//! | 38 | 8 | codebook mode: short digest of the package's codebook |
//! | … | payload bytes | payload |
//!
//! So a container with the package's ranges is 46 bytes longer than its payload. Every one of these
//! bytes counts as rate: [`Container::bpfp`]. What a payload is made of is its codec's affair.

mod digest;
mod error;
mod ranges;

use bytes::{BufMut, Bytes, BytesMut};
use splitsim_feature::units::{self, Bpfp};
use splitsim_feature::{FeatureShape, Task};

pub use digest::SymbolDigest;
pub use error::ContainerError;
pub use ranges::Ranges;

use crate::quantise::BitDepth;
use crate::{CodecId, Level};

/// A coded feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    header: Header,
    payload: Bytes,
}

/// The description of the payload at the start of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The codec of the payload.
    pub codec: CodecId,
    /// The task that the feature is for.
    pub task: Task,
    /// The level that it was coded at.
    pub level: Level,
    /// The feature's shape.
    pub shape: FeatureShape,
    /// Bits of a sample.
    pub depth: BitDepth,
    /// The values that the symbols stand for.
    pub ranges: Ranges,
    /// Digest of the symbols that the payload decodes to.
    pub symbols: SymbolDigest,
}

/// The largest container that is accepted from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest payload, bytes. Default 64 MiB.
    pub payload_bytes: usize,
    /// The most feature points. Default 40 Mi, twice a ViT-g depth feature; decoding takes about
    /// 16 bytes of memory a point.
    pub points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 64 << 20,
            points: 40 << 20,
        }
    }
}

impl Container {
    /// The first four bytes.
    pub const MAGIC: [u8; 4] = *b"SPLF";
    /// The version that this code writes and reads.
    pub const VERSION: u8 = 1;
    /// Bytes before the ranges.
    pub const HEADER_BYTES: usize = 38;
    const CRC_OFFSET: usize = 34;
    const CRC_BYTES: usize = 4;

    /// A container of `payload`.
    ///
    /// # Errors
    /// When the shape or payload does not fit the format, or inline ranges are not one per layer.
    pub fn new(header: Header, payload: Bytes) -> Result<Self, ContainerError> {
        let shape = header.shape;
        let small = [shape.views(), shape.layers()].map(u16::try_from);
        let large = [shape.tokens(), shape.dim()].map(u32::try_from);
        if small.iter().any(Result::is_err) || large.iter().any(Result::is_err) {
            return Err(ContainerError::ShapeTooLarge { shape });
        }
        if u32::try_from(payload.len()).is_err() {
            return Err(ContainerError::PayloadTooLong {
                bytes: payload.len(),
                limit: u32::MAX as usize,
            });
        }
        match &header.ranges {
            Ranges::Inline(ranges) if ranges.len() != shape.layers() => {
                Err(ContainerError::RangeCount {
                    expected: shape.layers(),
                    actual: ranges.len(),
                })
            }
            Ranges::Inline(_) | Ranges::Package(_) | Ranges::Published | Ranges::Codebook(_) => {
                Ok(Self { header, payload })
            }
        }
    }

    /// The container's description of its payload.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The coded bytes.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The size of the payload alone.
    #[must_use]
    pub const fn payload_bytes(&self) -> units::Bytes {
        units::Bytes(self.payload.len() as u64)
    }

    /// The size of the whole container.
    #[must_use]
    pub const fn container_bytes(&self) -> units::Bytes {
        units::Bytes(self.len() as u64)
    }

    /// The rate of the whole container.
    #[must_use]
    pub fn bpfp(&self) -> Bpfp {
        self.container_bytes().per_point(self.header.shape)
    }

    /// The container's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let Header {
            codec,
            task,
            level,
            shape,
            depth,
            ranges,
            symbols,
        } = &self.header;
        let mut bytes = BytesMut::with_capacity(self.len());
        bytes.put_slice(&Self::MAGIC);
        bytes.put_slice(&[Self::VERSION, codec.number(), task_number(*task), level.0]);
        bytes.put_slice(&[depth.bits(), ranges.mode()]);
        // The constructor checked that each of these fits.
        bytes.put_u16_le(shape.views() as u16);
        bytes.put_u16_le(shape.layers() as u16);
        bytes.put_u32_le(shape.tokens() as u32);
        bytes.put_u32_le(shape.dim() as u32);
        bytes.put_u32_le(self.payload.len() as u32);
        bytes.put_slice(&symbols.0);
        bytes.put_u32_le(0);
        ranges.write(&mut bytes);
        bytes.put_slice(&self.payload);
        let crc = crc(&bytes).to_le_bytes();
        bytes[Self::CRC_OFFSET..Self::HEADER_BYTES].copy_from_slice(&crc);
        bytes.freeze()
    }

    /// Reads a container. The payload is shared with `bytes`, not copied.
    ///
    /// # Errors
    /// When the bytes are no container of this version, are damaged, truncated or too long, or
    /// declare more than `limits` allow. Nothing is allocated before that has been checked.
    pub fn parse(bytes: &Bytes, limits: &Limits) -> Result<Self, ContainerError> {
        let header = bytes.get(..Self::HEADER_BYTES);
        let header = header.ok_or_else(|| not_a_header(bytes))?;
        if header[..4] != Self::MAGIC || header[4] != Self::VERSION {
            return Err(not_a_header(bytes));
        }
        let layers = u16_at(header, 12);
        let range_bytes = Ranges::len_of_mode(header[9], layers)?;
        let payload_bytes = u32_at(header, 22) as usize;
        if payload_bytes > limits.payload_bytes {
            return Err(ContainerError::PayloadTooLong {
                bytes: payload_bytes,
                limit: limits.payload_bytes,
            });
        }
        check_length(
            Self::HEADER_BYTES + range_bytes + payload_bytes,
            bytes.len(),
        )?;
        check_crc(bytes, u32_at(header, Self::CRC_OFFSET))?;
        let payload = bytes.slice(Self::HEADER_BYTES + range_bytes..);
        let ranges = &bytes[Self::HEADER_BYTES..Self::HEADER_BYTES + range_bytes];
        Self::new(Header::parse(header, ranges, limits)?, payload)
    }

    const fn len(&self) -> usize {
        Self::HEADER_BYTES + self.header.ranges.len() + self.payload.len()
    }
}

impl Header {
    /// Reads the fixed header and the ranges after it, whose lengths and CRC have been checked.
    fn parse(header: &[u8], ranges: &[u8], limits: &Limits) -> Result<Self, ContainerError> {
        let codec = CodecId::from_number(header[5]).ok_or(ContainerError::Codec(header[5]))?;
        let task = task_of(header[6]).ok_or(ContainerError::Task(header[6]))?;
        let depth = BitDepth::new(header[8]).ok_or(ContainerError::Depth(header[8]))?;
        let shape = FeatureShape::new(
            usize::from(u16_at(header, 10)),
            usize::from(u16_at(header, 12)),
            u32_at(header, 14) as usize,
            u32_at(header, 18) as usize,
        )?;
        if shape.points() > limits.points {
            return Err(ContainerError::TooManyPoints {
                shape,
                limit: limits.points,
            });
        }
        Ok(Self {
            codec,
            task,
            level: Level(header[7]),
            shape,
            depth,
            ranges: Ranges::parse(header[9], ranges)?,
            symbols: SymbolDigest(eight_at(header, 26)),
        })
    }
}

/// The fault of bytes that do not start with a header of this version.
fn not_a_header(bytes: &[u8]) -> ContainerError {
    match bytes.first_chunk::<4>() {
        Some(magic) if *magic != Container::MAGIC => return ContainerError::Magic(*magic),
        _ => {}
    }
    match bytes.get(4) {
        Some(&version) if version != Container::VERSION => ContainerError::Version(version),
        _ => ContainerError::Truncated {
            expected: Container::HEADER_BYTES,
            actual: bytes.len(),
        },
    }
}

const fn check_length(expected: usize, actual: usize) -> Result<(), ContainerError> {
    if actual < expected {
        return Err(ContainerError::Truncated { expected, actual });
    }
    if actual > expected {
        return Err(ContainerError::TrailingBytes { expected, actual });
    }
    Ok(())
}

fn check_crc(bytes: &[u8], expected: u32) -> Result<(), ContainerError> {
    let actual = crc(bytes);
    if actual == expected {
        return Ok(());
    }
    Err(ContainerError::Crc { expected, actual })
}

/// CRC-32C of a container's bytes without the CRC field.
fn crc(bytes: &[u8]) -> u32 {
    let (before, rest) = bytes.split_at(Container::CRC_OFFSET);
    crc32c::crc32c_append(crc32c::crc32c(before), &rest[Container::CRC_BYTES..])
}

const fn task_number(task: Task) -> u8 {
    match task {
        Task::Cls => 1,
        Task::Seg => 2,
        Task::Dpt => 3,
    }
}

fn task_of(number: u8) -> Option<Task> {
    Task::ALL
        .into_iter()
        .find(|&task| task_number(task) == number)
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(bytes, offset)) | u32::from(u16_at(bytes, offset + 2)) << 16
}

fn eight_at(bytes: &[u8], offset: usize) -> [u8; 8] {
    std::array::from_fn(|index| bytes[offset + index])
}

#[cfg(test)]
mod tests;
