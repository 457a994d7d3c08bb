//! First weights, as CompressAI and PyTorch choose them.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::chance::{Draw, uniform};
use crate::layers::stored;
use crate::{HyperpriorError, Parameters, Widths};

/// `init_scale` of CompressAI's `EntropyBottleneck`.
const PRIOR_SCALE: f64 = 10.0;
/// Outputs of the prior's layers.
const PRIOR_WIDTHS: [f64; 5] = [3.0, 3.0, 3.0, 3.0, 1.0];

pub(super) fn parameters(seed: u64, widths: Widths) -> Result<Parameters, HyperpriorError> {
    let mut generator = Draw::Weights.generator(seed);
    let tensors = widths
        .shapes()
        .into_iter()
        .map(|(name, shape)| {
            let tensor = tensor(&name, &shape, &mut generator)?;
            Ok((name, tensor))
        })
        .collect::<Result<BTreeMap<_, _>, HyperpriorError>>()?;
    Ok(Parameters::from_own(widths, tensors))
}

fn tensor(
    name: &str,
    shape: &[i64],
    generator: &mut ChaCha8Rng,
) -> Result<Tensor, HyperpriorError> {
    let options = (Kind::Float, Device::Cpu);
    let filled = |value: f64| Tensor::f_full(shape, value, options);
    let last = name.rsplit('.').next().unwrap_or(name);
    let layer = last.parse::<usize>().ok();
    Ok(match (shape, last) {
        (&[_, inputs, rows, columns], _) => {
            // PyTorch's default: uniform with bound 1/√fan-in, taken from the weight's second side.
            let bound = 1.0 / ((inputs * rows * columns) as f64).sqrt();
            uniform(shape, bound, generator)?
        }
        (_, "beta") => filled(stored(1.0))?,
        (&[channels, _], "gamma") => {
            let tenth = Tensor::f_eye(channels, options)?.f_mul_scalar(0.1)?;
            tenth.f_add_scalar(stored(0.0).powi(2))?.f_sqrt()?
        }
        (&[channels, _, _], "quantiles") => {
            let three = Tensor::f_from_slice(&[-PRIOR_SCALE as f32, 0.0, PRIOR_SCALE as f32])?;
            three.f_reshape([1, 1, 3])?.f_repeat([channels, 1, 1])?
        }
        _ if name.contains("matrices") => {
            let outputs = PRIOR_WIDTHS[layer.unwrap_or(0).min(4)];
            let scale = PRIOR_SCALE.powf(1.0 / PRIOR_WIDTHS.len() as f64);
            filled((1.0 / scale / outputs).exp_m1().ln())?
        }
        _ if name.contains("biases") => uniform(shape, 0.5, generator)?,
        _ => filled(0.0)?,
    })
}
