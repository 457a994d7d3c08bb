//! A level on disk: one `.safetensors` file named by its digest.
//!
//! `g_a`, `h_a` and `g_s` under CompressAI's names, convolution weights in `f16` or `f32`, the rest in
//! `f32`; the entropy model as [`splitsim_latent::LatentModel::to_tensors`] has it, in integers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use splitsim_latent::{Factorised, HyperSynthesis, LatentModel, LayerWeights};
use splitsim_model::Digest;
use tch::{Kind, Tensor};

use crate::{HyperpriorError, HyperpriorLevel, Parameters, Widths};

/// The number format in which convolution weights are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 16-bit floats: half the size, and a loss of quality that training noise exceeds.
    #[default]
    Half,
    /// 32-bit floats, as trained.
    Full,
}

/// The networks that are stored as floats.
const NETWORKS: [&str; 3] = ["g_a.", "h_a.", "g_s."];
/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Digest bytes in a file's name.
const NAME_BYTES: usize = 16;

impl HyperpriorLevel {
    /// A level that codes with these parameters, whose entropy tables are made here.
    ///
    /// # Errors
    /// When the prior is too wide for tables or `h_s` too large for exact integer sums.
    pub fn of_parameters(parameters: &Parameters) -> Result<Self, HyperpriorError> {
        Self::new(parameters, latent_model(parameters)?)
    }

