//! Depth maps: 16-bit grey PNGs.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;

use ndarray::Array2;
use png::{BitDepth, ColorType};
use splitsim_truth::DepthMap;

use crate::png_file::Stored;
use crate::{ImageExtent, SourceError, decode};

const MEANT: &str = "a depth map is a 16-bit grey PNG of millimetres";

/// The unit of a depth map's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DepthScale {
    /// Millimetres, unless the samples speak against it.
    #[default]
    Millimetres,
    /// This many samples per metre, without a check of the samples.
    PerMetre(NonZeroU32),
}

impl DepthScale {
    fn per_metre(self) -> u32 {
        match self {
            Self::Millimetres => MILLIMETRES,
            Self::PerMetre(samples) => samples.get(),
        }
    }
}

/// Reads a depth map in metres. Zero says that no depth was measured.
///
/// # Errors
/// When the file cannot be read, is damaged, is no 16-bit grey PNG, or its samples are hardly millimetres
/// and `scale` does not say what they are.
pub fn read_depth(path: &Path, scale: DepthScale) -> Result<DepthMap, SourceError> {
    read(path, scale).map(|(depth, _)| depth)
}

pub(crate) fn read(path: &Path, scale: DepthScale) -> Result<(DepthMap, ImageExtent), SourceError> {
    let stored = decode::stored(path, MEANT)?;
    match of_stored(&stored, scale) {
        Ok(depth) => Ok((depth, stored.extent)),
        Err(reason) => Err(SourceError::Image {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// The error is the reason.
pub(crate) fn of_stored(stored: &Stored, scale: DepthScale) -> Result<DepthMap, String> {
    let (ColorType::Grayscale, BitDepth::Sixteen) = (stored.color, stored.depth) else {
        let (color, bits) = (stored.color, stored.depth as u8);
        return Err(format!("{MEANT}, this one is {color:?} of {bits} bits"));
    };
    let (pairs, _) = stored.packed.as_chunks();
    let samples: Vec<u16> = pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
    if scale == DepthScale::Millimetres {
        check_millimetres(&samples)?;
    }
    let per_metre = scale.per_metre() as f32;
    let metres = samples
        .iter()
        .map(|&sample| f32::from(sample) / per_metre)
        .collect();
    let plane = (stored.extent.height(), stored.extent.width());
    let metres = Array2::from_shape_vec(plane, metres).map_err(|error| error.to_string())?;
    DepthMap::new(metres).map_err(|error| error.to_string())
}

const MILLIMETRES: u32 = 1000;
/// The smallest median depth expected of a room, in millimetres.
const LEAST_MEDIAN_MM: u16 = 300;
/// The farthest depth that the protocol judges (NYU Depth v2).
const FARTHEST_MM: u16 = 10_000;
/// Samples per metre of known data sets: metres, centimetres, KITTI, TUM RGB-D.
const SCALES: [u32; 4] = [1, 100, KITTI, TUM];
/// Samples per metre of KITTI, whose depths are projected from a laser scanner: one pixel in five has one.
const KITTI: u32 = 256;
/// A depth camera in a room measures at least one pixel in this many.
const LEAST_MEASURED: usize = 3;
/// Samples per metre of TUM RGB-D: a sensor's millimetres times five.
const TUM: u32 = 5000;
const TUM_FACTOR: u16 = 5;
/// This many different depths that are all multiples of five cannot be a coincidence.
const TUM_LEVELS: usize = 64;

/// Refuses samples that are hardly millimetres: evaluated all the same, they give figures of nothing.
fn check_millimetres(samples: &[u16]) -> Result<(), String> {
    let mut measured: Vec<u16> = samples
        .iter()
        .copied()
        .filter(|&s| s != 0 && s != u16::MAX)
        .collect();
    measured.sort_unstable();
    let Some(&median) = measured.get(measured.len() / 2) else {
        return Ok(());
    };
    let far = measured.len() - measured.partition_point(|&sample| sample <= FARTHEST_MM);
    let reason = if median < LEAST_MEDIAN_MM {
        format!("half of the depths are below {} m", metres_of(median + 1))
    } else if far * 4 > measured.len() {
        let percent = far * 100 / measured.len();
        format!("{percent} % of the depths are beyond 10 m")
    } else if is_fivefold(&measured) {
        return Err(complaint("all samples are multiples of 5", TUM));
    } else if measured.len() * LEAST_MEASURED < samples.len() {
        let percent = measured.len() * 100 / samples.len();
        let reason = format!("{percent} % of the pixels have a depth, as from a laser scanner");
        return Err(complaint(&reason, KITTI));
    } else {
        return Ok(());
    };
    Err(complaint(&reason, likely_scale(median)))
}

fn metres_of(millimetres: u16) -> f32 {
    f32::from(millimetres) / MILLIMETRES as f32
}

fn complaint(reason: &str, likely: u32) -> String {
    format!(
        "as millimetres, {reason}: likely {likely} samples per metre; say so with \
         depth-scale={likely} if it is so, or with depth-scale={MILLIMETRES} if they are millimetres"
    )
}

fn is_fivefold(sorted: &[u16]) -> bool {
    sorted.iter().all(|sample| sample % TUM_FACTOR == 0)
        && sorted.iter().collect::<BTreeSet<_>>().len() >= TUM_LEVELS
}

/// The scale at which the median is nearest to that of a room.
fn likely_scale(median: u16) -> u32 {
    const ROOM_M: f64 = 2.5;
    let distance = |scale: u32| (f64::from(median) / f64::from(scale) / ROOM_M).ln().abs();
    let nearest = SCALES
        .into_iter()
        .min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    nearest.unwrap_or(MILLIMETRES)
}
