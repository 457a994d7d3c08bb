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
//! | 9 | 1 | range mode: 0 package, 1 inline |
//! | 10 | 2 | views |
//! | 12 | 2 | layers |
//! | 14 | 4 | tokens |
//! | 18 | 4 | dim |
//! | 22 | 4 | payload bytes |
//! | 26 | 8 | digest of the decoded symbols, see [`SymbolDigest`] |
//! | 34 | 4 | CRC-32C (Castagnoli) of everything before and after this field |
//! | 38 | 8 | package mode: short digest of the package's range table |
//! | 38 | 8·layers | inline mode: per layer `f32` min, `f32` max |
//! | … | payload bytes | payload |
//!
//! So a container with the package's ranges is 46 bytes longer than its payload. Every one of these
//! bytes counts as rate: [`Container::bpfp`].

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use ndarray::ArrayView2;
use splitsim_feature::units::{self, Bpfp};
use splitsim_feature::{FeatureError, FeatureShape, Task};
use splitsim_model::ValueRange;

use crate::quantise::BitDepth;
use crate::{CodecId, Level};

/// A coded feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    header: Header,
    payload: Bytes,
}

/// What a container says about its payload.
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
    /// What the symbols' values are.
    pub ranges: Ranges,
    /// Digest of the symbols that the payload decodes to.
    pub symbols: SymbolDigest,
}

/// Where a decoder finds the value range of each layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Ranges {
    /// In the model package, whose range table has this short digest.
    Package([u8; 8]),
    /// Here, one per layer.
    Inline(Vec<ValueRange>),
}

/// The first eight bytes of the BLAKE3 digest of a decoded picture's symbols: `u16` little-endian,
/// row by row, without padding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SymbolDigest(pub [u8; 8]);

/// How large a container may be that is read from outside.
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
    const RANGE_BYTES: usize = 8;

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
            Ranges::Inline(_) | Ranges::Package(_) => Ok(Self { header, payload }),
        }
    }

    /// What the container says about its payload.
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
        let range_bytes = range_bytes(header[9], layers)?;
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
        let ranges = match &self.header.ranges {
            Ranges::Package(_) => Self::RANGE_BYTES,
            Ranges::Inline(ranges) => ranges.len() * Self::RANGE_BYTES,
        };
        Self::HEADER_BYTES + ranges + self.payload.len()
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

impl Ranges {
    const PACKAGE: u8 = 0;
    const INLINE: u8 = 1;

    const fn mode(&self) -> u8 {
        match self {
            Self::Package(_) => Self::PACKAGE,
            Self::Inline(_) => Self::INLINE,
        }
    }

    fn write(&self, bytes: &mut BytesMut) {
        match self {
            Self::Package(digest) => bytes.put_slice(digest),
            Self::Inline(ranges) => {
                for range in ranges {
                    bytes.put_f32_le(range.min());
                    bytes.put_f32_le(range.max());
                }
            }
        }
    }

    fn parse(mode: u8, bytes: &[u8]) -> Result<Self, ContainerError> {
        if mode == Self::PACKAGE {
            return Ok(Self::Package(eight_at(bytes, 0)));
        }
        bytes
            .chunks_exact(Container::RANGE_BYTES)
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

impl SymbolDigest {
    /// The digest of a picture.
    #[must_use]
    pub fn of(symbols: ArrayView2<'_, u16>) -> Self {
        let bytes: Vec<u8> = symbols.iter().flat_map(|s| s.to_le_bytes()).collect();
        Self(eight_at(blake3::hash(&bytes).as_bytes(), 0))
    }
}

impl fmt::Display for SymbolDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SymbolDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymbolDigest({self})")
    }
}