    /// Reads a level's file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, is not what its name says, or holds no level.
    pub fn open(path: &Path) -> Result<Self, HyperpriorError> {
        let bytes = splitsim_text::read(path, MAX_FILE_BYTES)?;
        let digest = digest_name(&bytes);
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        if !name.is_some_and(|name| name.ends_with(&digest)) {
            return Err(HyperpriorError::Digest {
                path: path.to_owned(),
                actual: digest,
            });
        }
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Reads a level from a file's bytes; `origin` names them in errors.
    ///
    /// # Errors
    /// When they hold no level.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, HyperpriorError> {
        let damaged = |reason: String| HyperpriorError::File {
            path: origin.into(),
            reason,
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let latent = LatentModel::from_tensors(&file)?;
        let widths = Widths {
            n: latent.hyper_channels(),
            m: latent.latent_channels(),
        };
        let mut tensors = BTreeMap::new();
        for (name, expected) in float_shapes(widths) {
            let view = file
                .tensor(&name)
                .map_err(|_| HyperpriorError::MissingTensor {
                    origin: origin.to_owned(),
                    name: name.clone(),
                })?;
            let tensor = floats(&view).map_err(|reason| damaged(format!("'{name}': {reason}")))?;
            if tensor.size() != expected {
                let (origin, actual) = (origin.to_owned(), tensor.size());
                return Err(HyperpriorError::Shape {
                    origin,
                    name,
                    expected,
                    actual,
                });
            }
            tensors.insert(name, tensor);
        }
        Self::new(&Parameters::from_own(widths, tensors), latent)
    }
}

/// Writes a level's file into `dir` and returns its path, `PREFIX-DIGEST.safetensors`.
///
/// The file appears whole or not at all.
///
/// # Errors
/// When the entropy model cannot be made of the parameters, or the file cannot be written.
pub fn write_level(
    parameters: &Parameters,
    precision: Precision,
    dir: &Path,
    prefix: &str,
) -> Result<PathBuf, HyperpriorError> {
    let bytes = level_bytes(parameters, precision)?;
    let path = dir.join(format!("{prefix}-{}.safetensors", digest_name(&bytes)));
    let io = |source| HyperpriorError::Io {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(io)?;
    splitsim_durable::replace(&path, &bytes)?;
    Ok(path)
}

/// The bytes of a level's file.
///
/// # Errors
/// When the entropy model cannot be made of the parameters.
pub fn level_bytes(
    parameters: &Parameters,
    precision: Precision,
) -> Result<Vec<u8>, HyperpriorError> {
    let mut stored = latent_model(parameters)?.to_tensors();
    for (name, shape) in float_shapes(parameters.widths()) {
        let kind = match precision {
            Precision::Half if shape.len() == 4 => Kind::Half,
            Precision::Half | Precision::Full => Kind::Float,
        };
        let tensor = parameters
            .get(&name)?
            .f_detach()?
            .f_to_kind(kind)?
            .f_contiguous()?;
        let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        let dtype = if kind == Kind::Half {
            Dtype::F16
        } else {
            Dtype::F32
        };
        let shape = shape.into_iter().map(|side| side as usize).collect();
        stored.push((name, dtype, shape, bytes));
    }
    let damaged = |error: safetensors::SafeTensorError| HyperpriorError::File {
        path: "level".into(),
        reason: error.to_string(),
    };
    let mut views = BTreeMap::new();
    for (name, dtype, shape, bytes) in &stored {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(damaged)?;
        views.insert(name.clone(), view);
    }
    safetensors::serialize(views, None).map_err(damaged)
}

/// The entropy model of trained parameters.
///
/// # Errors
/// When the prior is too wide for tables or `h_s` too large for exact integer sums.
pub(crate) fn latent_model(parameters: &Parameters) -> Result<LatentModel, HyperpriorError> {
    let Widths { n, m } = parameters.widths();
    let prior = factorised(parameters)?;
    let quantiles = parameters.values("entropy_bottleneck.quantiles")?;
    let medians: Vec<f32> = quantiles.chunks_exact(3).map(|three| three[1]).collect();
    let mut tables = Vec::with_capacity(n);
    let mut fixed = Vec::with_capacity(n);
    for (channel, &median) in medians.iter().enumerate() {
        tables.push(prior.table(channel, median.into())?);
        fixed.push(LatentModel::fixed_median(median));
    }
    let layer = |index: usize, sizes: [usize; 2]| -> Result<LayerWeights, HyperpriorError> {
        let part = |part: &str| parameters.values(&format!("h_s.{}.{part}", 2 * index));
        Ok(LayerWeights::quantise(
            index,
            sizes,
            &part("weight")?,
            &part("bias")?,
        )?)
    };
    let network = HyperSynthesis::new([layer(0, [n, n])?, layer(1, [n, n])?, layer(2, [n, m])?])?;
    Ok(LatentModel::new(tables, fixed, network)?)
}

/// The factorised prior of trained parameters.
///
/// # Errors
/// When a tensor is missing.
pub(crate) fn factorised(parameters: &Parameters) -> Result<Factorised, HyperpriorError> {
    let set = |name: &str, layers: usize| -> Result<Vec<Vec<f32>>, HyperpriorError> {
        let value = |layer| parameters.values(&format!("entropy_bottleneck.{name}.{layer}"));
        (0..layers).map(value).collect()
    };
    let channels = parameters.widths().n;
    let (matrices, biases) = (set("matrices", 5)?, set("biases", 5)?);
    Ok(Factorised::new(
        channels,
        &matrices,
        &biases,
        &set("factors", 4)?,
    )?)
}

fn float_shapes(widths: Widths) -> impl Iterator<Item = (String, Vec<i64>)> {
    let shapes = widths.shapes().into_iter();
    shapes.filter(|(name, _)| NETWORKS.iter().any(|network| name.starts_with(network)))
}

fn floats(view: &TensorView<'_>) -> Result<Tensor, String> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        other => return Err(format!("element type {other:?}, expected F32 or F16")),
    };
    let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
    let tensor = Tensor::f_from_data_size(view.data(), &shape, kind).map_err(|e| e.to_string())?;
    tensor.f_to_kind(Kind::Float).map_err(|e| e.to_string())
}

fn digest_name(bytes: &[u8]) -> String {
    let digest = Digest::of(bytes);
    digest.bytes()[..NAME_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused() {
        let opened = HyperpriorLevel::open(Path::new("/dev/null"));
        let message = opened.map(drop).unwrap_err().to_string();
        assert_eq!(message, "/dev/null: a device, expected a regular file");
    }
}
