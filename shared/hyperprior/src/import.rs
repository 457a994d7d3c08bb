use std::collections::BTreeMap;
use std::path::Path;

use splitsim_checkpoint::{Checkpoint, Dtype, StoredTensor};
use tch::{Kind, Tensor};

use crate::parameters::modern;
use crate::{HyperpriorError, Parameters, Widths};

/// The largest tensor that is read: no hyperprior has a larger one.
const MAX_TENSOR_BYTES: u64 = 64 << 20;

/// The first layer, under whose prefix the others are looked for. Its outputs are N.
const ANCHOR: &str = "g_a.0.weight";
/// The last layer of the analysis, whose outputs are M.
const LAST: &str = "g_a.6.weight";

impl Parameters {
    /// Reads a checkpoint of CompressAI or of the CFQA benchmark: `.pth`, `.pth.tar` or
    /// `.safetensors`, a bare state dict or a training's whole checkpoint, in `f32`, `f16`, `bf16` or `f64`,
    /// of a one-channel bmshj2018 hyperprior of any width. What stands before the network's names and
    /// what lies beside the network is left out.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds no such hyperprior.
    pub fn import(path: &Path) -> Result<Self, HyperpriorError> {
        let checkpoint = Checkpoint::open(path)?;
        let score = |prefix: &str| matches(checkpoint.tensors(), prefix);
        let prefix = checkpoint.best_prefix(ANCHOR, score)?.unwrap_or_default();
        let mut tensors = BTreeMap::new();
        for (key, stored) in checkpoint.tensors() {
            let Some(name) = key.strip_prefix(prefix) else {
                continue;
            };
            let kind = match stored.dtype() {
                Dtype::F32 => Kind::Float,
                Dtype::F16 => Kind::Half,
                Dtype::BF16 => Kind::BFloat16,
                Dtype::F64 => Kind::Double,
                // Tables and counters, which are made anew.
                _ => continue,
            };
            if stored.byte_count() > MAX_TENSOR_BYTES {
                return Err(HyperpriorError::File {
                    path: path.to_owned(),
                    reason: format!("tensor '{name}' has {} bytes", stored.byte_count()),
                });
            }
            let mut bytes = Vec::new();
            checkpoint.copy(key, &mut bytes)?;
            let shape: Vec<i64> = stored.shape().iter().map(|&side| side as i64).collect();
            let tensor = Tensor::f_from_data_size(&bytes, &shape, kind)?;
            tensors.insert(name.to_owned(), tensor);
        }
        Self::from_state_dict(&path.display().to_string(), tensors)
    }
}

/// Tensors of a hyperprior under a prefix: those of the right shape, and those of the right name.
fn matches(tensors: &BTreeMap<String, StoredTensor>, prefix: &str) -> (usize, usize) {
    let outputs = |name: &str| {
        let weight = tensors.get(&format!("{prefix}{name}"));
        let outputs = weight.and_then(|weight| weight.shape().first().copied());
        outputs.unwrap_or(0).min(Widths::MAX)
    };
    let widths = Widths {
        n: outputs(ANCHOR),
        m: outputs(LAST),
    };
    let wanted: BTreeMap<String, Vec<i64>> = widths.shapes().into_iter().collect();
    let mut count = (0, 0);
    for (key, tensor) in tensors {
        let own = key.strip_prefix(prefix).map(modern);
        let Some(shape) = own.and_then(|name| wanted.get(&name)) else {
            continue;
        };
        count.1 += 1;
        let actual = tensor.shape().iter().map(|&side| i64::try_from(side));
        count.0 += usize::from(actual.eq(shape.iter().map(|&side| Ok(side))));
    }
    count
}

#[cfg(test)]
mod tests {
    use splitsim_checkpoint::synthetic::{Wrapping, Written, write_tensors};

    use super::*;
    use crate::{Precision, golden, level_bytes};

