//! One trained hyperprior, ready to code: three networks and an entropy model in integers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayView2};
use splitsim_latent::{LatentExtent, LatentModel, Latents, Planes};
use tch::{Kind, Tensor};

use crate::layers::Sequence;
use crate::padding::{Padding, REPEATING_LAYERS};
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
    /// The layers of `g_a` that padding needs few rows of, and the others.
    analysis: (Sequence, Sequence),
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
        let analysis = Sequence::analysis(parameters)?.for_inference()?;
        let networks = Networks {
            analysis: analysis.split(REPEATING_LAYERS),
            hyper_analysis: Sequence::hyper_analysis(parameters)?.for_inference()?,
            synthesis: Sequence::synthesis(parameters)?.for_inference()?,
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
        let networks = self.networks();
        let padding = Padding::of(picture.dim());
        let outer = networks
            .analysis
            .0
            .forward(&padding.shortened(picture, bits)?)?;
        let y = networks.analysis.1.forward(&padding.lengthened(&outer)?)?;
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
        let shape = |height, width| [1, latent.channels(), height, width].map(|side| side as i64);
        let expected = LatentExtent::of_picture(extent.0, extent.1);
        let expected = shape(expected.height(), expected.width());
        let actual = shape(latent.height(), latent.width());
        if actual != expected {
            return Err(HyperpriorError::Shape {
                origin: "latents".to_owned(),
                name: "y".to_owned(),
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
        let y = Tensor::f_from_slice(latent.values())?.f_to_kind(Kind::Float)?;
        let y = y.f_reshape(actual)?;
        let padding = Padding::of(extent);
        let picture = self
            .networks()
            .synthesis
            .forward_rows(&y, padding.picture_rows())?;
        padding.cropped(&picture, bits)
    }

    /// The networks are only read: a thread that panicked over them leaves them whole.
    fn networks(&self) -> MutexGuard<'_, Networks> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a thread, so that the next one to be woken, libtorch's, finds this core taken.
///
/// Else a scheduler may leave libtorch's thread on this core, while this one waits busily for it, until the
/// next tick or the one after: after a pause, up to half of what a small picture takes.
fn wake_a_thread() {
    rayon::spawn(|| ());
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

    fn level() -> HyperpriorLevel {
        HyperpriorLevel::of_parameters(&crate::golden::parameters()).unwrap()
    }

    #[test]
    fn latents_of_another_extent_are_refused() {
        let level = level();
        let picture = Array2::from_elem((70, 100), 9);
        let latents = level.analyse(picture.view(), 8).unwrap();
        assert_eq!(
            level.synthesise(&latents, (70, 100), 8).unwrap().dim(),
            (70, 100)
        );
        for extent in [
            (64, 100),
            (129, 100),
            (70, 64),
            (70, 129),
            (0, 100),
            (70, 0),
        ] {
            let error = level.synthesise(&latents, extent, 8).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("latents: tensor 'y' has shape [1, 12, 8, 8]"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_picture_of_nothing_is_an_error() {
        for extent in [(0, 0), (0, 64), (64, 0)] {
            assert!(
                level().analyse(Array2::zeros(extent).view(), 8).is_err(),
                "{extent:?}"
            );
        }
    }
}
