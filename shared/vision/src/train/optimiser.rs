//! Muon for the blocks' matrices, AdamW for everything else, with a state that can be saved.
//!
//! Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest semi-orthogonal matrix, so
//! that no direction of the gradient dominates an update. A small transformer that has only minutes to
//! learn gets further in the same number of steps. Its update is scaled to the root mean square that
//! AdamW's updates have (Liu et al. 2025, eq. 4), so that both share a learning rate.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::VisionError;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.98;
const EPS: f64 = 1e-8;
/// Momentum of Muon.
const MOMENTUM: f64 = 0.95;
/// Coefficients of the quintic Newton-Schulz iteration (Jordan et al. 2024).
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];
/// Iterations: enough to bring singular values near 1.
const ITERATIONS: usize = 5;
/// Root mean square of a typical AdamW update.
const UPDATE_RMS: f64 = 0.2;

/// The optimiser, with the moments of every trainable tensor.
pub(super) struct Optimiser {
    states: BTreeMap<String, State>,
    weight_decay: f64,
}

enum State {
    AdamW { first: Tensor, second: Tensor },
    Muon { momentum: Tensor },
}

/// The parameters of one update, apart from the gradients.
#[derive(Clone, Copy)]
pub(super) struct Update {
    /// Counted from 1.
    pub(super) step: usize,
    pub(super) learning_rate: f64,
    /// The factor that gradients are multiplied by first.
    pub(super) gradient_scale: f64,
}

impl Optimiser {
    pub(super) fn new<'a>(
        parameters: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
        weight_decay: f64,
    ) -> Result<Self, VisionError> {
        let mut states = BTreeMap::new();
        for (name, tensor) in parameters {
            let zeros = || tensor.f_zeros_like()?.f_detach();
            let state = match is_block_matrix(name, tensor) {
                true => State::Muon { momentum: zeros()? },
                false => State::AdamW {
                    first: zeros()?,
                    second: zeros()?,
                },
            };
            states.insert(name.clone(), state);
        }
        Ok(Self {
            states,
            weight_decay,
        })
    }

    /// The state as named tensors, for a checkpoint.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.states.iter().flat_map(|(name, state)| match state {
            State::AdamW { first, second } => {
                vec![
                    (format!("adam.first.{name}"), first),
                    (format!("adam.second.{name}"), second),
                ]
            }
            State::Muon { momentum } => vec![(format!("muon.{name}"), momentum)],
        })
    }

    /// Takes the state back from a checkpoint.
    pub(super) fn restore(&mut self, weights: &mut crate::Weights) -> Result<(), VisionError> {
        let mut copy = |name: String, tensor: &mut Tensor| -> Result<(), VisionError> {
            let saved = weights.take(&name, &tensor.size())?;
            Ok(tensor.f_copy_(&saved)?)
        };
        for (name, state) in &mut self.states {
            match state {
                State::AdamW { first, second } => {
                    copy(format!("adam.first.{name}"), first)?;
                    copy(format!("adam.second.{name}"), second)?;
                }
                State::Muon { momentum } => copy(format!("muon.{name}"), momentum)?,
            }
        }
        Ok(())
    }

    /// One update with the gradients that lie on the parameters.
    ///
    /// Only matrices decay: norms, biases, scales and embeddings do not.
    pub(super) fn step(
        &mut self,
        parameters: &BTreeMap<String, Tensor>,
        update: Update,
    ) -> Result<(), VisionError> {
        for (name, state) in &mut self.states {
            let mut parameter = parameters[name].shallow_clone();
            let gradient = parameter.f_grad()?;
            if !gradient.defined() {
                continue;
            }
            let gradient = gradient.f_mul_scalar(update.gradient_scale)?;
            let direction = match state {
                State::AdamW { first, second } => adam(first, second, &gradient, update.step)?,
                State::Muon { momentum } => muon(momentum, &gradient)?,
            };
            if name.ends_with(".weight") && parameter.dim() > 1 {
                let decay = 1.0 - update.learning_rate * self.weight_decay;
                let _ = parameter.f_mul_scalar_(decay)?;
            }
            let _ = parameter.f_sub_(&direction.f_mul_scalar(update.learning_rate)?)?;
        }
        Ok(())
    }
}

