//! First weights of the transforms: principal components of the training pictures.
//!
//! From chance, a transform spends most of its training on becoming one that keeps the picture at all.
//! Here `g_a` begins as the best orthonormal transform that its shape allows, layer by layer: each
//! convolution takes the principal components of its input's 2×2 blocks, so that `y` holds about those
//! of 16×16 blocks, and `g_s` begins as the transpose. Two more things follow in closed form for
//! Gaussian components: the gain of `y` at which rounding to integers is worth its rate at λ, and the
//! scales that the hyperprior says as long as it has learnt nothing.

use std::f64::consts::LN_2;

use tch::{IndexOp, Kind, Tensor};

use crate::layers::Sequence;
use crate::{HyperpriorError, Parameters};

/// Convolutions of `g_a`, each of which halves rows and columns.
const LAYERS: usize = 4;
/// The rows, and the columns, of a 5×5 kernel that cover an output's 2×2 block.
const BLOCK: std::ops::Range<i64> = 2..4;
/// The number of samples of a block.
const SAMPLES: i64 = 4;

/// Puts principal components of `crops`, `[batch, 1, rows, columns]`, into the parameters' transforms,
/// with the gain for `lambda`.
///
/// Channels beyond those that components can fill keep the weights that they have.
pub(super) fn begin(
    parameters: &mut Parameters,
    crops: &Tensor,
    lambda: f64,
) -> Result<(), HyperpriorError> {
    let _no_grad = tch::no_grad_guard();
    let mut live = 1;
    for layer in 0..LAYERS {
        let inputs = Sequence::analysis(parameters)?
            .first(2 * layer)
            .forward(crops)?
            .f_narrow(1, 0, live)?;
        let outputs = parameters.get(&format!("g_a.{}.bias", 2 * layer))?.numel() as i64;
        let components = Components::of(&inputs, outputs)?;
        let gain = if layer + 1 == LAYERS {
            gain(lambda)
        } else {
            1.0
        };
        components.store(parameters, layer, gain)?;
        live = components.count();
    }
    let y = Sequence::analysis(parameters)?.forward(crops)?;
    let deviation = y.f_std_dim([0i64, 2, 3].as_slice(), false, false)?;
    parameters
        .tensors_mut()
        .insert("h_s.4.bias".to_owned(), deviation);
    Ok(())
}

/// The factor of orthonormal components at which rounding's noise, variance 1/12, is what a Gaussian
/// component should be distorted by: where `λ · 255² · D + ½ log₂(σ²/D)` is least.
fn gain(lambda: f64) -> f64 {
    (2.0 * LN_2 * lambda * 255.0 * 255.0 / 12.0).sqrt()
}

/// Principal components of 2×2 blocks.
struct Components {
    /// Orthonormal rows, `[count, inputs, 2, 2]`, most variance first.
    rows: Tensor,
    /// The mean of every input channel.
    means: Tensor,
}

impl Components {
    /// The first components of `[batch, inputs, rows, columns]`: `most`, or all there are.
    fn of(inputs: &Tensor, most: i64) -> Result<Self, HyperpriorError> {
        let channels = inputs.size()[1];
        let means = inputs.f_mean_dim([0i64, 2, 3].as_slice(), false, Kind::Double)?;
        let blocks = inputs
            .f_to_kind(Kind::Double)?
            .f_sub(&means.f_reshape([1, -1, 1, 1])?)?
            .f_pixel_unshuffle(2)?
            .f_transpose(0, 1)?
            .f_reshape([SAMPLES * channels, -1])?;
        let count = most.min(SAMPLES * channels);
        // Ascending eigenvalues, eigenvectors in columns.
        let (_, vectors) = blocks.f_matmul(&blocks.f_tr()?)?.f_linalg_eigh("L")?;
        let rows = vectors.f_tr()?.f_flip([0])?.f_narrow(0, 0, count)?;
        Ok(Self {
            rows: rows
                .f_reshape([count, channels, 2, 2])?
                .f_to_kind(Kind::Float)?,
            means: means.f_to_kind(Kind::Float)?,
        })
    }

    fn count(&self) -> i64 {
        self.rows.size()[0]
    }

