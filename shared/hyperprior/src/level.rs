//! One trained hyperprior, ready to code: three networks and an entropy model in integers.

use std::sync::{Mutex, MutexGuard};

use ndarray::{Array2, ArrayView2};
use splitsim_latent::{LatentExtent, LatentModel, Latents, Planes};
use tch::{Kind, Tensor};

use crate::layers::Sequence;
use crate::{HyperpriorError, Parameters};

/// One level of a ladder.
///
/// Pictures hold symbols below `2^bits`; the networks see them divided by that, zero-padded about
/// their centre to multiples of 64. Calls block, and take turns.
#[derive(Debug)]
pub struct HyperpriorLevel {
    latent: LatentModel,
    /// Tensors may move between threads but not be shared by them.
    networks: Mutex<Networks>,
}

struct Networks {
    analysis: Sequence,
    hyper_analysis: Sequence,
    synthesis: Sequence,
    /// `[1, N, 1, 1]`.
    medians: Tensor,
}

impl std::fmt::Debug for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Networks")
    }
}

/// The largest magnitude of a rounded latent that is coded.
const SYMBOL_LIMIT: f64 = 1_048_576.0;

impl HyperpriorLevel {
    /// Takes `g_a`, `h_a` and `g_s` from the parameters and everything else from the entropy model.
    ///
    /// # Errors
    /// When the two have other channel counts, or a network's tensor is missing.
    pub fn new(parameters: &Parameters, latent: LatentModel) -> Result<Self, HyperpriorError> {
        let _no_grad = tch::no_grad_guard();
        let medians: Vec<f32> = latent.medians().collect();
        let networks = Networks {
            analysis: Sequence::analysis(parameters)?.channels_last()?,
            hyper_analysis: Sequence::hyper_analysis(parameters)?.channels_last()?,
            synthesis: Sequence::synthesis(parameters)?.channels_last()?,
            medians: Tensor::f_from_slice(&medians)?.f_reshape([1, -1, 1, 1])?,
        };
        Ok(Self {
            latent,
            networks: Mutex::new(networks),
        })
    }

    /// The entropy model.
    #[must_use]
    pub const fn latent(&self) -> &LatentModel {
        &self.latent
    }

    /// The latents of a picture.
    ///
    /// # Errors
    /// When libtorch fails, or a latent is not finite or beyond ±2^20.
    pub fn analyse(
        &self,
        picture: ArrayView2<'_, u16>,
        bits: u8,
    ) -> Result<Latents, HyperpriorError> {
        let _no_grad = tch::no_grad_guard();
        wake_a_thread();
        let networks = self.networks()?;
        let y = networks.analysis.forward(&padded(picture, bits)?)?;
        let z = networks.hyper_analysis.forward(&y.f_abs()?)?;
        Ok(Latents {
            hyper: rounded(&z.f_sub(&networks.medians)?, "h_a")?,
            latent: rounded(&y, "g_a")?,
        })
    }

    /// The picture of `extent` (rows, columns) that latents stand for.
    ///
    /// # Errors
    /// When libtorch fails or the latents are not those of such a picture.
    pub fn synthesise(
        &self,
        latents: &Latents,
        extent: (usize, usize),
        bits: u8,
    ) -> Result<Array2<u16>, HyperpriorError> {
        let _no_grad = tch::no_grad_guard();
        wake_a_thread();
        let latent = &latents.latent;
        let shape = [1, latent.channels(), latent.height(), latent.width()];
        let y = Tensor::f_from_slice(latent.values())?.f_to_kind(Kind::Float)?;
        let y = y.f_reshape(shape.map(|side| side as i64))?;
        let picture = self.networks()?.synthesis.forward(&y)?;
        cropped(&picture, extent, bits)
    }

    fn networks(&self) -> Result<MutexGuard<'_, Networks>, HyperpriorError> {
        self.networks.lock().map_err(|_| HyperpriorError::Poisoned)
    }
}

/// Wakes a thread, so that the next one to be woken, libtorch's, finds this core taken.
///
/// Else a scheduler may leave libtorch's thread on this core, while this one waits busily for it, until the
/// next tick or the one after: after a pause, up to half of what a small picture takes.
fn wake_a_thread() {
    rayon::spawn(|| ());
}

