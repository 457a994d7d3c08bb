//! One layer as matrix products.

use std::ops::Range;

use rayon::prelude::*;

use super::product::{Columns, Panels};
use super::{ACTIVATION_LIMIT, Geometry, LayerWeights};
use crate::Planes;

/// Samples of one matrix of gathered inputs: 4 MiB, to stay near the processor.
pub(super) const STRIP_VALUES: usize = 1 << 19;

/// A layer whose weights lie as its products take them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    inputs: usize,
    outputs: usize,
    stride: usize,
    phases: Vec<Phase>,
    /// The constant added to the sums of each output: its bias, and half a unit for rounding.
    offsets: Vec<f64>,
    /// The divisor of each sum, which removes the weights' fractional bits.
    unit: f64,
}

/// The output samples whose row and column leave the remainders `y` and `x` by the stride: they see the
/// same kernel elements.
#[derive(Debug, Clone, PartialEq)]
struct Phase {
    y: usize,
    x: usize,
    taps: Vec<Tap>,
    /// `[outputs, taps · inputs]`.
    weights: Panels,
}

/// One kernel element and the input sample that it meets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    kernel: usize,
    dy: isize,
    dx: isize,
}

impl Layer {
    /// A layer of weights that were checked.
    pub(super) fn new(weights: &LayerWeights, geometry: Geometry) -> Self {
        let stride = geometry.stride();
        let phase = |index| Phase::new(weights, geometry, [index / stride, index % stride]);
        let unit = f64::from(1u32 << weights.shift);
        let half = (unit / 2.0).floor();
        Self {
            inputs: weights.inputs,
            outputs: weights.outputs,
            stride,
            phases: (0..stride * stride).map(phase).collect(),
            offsets: weights.biases.iter().map(|&b| b as f64 + half).collect(),
            unit,
        }
    }

    /// Its outputs: `stride` times as many rows and columns.
    pub(super) fn run(&self, input: &Planes<f64>) -> Planes<f64> {
        let (height, width) = (input.height(), input.width());
        let (out_height, out_width) = (height * self.stride, width * self.stride);
        let strips = self.strips(height, width);
        let sums: Vec<Vec<f64>> = strips
            .par_iter()
            .with_max_len(1)
            .map(|(phase, rows)| self.sums(phase, input, rows.clone()))
            .collect();
        let mut values = vec![0.0; self.outputs * out_height * out_width];
        for ((phase, rows), sums) in strips.iter().zip(&sums) {
            let places = (0..self.outputs).flat_map(|output| {
                let line = move |row| output * out_height + row * self.stride + phase.y;
                rows.clone().map(line)
            });
            for (line, sums) in places.zip(sums.chunks_exact(width.max(1))) {
                let line = &mut values[line * out_width..][..out_width];
                let samples = line.iter_mut().skip(phase.x).step_by(self.stride);
                for (sample, &sum) in samples.zip(sums) {
                    *sample = sum;
                }
            }
        }
        Planes::new(self.outputs, out_height, out_width, values)
            .expect("the values were made for this extent")
    }

    /// All phases of all rows, in pieces that the cache holds, and enough of them for every thread.
    fn strips(&self, height: usize, width: usize) -> Vec<(&Phase, Range<usize>)> {
        let shares = (2 * rayon::current_num_threads()).div_ceil(self.phases.len());
        let mut strips = Vec::new();
        for phase in &self.phases {
            let fitting = STRIP_VALUES / (phase.taps.len() * self.inputs * width).max(1);
            let rows = fitting.min(height.div_ceil(shares)).max(1);
            let firsts = (0..height).step_by(rows);
            strips.extend(firsts.map(|first| (phase, first..(first + rows).min(height))));
        }
        strips
    }

    /// The outputs of a phase for some rows of the input, `[outputs, rows · width]`.
    fn sums(&self, phase: &Phase, input: &Planes<f64>, rows: Range<usize>) -> Vec<f64> {
        let columns = rows.len() * input.width();
        let mut sums = phase.weights.times(&phase.gathered_inputs(input, rows));
        // A plane without columns has no chunk; one keeps the chunk size valid.
        for (row, &offset) in sums.chunks_exact_mut(columns.max(1)).zip(&self.offsets) {
            for sum in row {
                // An exact integer, which divided by a power of two is exact too: rounded half up.
                *sum = ((*sum + offset) / self.unit)
                    .floor()
                    .clamp(0.0, ACTIVATION_LIMIT);
            }
        }
        sums
    }
}

impl Phase {
    fn new(layer: &LayerWeights, geometry: Geometry, [y, x]: [usize; 2]) -> Self {
        let (inputs, outputs, kernel) = (layer.inputs, layer.outputs, geometry.kernel());
        let taps: Vec<Tap> = geometry
            .reach(y)
            .iter()
            .flat_map(|&(ky, dy)| {
                let tap = move |(kx, dx)| Tap {
                    kernel: ky * kernel + kx,
                    dy,
                    dx,
                };
                geometry.reach(x).into_iter().map(tap)
            })
            .collect();
        let weight = |output: usize, column: usize| {
            let (tap, input) = (&taps[column / inputs], column % inputs);
            let filter = match geometry {
                Geometry::Double => input * outputs + output,
                Geometry::Same => output * inputs + input,
            };
            f64::from(layer.weights[filter * kernel * kernel + tap.kernel])
        };
        let weights = Panels::new(outputs, taps.len() * inputs, weight);
        Self {
            y,
            x,
            taps,
            weights,
        }
    }

    /// `[taps · inputs, rows · width]`, zero outside of the input.
    fn gathered_inputs(&self, input: &Planes<f64>, rows: Range<usize>) -> Columns {
        let (height, width) = (input.height(), input.width());
        let mut gathered = Columns::zeros(self.weights.depth(), rows.len() * width);
        let mut places = gathered.rows_mut();
        for tap in &self.taps {
            for (plane, place) in input.planes().zip(&mut places) {
                let lines = place.chunks_exact_mut(width.max(1));
                for (row, line) in rows.clone().zip(lines) {
                    let Some(y) = row.checked_add_signed(tap.dy).filter(|&y| y < height) else {
                        continue;
                    };
                    let source = &plane[y * width..][..width];
                    match tap.dx {
                        0 => line.copy_from_slice(source),
                        1 => line[..width - 1].copy_from_slice(&source[1..]),
                        _ => line[1..].copy_from_slice(&source[..width - 1]),
                    }
                }
            }
        }
        drop(places);
        gathered
    }
}
