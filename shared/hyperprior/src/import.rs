use std::collections::BTreeMap;
use std::path::Path;

use splitsim_checkpoint::{Checkpoint, Dtype};
use tch::{Kind, Tensor};

use crate::{HyperpriorError, Parameters, Widths};

/// The largest tensor that is read: no hyperprior has a larger one.
const MAX_TENSOR_BYTES: u64 = 64 << 20;

/// The first layer, under whose prefix the others are looked for.
const ANCHOR: &str = "g_a.0.weight";

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
        let wanted: Vec<String> = Widths { n: 1, m: 1 }
            .shapes()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let prefix = checkpoint.prefix_of(ANCHOR, &wanted).unwrap_or_default();
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_file_that_is_no_checkpoint_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("level.pth.tar");
        std::fs::write(&path, b"no archive").unwrap();
        let error = Parameters::import(&path).unwrap_err().to_string();
        assert!(error.contains("level.pth.tar"), "{error}");
    }
}
