//! The bound on what policies achieve: the best choice for someone who knows the true distortion of every
//! level.
//!
//! No edge knows it, so an oracle cannot be deployed.

use splitsim_feature::units::Bytes;
use splitsim_policy::Rung;

use crate::{RecordedFrame, Recording};

/// The rung of every frame with the fewest bytes of those whose true distortion is at most `limit`.
///
/// If no level is within the limit, it is the rung with the fewest bytes of all: the limit is exceeded in any
/// case. `None` for a frame that has no level with both bytes and a distortion.
#[must_use]
pub fn rungs(recording: &Recording, limit: f64) -> Vec<Option<Rung>> {
    let frames = recording.frames().iter();
    frames.map(|frame| rung(frame, limit)).collect()
}

fn rung(frame: &RecordedFrame, limit: f64) -> Option<Rung> {
    let fewest = |within: bool| {
        let points = frame.operating_points();
        points
            .filter(|(_, _, distortion)| !within || *distortion <= limit)
            .min_by_key(|(rung, bytes, _)| (*bytes, *rung))
            .map(|(rung, ..)| rung)
    };
    fewest(true).or_else(|| fewest(false))
}

/// The fewest bytes that a frame can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The fewest within the limit; `None` when no level is within it.
    pub within: Option<Bytes>,
    /// The fewest at any distortion.
    pub any: Bytes,
}

impl Floor {
    /// A frame's floor; `None` when none of its levels has both bytes and a distortion.
    #[must_use]
    pub fn of(frame: &RecordedFrame, limit: f64) -> Option<Self> {
        let bytes = |(_, bytes, _)| bytes;
        let within = |point: &(Rung, Bytes, f64)| point.2 <= limit;
        Some(Self {
            within: frame.operating_points().filter(within).map(bytes).min(),
            any: frame.operating_points().map(bytes).min()?,
        })
    }
}

/// The fewest bytes in which all these frames can be shipped with at most `violations` of them beyond
/// the limit. Frames without a level within it are beyond it in any case, even if they are more.
///
/// A frame that may exceed the limit saves the difference of its two floors, so the bound is reached when the
/// frames that save most exceed it.
#[must_use]
pub fn fewest_bytes(floors: &[Floor], violations: usize) -> Bytes {
    let unavoidable = floors.iter().filter(|floor| floor.within.is_none()).count();
    let all: Bytes = floors
        .iter()
        .map(|floor| floor.within.unwrap_or(floor.any))
        .sum();
    let mut savings: Vec<u64> = floors
        .iter()
        .filter_map(|floor| Some(floor.within?.0 - floor.any.0))
        .collect();
    savings.sort_unstable_by(|a, b| b.cmp(a));
    let chosen = violations.saturating_sub(unavoidable);
    Bytes(all.0 - savings.iter().take(chosen).sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn floor(within: Option<u64>, any: u64) -> Floor {
        let within = match within {
            Some(bytes) => Some(Bytes(bytes)),
            None => None,
        };
        Floor {
            within,
            any: Bytes(any),
        }
    }

    #[test]
    fn violations_go_where_they_save_most() {
        let floors = [floor(Some(100), 10), floor(Some(50), 40), floor(None, 30)];
        let check = |violations, expected| {
            assert_eq!(fewest_bytes(&floors, violations), Bytes(expected));
        };
        // The third frame exceeds the limit in any case.
        check(0, 180);
        check(1, 180);
        check(2, 90);
        check(3, 80);
        check(9, 80);
    }
}
