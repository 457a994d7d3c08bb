//! A hyperprior run on crops, for its loss.

use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::Figures;
use super::chance::uniform;
use crate::layers::Sequence;
use crate::{HyperpriorError, Parameters, entropy};

/// The treatment of rounding in a forward pass.
#[derive(Debug)]
pub(super) enum Rounding<'a> {
    /// Uniform noise in ±½ from this generator: differentiable, and the same on average.
    Noise(&'a mut ChaCha8Rng),
    /// Rounding, as in use.
    Real,
}

/// The loss of crops, and what it is made of.
pub(super) struct Losses {
    pub(super) loss: Tensor,
    bits_per_point: Tensor,
    mse: Tensor,
}

/// CompressAI's `ScaleHyperprior.forward` and `RateDistortionLoss`.
pub(super) fn losses(
    parameters: &Parameters,
    crops: &Tensor,
    lambda: f64,
    rounding: Rounding<'_>,
) -> Result<Losses, HyperpriorError> {
    let y = Sequence::analysis(parameters)?.forward(crops)?;
    let z = Sequence::hyper_analysis(parameters)?.forward(&y.f_abs()?)?;
    let (y_hat, z_hat) = match rounding {
        Rounding::Noise(generator) => (noisy(&y, generator)?, noisy(&z, generator)?),
        Rounding::Real => {
            let medians = parameters.get("entropy_bottleneck.quantiles")?;
            let medians = medians.f_narrow(2, 1, 1)?.f_reshape([1, -1, 1, 1])?;
            (y.f_round()?, z.f_sub(&medians)?.f_round()?.f_add(&medians)?)
        }
    };
    let of_z = entropy::factorised(parameters, &z_hat)?;
    let scales = Sequence::hyper_synthesis(parameters)?.forward(&z_hat)?;
    let of_y = entropy::gaussian(&y_hat, &scales)?;
    let reconstruction = Sequence::synthesis(parameters)?.forward(&y_hat)?;
    let bits = entropy::bits(&of_z)?.f_add(&entropy::bits(&of_y)?)?;
    let bits_per_point = bits.f_div_scalar(crops.numel() as f64)?;
    let mse = reconstruction
        .f_sub(crops)?
        .f_square()?
        .f_mean(Kind::Float)?;
    let loss = mse
        .f_mul_scalar(lambda * 255.0 * 255.0)?
        .f_add(&bits_per_point)?;
    Ok(Losses {
        loss,
        bits_per_point,
        mse,
    })
}

impl Losses {
    pub(super) fn figures(&self) -> Result<Figures, HyperpriorError> {
        Ok(Figures {
            loss: self.loss.f_double_value(&[])?,
            bits_per_point: self.bits_per_point.f_double_value(&[])?,
            mse: self.mse.f_double_value(&[])?,
        })
    }
}

fn noisy(latent: &Tensor, generator: &mut ChaCha8Rng) -> Result<Tensor, HyperpriorError> {
    let noise = uniform(&latent.size(), 0.5, generator)?.f_to_device(latent.device())?;
    Ok(latent.f_add(&noise)?)
}
