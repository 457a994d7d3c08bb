//! Named tensors, and `.safetensors` files of them.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use tch::{Device, Kind, Tensor};

use crate::VisionError;
use crate::weight_file::WeightFile;

/// Tensors under the names of a checkpoint.
///
/// Weights are taken out by name and checked against the shape that the architecture asks for; what
/// is left over when the model is built belongs to another architecture, see [`Weights::finish`].
#[derive(Debug)]
pub struct Weights {
    origin: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Weights made in memory; `origin` names them in errors.
    #[must_use]
    pub fn new(origin: impl Into<String>, tensors: BTreeMap<String, Tensor>) -> Self {
        Self {
            origin: origin.into(),
            tensors,
        }
    }

    /// Maps a `.safetensors` file; 16-bit tensors become `f32`, others are read when they are used.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, or holds an element type other than
    /// `f32`, `f16`, `bf16` or `i64`.
    pub fn read(path: &Path, device: Device) -> Result<Self, VisionError> {
        let file = WeightFile::open(path)?;
        let mut tensors = BTreeMap::new();
        for tensor in file.tensors() {
            let (name, tensor) = tensor.map_err(|(name, reason)| VisionError::WeightFile {
                path: path.to_owned(),
                reason: format!("tensor '{name}': {reason}"),
            })?;
            tensors.insert(name, tensor.f_to_device(device)?);
        }
        Ok(Self::new(path.display().to_string(), tensors))
    }

    /// Takes out the tensor of that name.
    ///
    /// # Errors
    /// When there is none, or it has another shape.
    pub fn take(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, VisionError> {
        let tensor = self
            .tensors
            .remove(name)
            .ok_or_else(|| VisionError::MissingWeight {
                origin: self.origin.clone(),
                name: name.to_owned(),
            })?;
        if tensor.size() != shape {
            return Err(VisionError::WeightShape {
                origin: self.origin.clone(),
                name: name.to_owned(),
                actual: tensor.size(),
                expected: shape.to_vec(),
            });
        }
        Ok(tensor)
    }

    /// Forgets a tensor that checkpoints carry and inference has no use for.
    pub fn discard(&mut self, name: &str) {
        self.tensors.remove(name);
    }

    pub(crate) fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    /// Ends the building of a model.
    ///
    /// # Errors
    /// When tensors are left that nothing took.
    pub fn finish(self) -> Result<(), VisionError> {
        if self.tensors.is_empty() {
            return Ok(());
        }
        let names = self.tensors.into_keys().collect();
        Err(VisionError::UnusedWeights {
            origin: self.origin,
            names,
        })
    }
}

/// Writes tensors as a `.safetensors` file of element type `kind`.
///
/// The file appears whole or not at all: it is written beside its place and renamed.
///
/// # Errors
/// When `kind` is not `Float` or `Half`, or the file cannot be written.
pub(crate) fn write<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    kind: Kind,
) -> Result<(), VisionError> {
    let damaged = |reason: String| VisionError::WeightFile {
        path: path.to_owned(),
        reason,
    };
    let dtype = match kind {
        Kind::Float => Dtype::F32,
        Kind::Half => Dtype::F16,
        other => return Err(damaged(format!("{other:?} is no element type to write"))),
    };
    let mut payloads = Vec::new();
    for (name, tensor) in tensors {
        payloads.push((name, tensor.size(), to_bytes(tensor, kind)?));
    }
    let mut views = BTreeMap::new();
    for (name, shape, bytes) in &payloads {
        let shape = shape.iter().map(|&extent| extent as usize).collect();
        let view = TensorView::new(dtype, shape, bytes).map_err(|e| damaged(e.to_string()))?;
        views.insert((*name).clone(), view);
    }
    let bytes = safetensors::serialize(views, None).map_err(|e| damaged(e.to_string()))?;
    Ok(splitsim_durable::replace(path, &bytes)?)
}

fn to_bytes(tensor: &Tensor, kind: Kind) -> Result<Vec<u8>, VisionError> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(kind)?
        .f_contiguous()?;
    let mut bytes = vec![0u8; tensor.numel() * kind.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(bytes)
}
