//! The trained tensors of a hyperprior under CompressAI's names.

use std::collections::BTreeMap;

use splitsim_latent::gaussian;
use tch::{Kind, Tensor};

use crate::{HyperpriorError, Widths};

/// Every trained tensor of a hyperprior, `f32`, each of the shape that its [`Widths`] ask for.
#[derive(Debug)]
pub struct Parameters {
    widths: Widths,
    tensors: BTreeMap<String, Tensor>,
}

impl Parameters {
    /// Takes the parameters out of a checkpoint's state dict, of whatever width.
    ///
    /// A `module.` before every name (from `DataParallel`) is left out, CompressAI's older names of
    /// the bottleneck's tensors are understood, and buffers that follow from the parameters
    /// (quantised tables, bounds, pedestals) are left alone. `origin` names the checkpoint in errors.
    ///
    /// # Errors
    /// When a tensor is missing, of another shape, not finite or none of a hyperprior's, or the scale
    /// table is not CompressAI's.
    pub fn from_state_dict(
        origin: &str,
        tensors: BTreeMap<String, Tensor>,
    ) -> Result<Self, HyperpriorError> {
        let renamed = tensors
            .into_iter()
            .map(|(name, tensor)| (modern(&name), tensor));
        let mut tensors: BTreeMap<String, Tensor> = renamed.collect();
        check_scales(origin, tensors.get("gaussian_conditional.scale_table"))?;
        tensors.retain(|name, _| !is_buffer(name));
        let widths = widths_of(origin, &tensors)?;
        let mut own = BTreeMap::new();
        for (name, expected) in widths.shapes() {
            let Some(tensor) = tensors.remove(&name) else {
                let origin = origin.to_owned();
                return Err(HyperpriorError::MissingTensor { origin, name });
            };
            own.insert(name.clone(), checked(origin, name, &tensor, expected)?);
        }
        match tensors.into_keys().next() {
            Some(name) => Err(HyperpriorError::UnknownTensor {
                origin: origin.to_owned(),
                name,
            }),
            None => Ok(Self {
                widths,
                tensors: own,
            }),
        }
    }

    pub(crate) const fn from_own(widths: Widths, tensors: BTreeMap<String, Tensor>) -> Self {
        Self { widths, tensors }
    }

    /// The channel counts.
    #[must_use]
    pub const fn widths(&self) -> Widths {
        self.widths
    }

    /// Every tensor by its name.
    #[must_use]
    pub const fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    pub(crate) const fn tensors_mut(&mut self) -> &mut BTreeMap<String, Tensor> {
        &mut self.tensors
    }

    /// The same values in other memory, not trainable.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn copy(&self) -> Result<Self, HyperpriorError> {
        let copied = |(name, tensor): (&String, &Tensor)| -> Result<_, HyperpriorError> {
            let mut copy = tensor.f_detach()?.f_zeros_like()?;
            copy.f_copy_(&tensor.f_detach()?)?;
            Ok((name.clone(), copy))
        };
        let tensors = self.tensors.iter().map(copied).collect::<Result<_, _>>()?;
        Ok(Self::from_own(self.widths, tensors))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, HyperpriorError> {
        self.tensors
            .get(name)
            .ok_or_else(|| HyperpriorError::MissingTensor {
                origin: "hyperprior".to_owned(),
                name: name.to_owned(),
            })
    }

    /// A tensor's values in row-major order.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>, HyperpriorError> {
        values(self.get(name)?)
    }
}

/// A tensor's values in row-major order.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>, HyperpriorError> {
    let flat = tensor.f_detach()?.f_to_kind(Kind::Float)?.f_reshape([-1])?;
    Ok(Vec::<f32>::try_from(flat.f_contiguous()?)?)
}

