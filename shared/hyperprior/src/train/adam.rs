//! Adam (Kingma & Ba 2015) with a state that can be saved.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::HyperpriorError;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// First and second moments of every parameter.
pub(super) struct Adam {
    moments: BTreeMap<String, [Tensor; 2]>,
    steps: usize,
}

impl Adam {
    pub(super) fn new<'a>(
        parameters: impl Iterator<Item = (&'a String, &'a Tensor)>,
    ) -> Result<Self, HyperpriorError> {
        let zeros = |tensor: &Tensor| tensor.f_zeros_like()?.f_detach();
        let moments = parameters
            .map(|(name, tensor)| Ok((name.clone(), [zeros(tensor)?, zeros(tensor)?])))
            .collect::<Result<_, HyperpriorError>>()?;
        Ok(Self { moments, steps: 0 })
    }

    /// The norm of all gradients together.
    pub(super) fn gradient_norm(
        &self,
        parameters: &BTreeMap<String, Tensor>,
    ) -> Result<f64, HyperpriorError> {
        let mut norms = Vec::new();
        for name in self.moments.keys() {
            let gradient = parameters[name].f_grad()?;
            if gradient.defined() {
                norms.push(gradient.f_norm()?);
            }
        }
        Ok(Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?)
    }

    /// One update with the gradients that lie on the parameters, multiplied by `scale`.
    pub(super) fn step(
        &mut self,
        parameters: &BTreeMap<String, Tensor>,
        learning_rate: f64,
        scale: f64,
    ) -> Result<(), HyperpriorError> {
        self.steps += 1;
        let steps = self.steps as i32;
        let correction1 = 1.0 - BETA1.powi(steps);
        let correction2 = (1.0 - BETA2.powi(steps)).sqrt();
        for (name, [first, second]) in &mut self.moments {
            let mut parameter = parameters[name].shallow_clone();
            let gradient = parameter.f_grad()?;
            if !gradient.defined() {
                continue;
            }
            let gradient = gradient.f_mul_scalar(scale)?;
            let _ = first.f_lerp_(&gradient, 1.0 - BETA1)?;
            let _ = second.f_mul_scalar_(BETA2)?;
            let _ = second.f_addcmul_(&gradient.f_mul_scalar(1.0 - BETA2)?, &gradient)?;
            let spread = second
                .f_sqrt()?
                .f_div_scalar(correction2)?
                .f_add_scalar(EPS)?;
            let update = first
                .f_div(&spread)?
                .f_mul_scalar(learning_rate / correction1)?;
            let _ = parameter.f_sub_(&update)?;
            parameter.zero_grad();
        }
        Ok(())
    }

    /// The state as named tensors.
    pub(super) fn tensors(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let named = |(name, [first, second]): (&String, &[Tensor; 2])| {
            [
                (format!("{prefix}.first.{name}"), first.shallow_clone()),
                (format!("{prefix}.second.{name}"), second.shallow_clone()),
            ]
        };
        self.moments.iter().flat_map(named).collect()
    }

    /// Takes the state back.
    pub(super) fn restore(
        &mut self,
        prefix: &str,
        steps: usize,
        saved: &mut BTreeMap<String, Tensor>,
    ) -> Result<(), HyperpriorError> {
        self.steps = steps;
        for (name, [first, second]) in &mut self.moments {
            for (part, moment) in [("first", first), ("second", second)] {
                let name = format!("{prefix}.{part}.{name}");
                let value = saved
                    .remove(&name)
                    .ok_or_else(|| HyperpriorError::MissingTensor {
                        origin: "checkpoint".to_owned(),
                        name,
                    })?;
                moment.f_copy_(&value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_the_algorithm_s() {
        let parameter = Tensor::from_slice(&[1.0f32, -2.0]).set_requires_grad(true);
        let parameters = BTreeMap::from([("p".to_owned(), parameter)]);
        let mut adam = Adam::new(parameters.iter()).unwrap();
        let (mut value, mut first, mut second) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        for step in 1..=5 {
            let loss = (&parameters["p"] * &parameters["p"]).sum(tch::Kind::Float);
            loss.backward();
            tch::no_grad(|| adam.step(&parameters, 0.1, 0.5)).unwrap();
            for index in 0..2 {
                let gradient = 0.5 * 2.0 * value[index];
                first[index] = 0.9 * first[index] + 0.1 * gradient;
                second[index] = 0.999 * second[index] + 0.001 * gradient * gradient;
                let mean = first[index] / (1.0 - 0.9f64.powi(step));
                let spread = (second[index] / (1.0 - 0.999f64.powi(step))).sqrt();
                value[index] -= 0.1 * mean / (spread + 1e-8);
            }
        }
        let actual = Vec::<f32>::try_from(parameters["p"].detach()).unwrap();
        for (actual, expected) in actual.iter().zip(value) {
            assert!(
                (f64::from(*actual) - expected).abs() < 1e-5,
                "{actual} {expected}"
            );
        }
    }
}