/// The weights inside transformer blocks; embeddings and heads are AdamW's, as their rows are not
/// directions of one space.
fn is_block_matrix(name: &str, tensor: &Tensor) -> bool {
    name.starts_with("blocks.") && tensor.dim() == 2
}

/// AdamW's direction (Loshchilov & Hutter 2019, algorithm 2, lines 6 to 10).
fn adam(
    first: &mut Tensor,
    second: &mut Tensor,
    gradient: &Tensor,
    step: usize,
) -> Result<Tensor, VisionError> {
    let correction1 = 1.0 - BETA1.powi(step as i32);
    let correction2 = 1.0 - BETA2.powi(step as i32);
    let _ = first.f_lerp_(gradient, 1.0 - BETA1)?;
    let _ = second.f_mul_scalar_(BETA2)?;
    let _ = second.f_add_(&gradient.f_square()?.f_mul_scalar(1.0 - BETA2)?)?;
    let spread = second
        .f_sqrt()?
        .f_div_scalar(correction2.sqrt())?
        .f_add_scalar(EPS)?;
    Ok(first.f_div(&spread)?.f_div_scalar(correction1)?)
}

/// Muon's direction with Nesterov momentum.
fn muon(momentum: &mut Tensor, gradient: &Tensor) -> Result<Tensor, VisionError> {
    let _ = momentum.f_mul_scalar_(MOMENTUM)?;
    let _ = momentum.f_add_(gradient)?;
    let ahead = gradient.f_add(&momentum.f_mul_scalar(MOMENTUM)?)?;
    let longer = ahead.size().into_iter().max().unwrap_or(1) as f64;
    Ok(orthogonal(&ahead)?.f_mul_scalar(UPDATE_RMS * longer.sqrt())?)
}

/// A matrix with the same singular vectors and singular values near 1.
fn orthogonal(matrix: &Tensor) -> Result<Tensor, VisionError> {
    let [a, b, c] = QUINTIC;
    let (rows, columns) = matrix.size2()?;
    let wide = if rows > columns {
        matrix.f_tr()?
    } else {
        matrix.shallow_clone()
    };
    let norm = wide.f_norm()?.f_add_scalar(1e-7)?;
    let mut x = wide.f_div(&norm)?.f_to_kind(Kind::BFloat16)?;
    for _ in 0..ITERATIONS {
        let gram = x.f_matmul(&x.f_tr()?)?;
        let poly = gram
            .f_mul_scalar(b)?
            .f_add(&gram.f_matmul(&gram)?.f_mul_scalar(c)?)?;
        x = x.f_mul_scalar(a)?.f_add(&poly.f_matmul(&x)?)?;
    }
    let x = x.f_to_kind(Kind::Float)?;
    if rows > columns { Ok(x.f_tr()?) } else { Ok(x) }
}

/// The norm of all gradients together.
pub(super) fn gradient_norm(parameters: &BTreeMap<String, Tensor>) -> Result<f64, VisionError> {
    let mut norms = Vec::new();
    for parameter in parameters.values() {
        let gradient = parameter.f_grad()?;
        if gradient.defined() {
            norms.push(gradient.f_norm()?);
        }
    }
    let norms = Tensor::f_stack(&norms, 0)?.f_to_kind(Kind::Float)?;
    Ok(norms.f_norm()?.f_double_value(&[])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn the_first_adam_step_is_the_gradient_s_sign() {
        let gradient = Tensor::from_slice(&[2.0f32, -0.5, 0.0]);
        let (mut first, mut second) = (gradient.zeros_like(), gradient.zeros_like());
        let direction = adam(&mut first, &mut second, &gradient, 1).unwrap();
        let direction = Vec::<f32>::try_from(direction).unwrap();
        assert!((direction[0] - 1.0).abs() < 1e-6 && (direction[1] + 1.0).abs() < 1e-6);
        assert_eq!(direction[2], 0.0);
    }

    #[test]
    fn an_orthogonalised_matrix_has_singular_values_near_one() {
        tch::manual_seed(1);
        for shape in [[48, 192], [192, 48]] {
            let matrix = Tensor::randn(shape, (Kind::Float, Device::Cpu));
            let (_, values, _) = orthogonal(&matrix).unwrap().svd(true, true);
            let (low, high) = (
                values.min().double_value(&[]),
                values.max().double_value(&[]),
            );
            assert!(
                low > 0.6 && high < 1.3,
                "singular values from {low} to {high}"
            );
        }
    }
}