/// Why bytes are no container, or a feature cannot be put into one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContainerError {
    /// The bytes end early.
    #[error("container truncated: {actual} bytes of {expected}")]
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Bytes follow the container.
    #[error("container too long: {actual} bytes instead of {expected}")]
    TrailingBytes {
        /// Bytes declared.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Something else than a container.
    #[error("no container: it starts with {0:02x?}, not with 'SPLF'")]
    Magic([u8; 4]),
    /// Another version's container.
    #[error("container version {0}, this program reads version {known}", known = Container::VERSION)]
    Version(u8),
    /// Damaged on the way.
    #[error("container damaged: CRC-32C {actual:08x}, expected {expected:08x}")]
    Crc {
        /// The CRC in the container.
        expected: u32,
        /// The CRC of its bytes.
        actual: u32,
    },
    /// A codec that this program does not know.
    #[error("container of unknown codec {0}")]
    Codec(u8),
    /// A task that this program does not know.
    #[error("container of unknown task {0}")]
    Task(u8),
    /// No valid sample depth.
    #[error("container with {0} bit samples, expected 1 to 16")]
    Depth(u8),
    /// A range mode that this program does not know.
    #[error("container with unknown range mode {0}")]
    RangeMode(u8),
    /// Inline values that are no range.
    #[error("container's layer {layer}: [{min}, {max}] is no value range")]
    Range {
        /// The layer.
        layer: usize,
        /// Its lower end.
        min: f32,
        /// Its upper end.
        max: f32,
    },
    /// Not one inline range per layer.
    #[error("{actual} value ranges for {expected} layers")]
    RangeCount {
        /// Layers of the shape.
        expected: usize,
        /// Ranges given.
        actual: usize,
    },
    /// No valid feature shape.
    #[error("container: {0}")]
    Shape(String),
    /// A shape that the format cannot express: views and layers have 16 bits.
    #[error("feature shape {shape} does not fit into a container")]
    ShapeTooLarge {
        /// The shape.
        shape: FeatureShape,
    },
    /// More points than the limit.
    #[error("container of shape {shape} has more than {limit} points")]
    TooManyPoints {
        /// The declared shape.
        shape: FeatureShape,
        /// The limit in force.
        limit: usize,
    },
    /// A longer payload than the limit.
    #[error("payload of {bytes} bytes is longer than {limit}")]
    PayloadTooLong {
        /// The payload's length.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
}

impl From<FeatureError> for ContainerError {
    fn from(error: FeatureError) -> Self {
        Self::Shape(error.to_string())
    }
}

/// What is wrong with bytes that do not start with a header of this version.
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

const fn range_bytes(mode: u8, layers: u16) -> Result<usize, ContainerError> {
    match mode {
        Ranges::PACKAGE => Ok(Container::RANGE_BYTES),
        Ranges::INLINE => Ok(layers as usize * Container::RANGE_BYTES),
        other => Err(ContainerError::RangeMode(other)),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(ranges: Ranges) -> Header {
        Header {
            codec: CodecId::Hevc,
            task: Task::Dpt,
            level: Level(7),
            shape: FeatureShape::new(2, 4, 257, 192).unwrap(),
            depth: BitDepth::TEN,
            ranges,
            symbols: SymbolDigest(*b"symbols!"),
        }
    }

    fn package() -> Container {
        let header = header(Ranges::Package(*b"my table"));
        Container::new(header, Bytes::from_static(b"payload")).unwrap()
    }

    fn inline() -> Container {
        let range = |min: f32| ValueRange::new(min, 2.0).unwrap();
        let header = header(Ranges::Inline([-1.0, -2.0, 0.5, 1.0].map(range).to_vec()));
        Container::new(header, Bytes::from_static(b"payload")).unwrap()
    }

    fn parse(bytes: &[u8]) -> Result<Container, ContainerError> {
        Container::parse(&Bytes::copy_from_slice(bytes), &Limits::default())
    }

    /// Changes bytes and makes the CRC right again.
    fn forged(container: &Container, offset: usize, bytes: &[u8]) -> Vec<u8> {
        let mut forged = container.to_bytes().to_vec();
        forged[offset..offset + bytes.len()].copy_from_slice(bytes);
        let crc = crc(&forged).to_le_bytes();
        forged[34..38].copy_from_slice(&crc);
        forged
    }

    #[test]
    fn the_bytes_are_those_of_the_table() {
        #[rustfmt::skip]
        let mut expected = vec![
            b'S', b'P', b'L', b'F', 1, 1, 3, 7, 10, 0,
            2, 0, 4, 0, 1, 1, 0, 0, 192, 0, 0, 0, 7, 0, 0, 0,
            b's', b'y', b'm', b'b', b'o', b'l', b's', b'!',
            // CRC-32C by bit-wise division, see the test below.
            0, 0, 0, 0,
            b'm', b'y', b' ', b't', b'a', b'b', b'l', b'e',
            b'p', b'a', b'y', b'l', b'o', b'a', b'd',
        ];
        let covered: Vec<u8> = [&expected[..34], &expected[38..]].concat();
        expected[34..38].copy_from_slice(&bitwise_crc32c(&covered).to_le_bytes());
        assert_eq!(package().to_bytes(), expected);
        assert_eq!(
            package().container_bytes(),
            units::Bytes(expected.len() as u64)
        );
        assert_eq!(package().payload_bytes(), units::Bytes(7));
        let bits = expected.len() as f64 * 8.0;
        assert_eq!(package().bpfp().0, bits / (2.0 * 4.0 * 257.0 * 192.0));
    }

    /// RFC 3720, appendix B.4: polynomial 0x1EDC6F41 reflected, all ones in and out.
    fn bitwise_crc32c(bytes: &[u8]) -> u32 {
        let shift = |crc: u32, _| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        !bytes
            .iter()
            .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
    }

    #[test]
    fn the_crc_is_the_castagnoli_one() {
        // The check value of CRC-32C in the catalogue of parametrised CRC algorithms.
        assert_eq!(bitwise_crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn inline_ranges_take_eight_bytes_a_layer() {
        let bytes = inline().to_bytes();
        assert_eq!(bytes.len(), 38 + 4 * 8 + 7);
        assert_eq!(bytes[9], 1);
        assert_eq!(bytes[38..46], [0, 0, 0x80, 0xBF, 0, 0, 0, 0x40]);
    }

    #[test]
    fn what_was_written_reads_back() {
        for container in [package(), inline()] {
            assert_eq!(parse(&container.to_bytes()), Ok(container));
        }
    }

    #[test]
    fn each_kind_of_nonsense_has_its_error() {
        let bytes = package().to_bytes();
        let check = |bytes: &[u8], expected: ContainerError| {
            assert_eq!(parse(bytes).unwrap_err(), expected);
        };
        check(
            &bytes[..37],
            ContainerError::Truncated {
                expected: 38,
                actual: 37,
            },
        );
        check(
            &bytes[..52],
            ContainerError::Truncated {
                expected: 53,
                actual: 52,
            },
        );
        check(
            &[&bytes[..], b"!"].concat(),
            ContainerError::TrailingBytes {
                expected: 53,
                actual: 54,
            },
        );
        check(b"GIF89a", ContainerError::Magic(*b"GIF8"));
        check(b"SPLF\x02", ContainerError::Version(2));
        check(&forged(&package(), 5, &[99]), ContainerError::Codec(99));
        check(&forged(&package(), 6, &[0]), ContainerError::Task(0));
        check(&forged(&package(), 8, &[17]), ContainerError::Depth(17));
        check(&forged(&package(), 9, &[2]), ContainerError::RangeMode(2));
        let empty = forged(&package(), 10, &[0, 0]);
        assert!(matches!(
            parse(&empty).unwrap_err(),
            ContainerError::Shape(_)
        ));
        let turned = forged(&inline(), 38, &3f32.to_le_bytes());
        let (layer, min, max) = (0, 3.0, 2.0);
        check(&turned, ContainerError::Range { layer, min, max });
    }

    #[test]
    fn declared_sizes_are_held_against_the_limits() {
        let bytes = package().to_bytes();
        let limits = Limits {
            payload_bytes: 6,
            ..Limits::default()
        };
        assert_eq!(
            Container::parse(&bytes, &limits),
            Err(ContainerError::PayloadTooLong { bytes: 7, limit: 6 })
        );
        let limits = Limits {
            points: 1000,
            ..Limits::default()
        };
        assert!(matches!(
            Container::parse(&bytes, &limits),
            Err(ContainerError::TooManyPoints { limit: 1000, .. })
        ));
        let huge = forged(&package(), 22, &u32::MAX.to_le_bytes());
        assert!(matches!(
            parse(&huge),
            Err(ContainerError::PayloadTooLong { .. })
        ));
    }

    #[test]
    fn what_does_not_fit_is_refused_when_written() {
        let mut wide = header(Ranges::Package([0; 8]));
        wide.shape = FeatureShape::new(65_536, 1, 1, 1).unwrap();
        assert!(matches!(
            Container::new(wide, Bytes::new()),
            Err(ContainerError::ShapeTooLarge { .. })
        ));
        let ranges = Ranges::Inline(vec![ValueRange::new(0.0, 1.0).unwrap()]);
        assert_eq!(
            Container::new(header(ranges), Bytes::new()),
            Err(ContainerError::RangeCount {
                expected: 4,
                actual: 1
            })
        );
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_found(inlined: bool, bit in 0usize..1_000_000) {
            let container = if inlined { inline() } else { package() };
            let mut bytes = container.to_bytes().to_vec();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_no_container(bytes: Vec<u8>) {
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn arbitrary_fields_never_panic(fields in prop::collection::vec(any::<u8>(), 29..200)) {
            let mut bytes = package().to_bytes().to_vec();
            bytes.truncate(5);
            bytes.extend(&fields);
            // Right length and CRC, so that every field behind them is reached.
            if bytes.len() >= 46 {
                bytes[9] %= 2;
                let ranges = range_bytes(bytes[9], u16_at(&bytes, 12)).unwrap();
                let payload = bytes.len().saturating_sub(38 + ranges) as u32;
                bytes[22..26].copy_from_slice(&payload.to_le_bytes());
                let crc = crc(&bytes).to_le_bytes();
                bytes[34..38].copy_from_slice(&crc);
            }
            if let Ok(container) = parse(&bytes) {
                prop_assert_eq!(container.to_bytes(), bytes);
            }
        }
    }
}
