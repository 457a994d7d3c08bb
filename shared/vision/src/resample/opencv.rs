//! OpenCV's `resize` with `INTER_LINEAR`: two taps per axis, not antialiased when shrinking.

use crate::geometry::Size;

/// Coefficients are multiples of 1/2048 (OpenCV's `INTER_RESIZE_COEF_BITS`).
const COEFFICIENT_SCALE: f32 = 2048.0;

/// Resizes interleaved RGB samples.
pub(crate) fn resize(samples: &[u8], from: Size, to: Size) -> Vec<u8> {
    if from == to {
        return samples.to_vec();
    }
    let across = Taps::all(from.width, to.width);
    let down = Taps::all(from.height, to.height);
    let stride = 3 * from.width;
    let line = |row: usize| narrowed(&samples[row * stride..][..stride], &across);
    // Neighbouring output rows stand between the same two input rows, or move on by one.
    let mut lines: Vec<(usize, Vec<i32>)> = Vec::with_capacity(2);
    let mut resized = Vec::with_capacity(3 * to.width * to.height);
    for taps in &down {
        lines.retain(|(row, _)| taps.at.contains(row));
        for row in taps.at {
            if lines.iter().all(|(held, _)| *held != row) {
                lines.push((row, line(row)));
            }
        }
        let held = |row: usize| lines.iter().find(|(held, _)| *held == row);
        let [Some((_, above)), Some((_, below))] = taps.at.map(held) else {
            unreachable!("both rows were just made");
        };
        let pairs = above.iter().zip(below);
        resized.extend(pairs.map(|(&above, &below)| taps.blend_rows(above, below)));
    }
    resized
}

/// The two input samples that stand around an output sample, and their weights.
struct Taps {
    at: [usize; 2],
    weights: [i32; 2],
}

impl Taps {
    /// The taps of all `to` output samples of a line of `from` samples.
    fn all(from: usize, to: usize) -> Vec<Self> {
        // OpenCV takes the inverse of the inverse scale, and rounds positions to single precision.
        let scale = 1.0 / (to as f64 / from as f64);
        let last = from - 1;
        (0..to)
            .map(|index| {
                let position = ((index as f64 + 0.5) * scale - 0.5) as f32;
                let first = position.floor();
                let share = position - first;
                let weight = |share: f32| (share * COEFFICIENT_SCALE).round_ties_even() as i32;
                // Beyond the first and last sample both taps are that sample.
                let clamped = |at: f32| (at.max(0.0) as usize).min(last);
                Self {
                    at: [clamped(first), clamped(first + 1.0)],
                    weights: [weight(1.0 - share), weight(share)],
                }
            })
            .collect()
    }

    /// Two samples of a narrowed row into one, in OpenCV's order of shifts.
    fn blend_rows(&self, above: i32, below: i32) -> u8 {
        let [first, second] = self.weights;
        let part = |weight: i32, sample: i32| (weight * (sample >> 4)) >> 16;
        ((part(first, above) + part(second, below) + 2) >> 2).clamp(0, 255) as u8
    }
}

/// A row resized horizontally: samples times [`COEFFICIENT_SCALE`].
fn narrowed(row: &[u8], across: &[Taps]) -> Vec<i32> {
    let mut samples = Vec::with_capacity(3 * across.len());
    for Taps { at, weights } in across {
        samples.extend((0..3).map(|channel| {
            let sample = |tap: usize| i32::from(row[3 * at[tap] + channel]);
            weights[0] * sample(0) + weights[1] * sample(1)
        }));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: usize, height: usize) -> Size {
        Size { width, height }
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        // Two levels above a multiple of four round up, one does not.
        let grey = [10, 20, 0, 1, 30, 42, 0, 0];
        let samples: Vec<u8> = grey.iter().flat_map(|&level| [level; 3]).collect();
        let halved = resize(&samples, size(4, 2), size(2, 1));
        assert_eq!(halved, [26, 26, 26, 0, 0, 0]);
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        for level in [0, 1, 127, 254, 255] {
            let flat = vec![level; 3 * 5 * 7];
            for to in [size(1, 1), size(5, 6), size(13, 29), size(2, 50)] {
                let resized = resize(&flat, size(5, 7), to);
                assert_eq!(resized.len(), 3 * to.width * to.height);
                assert!(resized.iter().all(|&sample| sample == level), "{level}");
            }
        }
    }
}
