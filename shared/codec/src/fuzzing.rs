//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use bytes::Bytes;
use ndarray::Array2;
use splitsim_feature::packing::picture_extent;
use splitsim_feature::{FeatureShape, Task};
use splitsim_model::{RangeTable, ValueRange};

use crate::container::Ranges;
use crate::picture::{Codebook, PictureStage, Tables};
use crate::quantise::BitDepth;
use crate::{CodecOptions, Container, ContainerError, Limits};

/// Any bytes parse to an error or to a container that has exactly these bytes.
///
/// The CRC keeps a fuzzer out, so the input is completed to a right one: what comes behind the check is
/// reached too.
pub fn container(input: &[u8]) -> bool {
    let limits = Limits::default();
    let mut bytes = input.to_vec();
    if let Err(ContainerError::Crc { actual, .. }) =
        Container::parse(&Bytes::copy_from_slice(&bytes), &limits)
    {
        bytes[Container::HEADER_BYTES - 4..Container::HEADER_BYTES]
            .copy_from_slice(&actual.to_le_bytes());
    }
    let bytes = Bytes::from(bytes);
    let parsed = Container::parse(&bytes, &limits);
    if let Ok(container) = &parsed {
        assert_eq!(container.to_bytes(), bytes);
    }
    parsed.is_ok()
}

/// Any bytes parse to an error or to a codebook that writes and reads back as itself.
pub fn codebook(input: &[u8]) -> bool {
    let parsed = Codebook::parse(input);
    if let Ok(codebook) = &parsed {
        assert!(codebook.layers() > 0);
        // Safetensors may order and pad their header in several ways.
        let bytes = codebook.to_bytes().ok();
        let again = bytes.and_then(|bytes| Codebook::parse(&bytes).ok());
        assert_eq!(again.as_ref(), Some(codebook));
    }
    parsed.is_ok()
}

/// Any symbols, ranges and depth become an error or a feature of the shape asked for.
///
/// Eight bytes choose task, mode, depth, shape and the picture's extent, which may be another; ranges
/// and symbols are read from the others.
pub fn picture(input: &[u8]) -> bool {
    inverse(input).is_some()
}

fn inverse(input: &[u8]) -> Option<()> {
    let (choice, rest) = input.split_first_chunk::<8>()?;
    let pick = |at: usize, of: usize| usize::from(choice[at]) % of;
    let task = Task::ALL[pick(0, 3)];
    let layers = if task == Task::Dpt { 4 } else { 1 };
    let sides = [2, 3, 4, 5].map(|at| 1 + pick(at, 8));
    let shape = FeatureShape::new(sides[0], sides[1], sides[2], sides[3]).ok()?;
    let depth = BitDepth::new(choice[6])?;
    let stage = stage(task, layers)?;
    let (floats, symbols) = rest.split_at(rest.len().min(8 * sides[1]));
    let ranges = ranges(&stage, choice[1], floats)?;
    let (rows, columns) = picture_extent(shape);
    let extent = (rows + pick(7, 2), columns);
    let symbol = |(row, column): (usize, usize)| {
        let at = 2 * (row * extent.1 + column);
        let byte = |at: usize| symbols.get(at % symbols.len().max(1)).copied().unwrap_or(0);
        u16::from_le_bytes([byte(at), byte(at + 1)])
    };
    let picture = Array2::from_shape_fn(extent, symbol);
    let feature = stage.inverse(picture.view(), &ranges, depth, shape).ok()?;
    assert_eq!(feature.shape(), shape);
    assert!(feature.values().iter().all(|value| value.is_finite()));
    Some(())
}

fn stage(task: Task, layers: usize) -> Option<PictureStage> {
    let range = ValueRange::new(-13.5, 14.25)?;
    let centres = (0..16u8).map(|centre| f32::from(centre) - 7.5).collect();
    let tables = Tables {
        model: "fuzz".to_owned(),
        task,
        layers,
        ranges: RangeTable(vec![range; layers]),
        codebook: Codebook::new(&[centres]).ok(),
    };
    PictureStage::new(tables, &CodecOptions::default()).ok()
}

/// Ranges of a mode that the stage knows; inline ones from `floats`.
fn ranges(stage: &PictureStage, mode: u8, floats: &[u8]) -> Option<Ranges> {
    let tables = stage.tables();
    match mode % 4 {
        0 => Some(Ranges::Package(tables.ranges.digest().short())),
        1 => {
            let float = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            let pairs = floats.chunks_exact(8);
            let ranges = pairs.map(|pair| ValueRange::new(float(&pair[..4]), float(&pair[4..])));
            Some(Ranges::Inline(ranges.collect::<Option<_>>()?))
        }
        2 => Some(Ranges::Published),
        _ => {
            let codebook = tables.codebook.as_ref()?;
            Some(Ranges::Codebook(codebook.digest().short()))
        }
    }
}