    /// Makes these the analysis' convolution `layer`, times `gain`, and their transpose the layer of the
    /// synthesis that undoes it.
    fn store(
        &self,
        parameters: &Parameters,
        layer: usize,
        gain: f64,
    ) -> Result<(), HyperpriorError> {
        let (count, inputs) = (self.count(), self.means.numel() as i64);
        let (analysis, synthesis) = (2 * layer, 2 * (LAYERS - 1 - layer));
        let block = |weight: &Tensor| weight.f_i((..count, ..inputs, BLOCK, BLOCK));
        let weight = parameters.get(&format!("g_a.{analysis}.weight"))?;
        let _ = weight.f_i(..count)?.f_zero_()?;
        block(weight)?.f_copy_(&self.rows.f_mul_scalar(gain)?)?;
        let of_block = self
            .rows
            .f_sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Float)?;
        let shift = of_block.f_mv(&self.means)?.f_mul_scalar(-gain)?;
        let bias = parameters.get(&format!("g_a.{analysis}.bias"))?;
        bias.f_i(..count)?.f_copy_(&shift)?;
        // A transposed convolution's weight has its inputs first.
        let weight = parameters.get(&format!("g_s.{synthesis}.weight"))?;
        let _ = weight.f_i((.., ..inputs))?.f_zero_()?;
        block(weight)?.f_copy_(&self.rows.f_div_scalar(gain)?)?;
        let bias = parameters.get(&format!("g_s.{synthesis}.bias"))?;
        bias.f_i(..inputs)?.f_copy_(&self.means)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::Widths;
    use crate::train::init;

    const LAMBDA: f64 = 0.01;

    fn begun(crops: &Tensor, n: usize, m: usize) -> Parameters {
        let mut parameters = init::parameters(5, Widths { n, m }).unwrap();
        begin(&mut parameters, crops, LAMBDA).unwrap();
        parameters
    }

    /// Mean squared error without any rounding, relative to the variance.
    fn lost(parameters: &Parameters, crops: &Tensor) -> f64 {
        let y = Sequence::analysis(parameters)
            .unwrap()
            .forward(crops)
            .unwrap();
        let back = Sequence::synthesis(parameters)
            .unwrap()
            .forward(&y)
            .unwrap();
        let error = (back - crops).square().mean(Kind::Double);
        let variance = crops.to_kind(Kind::Double).var(false);
        f64::try_from(error / variance).unwrap()
    }

    /// Random values in [0, 1), the same within squares of `side`.
    fn squares(side: i64) -> Tensor {
        tch::manual_seed(11);
        let small = Tensor::rand([6, 1, 128 / side, 128 / side], (Kind::Float, Device::Cpu));
        small
            .repeat_interleave_self_int(side, 2, None)
            .repeat_interleave_self_int(side, 3, None)
    }

    #[test]
    fn a_picture_with_as_few_components_as_channels_is_kept() {
        // What is lost is GDN's: its inverse in g_s is only approximate.
        assert!(lost(&begun(&squares(16), 1, 1), &squares(16)) < 0.02);
        assert!(lost(&begun(&squares(8), 1, 4), &squares(8)) < 0.02);
        assert!(lost(&begun(&squares(4), 4, 16), &squares(4)) < 0.02);
    }

    #[test]
    fn of_equal_components_the_share_is_kept_that_has_channels() {
        // 8×8 squares: four equal components a block of 16×16, of which two have a channel.
        let lost = lost(&begun(&squares(8), 1, 2), &squares(8));
        assert!((0.4..0.55).contains(&lost), "{lost}");
    }

    #[test]
    fn more_channels_than_components_do_no_harm() {
        assert!(lost(&begun(&squares(16), 6, 7), &squares(16)) < 0.02);
    }

    #[test]
    fn y_has_the_gain_of_lambda_and_the_scales_are_its_deviations() {
        let crops = squares(16);
        let parameters = begun(&crops, 1, 1);
        let y = Sequence::analysis(&parameters)
            .unwrap()
            .forward(&crops)
            .unwrap();
        let deviation = y.std(false).double_value(&[]);
        // Uniform in [0, 1): σ² = 1/12 a sample, 256 samples in phase; GDN takes some of it.
        let linear = gain(LAMBDA) * (256.0f64 / 12.0).sqrt();
        assert!(
            (0.6..1.0).contains(&(deviation / linear)),
            "{deviation} {linear}"
        );
        let scale = parameters.get("h_s.4.bias").unwrap().double_value(&[0]);
        assert!(
            (scale / deviation - 1.0).abs() < 1e-5,
            "{scale} {deviation}"
        );
    }

    #[test]
    fn the_gain_is_where_the_loss_is_least() {
        let loss = |distortion: f64| LAMBDA * 255.0 * 255.0 * distortion - 0.5 * distortion.log2();
        let best = 1.0 / (12.0 * gain(LAMBDA).powi(2));
        assert!(loss(best) < loss(1.01 * best) && loss(best) < loss(0.99 * best));
    }
}