/// The name that CompressAI 1.2.8 gives a tensor.
pub(crate) fn modern(name: &str) -> String {
    let name = name.strip_prefix("module.").unwrap_or(name);
    let Some(part) = name.strip_prefix("entropy_bottleneck._") else {
        return name.to_owned();
    };
    let old = [
        ("matrix", "matrices"),
        ("bias", "biases"),
        ("factor", "factors"),
    ];
    let layer = |prefix: &str| -> Option<String> {
        let rest = part.strip_prefix(prefix)?;
        let digits = rest.strip_prefix('.').unwrap_or(rest);
        digits.parse::<u8>().ok().map(|layer| layer.to_string())
    };
    old.into_iter()
        .find_map(|(one, many)| {
            let layer = layer(one).or_else(|| layer(many))?;
            Some(format!("entropy_bottleneck.{many}.{layer}"))
        })
        .unwrap_or_else(|| name.to_owned())
}

/// Returns `true` if a tensor of a state dict follows from other tensors or from CompressAI's
/// constants.
fn is_buffer(name: &str) -> bool {
    let tables = ["_offset", "_quantized_cdf", "_cdf_length", "target"];
    let constants = [".bound", ".pedestal"];
    name.starts_with("gaussian_conditional.")
        || constants.iter().any(|ending| name.ends_with(ending))
        || name
            .strip_prefix("entropy_bottleneck.")
            .is_some_and(|part| tables.contains(&part))
}

fn widths_of(origin: &str, tensors: &BTreeMap<String, Tensor>) -> Result<Widths, HyperpriorError> {
    let outputs = |name: &str| {
        let tensor = tensors
            .get(name)
            .ok_or_else(|| HyperpriorError::MissingTensor {
                origin: origin.to_owned(),
                name: name.to_owned(),
            })?;
        let shape = tensor.size();
        let outputs = shape
            .first()
            .and_then(|&outputs| usize::try_from(outputs).ok());
        outputs
            .filter(|outputs| (1..=Widths::MAX).contains(outputs))
            .ok_or_else(|| HyperpriorError::Shape {
                origin: origin.to_owned(),
                name: name.to_owned(),
                expected: vec![Widths::MAX as i64, -1, 5, 5],
                actual: shape,
            })
    };
    Ok(Widths {
        n: outputs("g_a.0.weight")?,
        m: outputs("g_a.6.weight")?,
    })
}

fn checked(
    origin: &str,
    name: String,
    tensor: &Tensor,
    expected: Vec<i64>,
) -> Result<Tensor, HyperpriorError> {
    if tensor.size() != expected {
        return Err(HyperpriorError::Shape {
            origin: origin.to_owned(),
            name,
            expected,
            actual: tensor.size(),
        });
    }
    let tensor = tensor.f_to_kind(Kind::Float)?.f_detach()?.f_contiguous()?;
    if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        return Err(HyperpriorError::NotFinite {
            network: "the checkpoint",
        });
    }
    Ok(tensor)
}

/// A checkpoint that was never updated for coding has an empty table.
fn check_scales(origin: &str, table: Option<&Tensor>) -> Result<(), HyperpriorError> {
    let Some(table) = table.filter(|table| table.numel() > 0) else {
        return Ok(());
    };
    // Half of the last place of the type that the checkpoint was stored in, or what f32 computed.
    let tolerance = match table.kind() {
        Kind::Half => 2f64.powi(-11),
        Kind::BFloat16 => 2f64.powi(-8),
        _ => 0.0,
    };
    let expected = gaussian::scales();
    let actual = values(table)?;
    let same = |(&actual, &expected): (&f32, &f64)| {
        (f64::from(actual) / expected - 1.0).abs() < 1e-4 + tolerance
    };
    if actual.len() == expected.len() && actual.iter().zip(&expected).all(same) {
        return Ok(());
    }
    Err(HyperpriorError::ScaleTable {
        origin: origin.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::modern;

    #[test]
    fn older_names_are_understood() {
        for (old, new) in [
            ("module.g_a.0.weight", "g_a.0.weight"),
            (
                "entropy_bottleneck._matrix3",
                "entropy_bottleneck.matrices.3",
            ),
            (
                "module.entropy_bottleneck._bias0",
                "entropy_bottleneck.biases.0",
            ),
            (
                "entropy_bottleneck._factors.2",
                "entropy_bottleneck.factors.2",
            ),
            ("entropy_bottleneck._offset", "entropy_bottleneck._offset"),
            (
                "entropy_bottleneck.quantiles",
                "entropy_bottleneck.quantiles",
            ),
        ] {
            assert_eq!(modern(old), new);
        }
    }
}
