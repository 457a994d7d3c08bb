//! Likelihoods of `y` and `z` as tensors, to train with and to estimate rates.

use splitsim_latent::gaussian::{MIN_LIKELIHOOD, MIN_SCALE};
use tch::Tensor;

use crate::{HyperpriorError, Parameters};

/// Layers of the factorised prior.
const LAYERS: usize = 5;

/// The likelihoods of `z`, `[batch, N, H, W]`, under the factorised prior.
pub(crate) fn factorised(parameters: &Parameters, z: &Tensor) -> Result<Tensor, HyperpriorError> {
    let shape = z.size();
    let channels = parameters.widths().n as i64;
    let turned = z.f_permute([1, 0, 2, 3])?;
    let values = turned.f_reshape([channels, 1, -1])?;
    let lower = cumulative_logits(parameters, &values.f_sub_scalar(0.5)?, false)?;
    let upper = cumulative_logits(parameters, &values.f_add_scalar(0.5)?, false)?;
    // On the side where both are small, their difference is exact.
    let sign = lower.f_add(&upper)?.f_detach()?.f_sign()?.f_neg()?;
    let below = sign.f_mul(&lower)?.f_sigmoid()?;
    let above = sign.f_mul(&upper)?.f_sigmoid()?;
    let likelihood = above.f_sub(&below)?.f_abs()?;
    let turned = likelihood.f_reshape([channels, shape[0], shape[2], shape[3]])?;
    at_least(&turned.f_permute([1, 0, 2, 3])?, MIN_LIKELIHOOD)
}

/// The auxiliary loss: how far the quantiles' logits are from their targets.
pub(crate) fn quantile_loss(
    parameters: &Parameters,
    targets: &Tensor,
) -> Result<Tensor, HyperpriorError> {
    let quantiles = parameters.get("entropy_bottleneck.quantiles")?;
    let logits = cumulative_logits(parameters, quantiles, true)?;
    Ok(logits.f_sub(targets)?.f_abs()?.f_sum(None)?)
}

/// The logits of the shares below `values`, `[N, 1, count]`. The prior itself is held still when only
/// the quantiles are to move.
fn cumulative_logits(
    parameters: &Parameters,
    values: &Tensor,
    still: bool,
) -> Result<Tensor, HyperpriorError> {
    let part = |name: &str, layer: usize| -> Result<Tensor, HyperpriorError> {
        let tensor = parameters.get(&format!("entropy_bottleneck.{name}.{layer}"))?;
        Ok(if still {
            tensor.f_detach()?
        } else {
            tensor.shallow_clone()
        })
    };
    let mut logits = values.shallow_clone();
    for layer in 0..LAYERS {
        let matrix = part("matrices", layer)?.f_softplus()?;
        logits = matrix.f_matmul(&logits)?.f_add(&part("biases", layer)?)?;
        if layer + 1 < LAYERS {
            let factor = part("factors", layer)?.f_tanh()?;
            logits = logits.f_add(&factor.f_mul(&logits.f_tanh()?)?)?;
        }
    }
    Ok(logits)
}

/// The likelihoods of `y` under Gaussians of these scales, which are taken as at least 0.11.
pub(crate) fn gaussian(y: &Tensor, scales: &Tensor) -> Result<Tensor, HyperpriorError> {
    let magnitude = y.f_abs()?;
    let scales = bounded_scales(&magnitude, scales)?;
    let upper = standard_normal(&magnitude.f_neg()?.f_add_scalar(0.5)?.f_div(&scales)?)?;
    let lower = standard_normal(&magnitude.f_neg()?.f_sub_scalar(0.5)?.f_div(&scales)?)?;
    at_least(&upper.f_sub(&lower)?, MIN_LIKELIHOOD)
}

/// `max(scale, 0.11)`. A scale below the bound is still told to grow where its symbol asks for it,
/// which is where `|y| > ½`: CompressAI's `LowerBound` passes gradients of that sign.
fn bounded_scales(magnitude: &Tensor, scales: &Tensor) -> Result<Tensor, HyperpriorError> {
    let bounded = scales.f_clamp_min(MIN_SCALE)?;
    if !scales.requires_grad() {
        return Ok(bounded);
    }
    let passing = scales
        .f_ge(MIN_SCALE)?
        .f_logical_or(&magnitude.f_detach()?.f_gt(0.5)?)?;
    let through = scales.f_add(&bounded.f_sub(scales)?.f_detach()?)?;
    Ok(through.f_where_self(&passing, &bounded.f_detach()?)?)
}

/// `Φ(x)`.
fn standard_normal(x: &Tensor) -> Result<Tensor, HyperpriorError> {
    let scaled = x.f_mul_scalar(-std::f64::consts::FRAC_1_SQRT_2)?;
    Ok(scaled.f_erfc()?.f_mul_scalar(0.5)?)
}

/// `max(value, bound)` whose gradient passes everywhere: that of a likelihood in a rate always asks
/// for more, which is what CompressAI's `LowerBound` lets pass.
fn at_least(value: &Tensor, bound: f64) -> Result<Tensor, HyperpriorError> {
    let excess = value.f_clamp_min(bound)?.f_sub(value)?.f_detach()?;
    Ok(value.f_add(&excess)?)
}

/// The bits that likelihoods stand for, summed.
pub(crate) fn bits(likelihoods: &Tensor) -> Result<Tensor, HyperpriorError> {
    Ok(likelihoods.f_log2()?.f_sum(None)?.f_neg()?)
}