    #[test]
    fn a_training_s_checkpoint_is_the_network_in_it() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/hyperprior.pth.tar"
        );
        let imported = Parameters::import(Path::new(path)).unwrap();
        let expected = golden::parameters();
        assert_eq!(imported.widths(), expected.widths());
        // The same level in a package, byte for byte: what is coded with one the other decodes.
        assert_eq!(
            level_bytes(&imported, Precision::Full).unwrap(),
            level_bytes(&expected, Precision::Full).unwrap()
        );
    }

    /// The golden network's tensors, of other values where asked for.
    fn written(prefix: &str, storage: &'static str, factor: f64) -> Vec<Written> {
        let kind = match storage {
            "HalfStorage" => Kind::Half,
            _ => Kind::Float,
        };
        let parameters = golden::parameters();
        let write = |(name, tensor): (&String, &Tensor)| {
            let values = (tensor * factor).to_kind(kind);
            let mut bytes = vec![0; values.numel() * values.kind().elt_size_in_bytes()];
            values.copy_data_u8(&mut bytes, values.numel());
            Written {
                name: format!("{prefix}{name}"),
                shape: tensor.size().iter().map(|&side| side as usize).collect(),
                storage,
                bytes,
            }
        };
        parameters.tensors().iter().map(write).collect()
    }

    fn imported(tensors: &[Written], wrapping: Wrapping) -> Result<Parameters, HyperpriorError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("level.pth.tar");
        write_tensors(&path, tensors, wrapping).unwrap();
        Parameters::import(&path)
    }

    /// A level's bytes in a package.
    fn level(parameters: &Parameters) -> Vec<u8> {
        level_bytes(parameters, Precision::Full).unwrap()
    }

    #[test]
    fn figures_beside_the_network_are_left_out() {
        let expected = level(&golden::parameters());
        for prefix in ["", "module.", "_orig_mod.", "model."] {
            let tensors = written(prefix, "FloatStorage", 1.0);
            for wrapping in [Wrapping::Bare, Wrapping::Mmcv, Wrapping::Training] {
                let parameters = imported(&tensors, wrapping).unwrap();
                assert_eq!(level(&parameters), expected, "{prefix}, {wrapping:?}");
            }
        }
    }

    #[test]
    fn halves_are_imported_as_the_floats_that_they_are() {
        let parameters = imported(&written("", "HalfStorage", 1.0), Wrapping::Training).unwrap();
        for (name, tensor) in golden::parameters().tensors() {
            let rounded = tensor.to_kind(Kind::Half).to_kind(Kind::Float);
            assert_eq!(parameters.get(name).unwrap(), &rounded, "{name}");
        }
    }

    #[test]
    fn of_two_networks_the_whole_one_is_taken_and_of_equal_ones_the_trained() {
        let expected = level(&golden::parameters());
        let trained = written("net.", "FloatStorage", 1.0);
        let with = |mut other: Vec<Written>| {
            other.extend(trained.clone());
            imported(&other, Wrapping::Bare)
        };
        let average = with(written("ema.", "FloatStorage", 0.5)).unwrap();
        assert_eq!(level(&average), expected);
        // All names are there, but not the shapes.
        let mut distilled = written("a.", "FloatStorage", 0.5);
        for tensor in &mut distilled {
            if let Some(last) = tensor
                .shape
                .last_mut()
                .filter(|_| tensor.name != "a.g_a.0.weight")
            {
                *last += 1;
                let count: usize = tensor.shape.iter().product();
                tensor.bytes = vec![0; 4 * count];
            }
        }
        assert_eq!(level(&with(distilled).unwrap()), expected);
        let error = with(written("other.", "FloatStorage", 0.5))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("under 'net' and as many under 'other'"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_no_checkpoint_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("level.pth.tar");
        std::fs::write(&path, b"no archive").unwrap();
        let error = Parameters::import(&path).unwrap_err().to_string();
        assert!(error.contains("level.pth.tar"), "{error}");
    }
}
