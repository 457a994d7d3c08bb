//! Linear layers whose weights lie in the order that oneDNN computes in.
//!
//! libtorch's own linear layer gives a CPU's `f32` products to MKL, which leaves a fifth of the rate of
//! AMD's cores unused, and has oneDNN put `bf16` weights in order at every call. Packed once, both are
//! computed by oneDNN at the rate of a large square product (docs/benchmarks.md).

use std::rc::Rc;

use tch::{CModule, Device, IValue, Kind, TchError, Tensor};

/// `linear.py` makes it and says why it is needed.
const SCRIPT: &[u8] = include_bytes!("linear.pt");
/// The number of rows that weights are packed for, a class token and 16×16 patches. Any other number
/// is computed just as well.
const ROWS: i64 = 257;

/// oneDNN's linear layer, shared by the layers of a model.
#[derive(Debug, Clone)]
pub(crate) struct Packing(Rc<CModule>);

impl Packing {
    /// Loads the operator; `None` where it has no use: on a GPU, or on a processor without oneDNN's
    /// kernels for `compute`.
    pub(crate) fn for_products(compute: Kind, device: Device) -> Option<Self> {
        if device != Device::Cpu || !tch::utils::has_mkldnn() {
            return None;
        }
        let packing = Self(Rc::new(CModule::load_data(&mut &*SCRIPT).ok()?));
        let works = packing.try_out(compute).is_ok();
        works.then_some(packing)
    }

    fn try_out(&self, compute: Kind) -> Result<Tensor, TchError> {
        let ones = Tensor::f_ones([16, 16], (compute, Device::Cpu))?;
        let bias = Tensor::f_zeros([16], (compute, Device::Cpu))?;
        self.product(&ones, &self.pack(&ones)?, &bias)
    }

    /// Packs a matrix `[outputs, inputs]`.
    pub(crate) fn pack(&self, weight: &Tensor) -> Result<Tensor, TchError> {
        let weight = IValue::Tensor(weight.f_contiguous()?);
        match self.0.method_is("pack", &[weight, IValue::Int(ROWS)])? {
            IValue::Tensor(packed) => Ok(packed),
            other => Err(TchError::Kind(format!("a packed weight is {other:?}"))),
        }
    }

    /// `[…, inputs]` → `[…, outputs]`.
    pub(crate) fn product(
        &self,
        input: &Tensor,
        packed: &Tensor,
        bias: &Tensor,
    ) -> Result<Tensor, TchError> {
        self.0.forward_ts(&[input, packed, bias])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_layer_gives_what_the_plain_one_gives() {
        let _no_grad = tch::no_grad_guard();
        tch::manual_seed(1);
        for (kind, tolerance) in [(Kind::Float, 1e-6), (Kind::BFloat16, 1e-2)] {
            let Some(packing) = Packing::for_products(kind, Device::Cpu) else {
                continue;
            };
            let random =
                |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_kind(kind);
            let (weight, bias) = (random(&[24, 40]), random(&[24]));
            let packed = packing.pack(&weight).unwrap();
            for rows in [1, 7, 257, 300] {
                let input = random(&[2, rows, 40]);
                let ours = packing.product(&input, &packed, &bias).unwrap();
                assert_eq!((ours.size(), ours.kind()), (vec![2, rows, 24], kind));
                let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
                let plain = double(&input).matmul(&double(&weight).tr()) + double(&bias);
                let error = (double(&ours) - &plain).norm() / plain.norm();
                let error = f64::try_from(error).unwrap();
                assert!(error < tolerance, "{kind:?}, {rows} rows: {error:e}");
            }
        }
    }
}
