//! The random numbers of a training.
//!
//! libtorch's generator belongs to the whole process: any other draw from it would change the
//! result of the training. Here every draw has its own stream, which depends only on the seed and
//! the position in the training.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::HyperpriorError;

/// The purpose of a stream of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// The first weights.
    Weights,
    /// The choice of the crops of a step.
    Crops { level: usize, step: usize },
    /// The noise that replaces rounding in a step.
    Noise { level: usize, step: usize },
}

impl Draw {
    /// The generator of this draw.
    pub(super) fn generator(self, seed: u64) -> ChaCha8Rng {
        let place = |level: usize, step: usize| (level as u64) << 40 | step as u64;
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(match self {
            Self::Crops { level, step } => place(level, step),
            Self::Noise { level, step } => 1 << 62 | place(level, step),
            Self::Weights => 1 << 63,
        });
        generator
    }
}

/// A tensor of values from `-bound` to below `bound`, all alike probable.
pub(super) fn uniform(
    shape: &[i64],
    bound: f64,
    generator: &mut ChaCha8Rng,
) -> Result<Tensor, HyperpriorError> {
    let count = shape.iter().product::<i64>() as usize;
    let bound = bound as f32;
    let values: Vec<f32> = (0..count)
        .map(|_| generator.random_range(-bound..bound))
        .collect();
    Ok(Tensor::f_from_slice(&values)?.f_reshape(shape)?)
}