/// Rows or columns before the picture when `side` is padded to `padded` about its centre.
pub(crate) const fn before(side: usize, padded: usize) -> usize {
    (padded - side) / 2
}

/// `[1, 1, H, W]`, sides multiples of 64, values in [0, 1).
///
/// With one channel, channels first and last are the same bytes. The strides are those of channels last:
/// from them libtorch takes the order of the first convolution's output, and so of all that follow.
fn padded(picture: ArrayView2<'_, u16>, bits: u8) -> Result<Tensor, HyperpriorError> {
    let (rows, columns) = picture.dim();
    let (height, width) = LatentExtent::of_picture(rows, columns).picture();
    let (top, left) = (before(rows, height), before(columns, width));
    let scale = 1.0 / f32::from(1u16 << bits.min(15));
    let mut values = vec![0.0f32; height * width];
    for (row, line) in picture.rows().into_iter().enumerate() {
        let target = &mut values[(top + row) * width + left..][..columns];
        for (value, &symbol) in target.iter_mut().zip(&line) {
            *value = f32::from(symbol) * scale;
        }
    }
    let stored = Tensor::f_from_slice(&values)?.f_reshape([1, height as i64, width as i64, 1])?;
    Ok(stored.f_permute([0i64, 3, 1, 2])?)
}

/// Undoes [`padded`], rounding to symbols.
fn cropped(
    picture: &Tensor,
    (rows, columns): (usize, usize),
    bits: u8,
) -> Result<Array2<u16>, HyperpriorError> {
    let (height, width) = LatentExtent::of_picture(rows, columns).picture();
    let expected = [1, 1, height as i64, width as i64];
    if picture.size() != expected {
        return Err(HyperpriorError::Shape {
            origin: "g_s".to_owned(),
            name: "x_hat".to_owned(),
            expected: expected.to_vec(),
            actual: picture.size(),
        });
    }
    let values = crate::parameters::values(picture)?;
    let (top, left) = (before(rows, height), before(columns, width));
    let top_symbol = f32::from((1u16 << bits.min(15)) - 1);
    let scale = f32::from(1u16 << bits.min(15));
    let symbols = (0..rows).flat_map(|row| {
        let line = &values[(top + row) * width + left..][..columns];
        // Not a number becomes 0: then the digest of the decoded symbols says nothing of it, but
        // neither do finite weights of finite latents ever give one.
        line.iter()
            .map(move |value| (value * scale).round().clamp(0.0, top_symbol) as u16)
    });
    let symbols = symbols.collect();
    Array2::from_shape_vec((rows, columns), symbols)
        .map_err(|_| HyperpriorError::NotFinite { network: "g_s" })
}

/// Rounds, halves to even as PyTorch does.
fn rounded(latent: &Tensor, network: &'static str) -> Result<Planes<i32>, HyperpriorError> {
    let largest = latent.f_abs()?.f_max()?.f_double_value(&[])?;
    if largest.is_nan() || largest >= SYMBOL_LIMIT {
        return Err(HyperpriorError::NotFinite { network });
    }
    let (_, channels, height, width) = latent.size4()?;
    let symbols = latent.f_round()?.f_to_kind(Kind::Int)?.f_reshape([-1])?;
    let symbols = Vec::<i32>::try_from(symbols.f_contiguous()?)?;
    let sides = [channels, height, width].map(|side| side as usize);
    Planes::new(sides[0], sides[1], sides[2], symbols).ok_or(HyperpriorError::NotFinite { network })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_stored_last_from_the_first_convolution_on() {
        let _no_grad = tch::no_grad_guard();
        let parameters = crate::golden::parameters();
        let picture = padded(Array2::from_elem((100, 70), 9).view(), 8).unwrap();
        for layers in 1..=7 {
            let analysis = Sequence::analysis(&parameters).unwrap();
            let analysis = analysis.channels_last().unwrap().first(layers);
            let value = analysis.forward(&picture).unwrap();
            assert_eq!(value.stride()[1], 1, "after {layers} layers");
        }
    }
}
