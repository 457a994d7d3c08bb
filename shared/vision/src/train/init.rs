//! Initial weights.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use splitsim_model::Architecture;
use splitsim_scenes::{CLASSES, MASK_CLASSES, MATERIALS};
use tch::{Device, Kind, Tensor};

use super::TrainConfig;
use crate::VisionError;

/// Standard deviation of a fresh matrix, as in DINOv2.
const MATRIX_STD: f32 = 0.02;
/// LayerScale of a fresh block. DINOv2 starts its deep models at 1e-5; a shallow one that trains
/// for a few thousand steps would not get off the ground.
const LAYER_SCALE: f64 = 0.5;
/// Amplitude of the sine-cosine grid that the position embedding starts from.
const POSITION_AMPLITUDE: f64 = 0.3;

/// Names with one of these prefixes belong to a head, the others to the backbone.
pub(super) const HEADS: [&str; 4] = ["cls.", "seg.", "dpt.", "aux."];

/// Fresh weights: the backbone's under DINOv2's names, the heads' under [`HEADS`].
///
/// They depend on the configuration alone. libtorch's own generator would not do: there is one for
/// the whole process, and whatever else draws from it would change them.
pub(super) fn weights(config: &TrainConfig) -> Result<BTreeMap<String, Tensor>, VisionError> {
    let mut init = Init {
        generator: ChaCha8Rng::seed_from_u64(config.seed),
        tensors: BTreeMap::new(),
    };
    init.backbone(&config.architecture)?;
    let dim = config.architecture.embed_dim as i64;
    init.linear("cls.linear", CLASSES as i64, 2 * dim)?;
    init.constant("seg.bn.weight", &[dim], 1.0)?;
    init.constant("seg.bn.bias", &[dim], 0.0)?;
    init.constant("seg.bn.running_mean", &[dim], 0.0)?;
    init.constant("seg.bn.running_var", &[dim], 1.0)?;
    init.linear("seg.conv_seg", MASK_CLASSES as i64, dim)?;
    init.linear("dpt.conv_depth", config.depth_bins as i64, 8 * dim)?;
    init.linear("aux.material", MATERIALS.len() as i64 + 1, dim)?;
    Ok(init.tensors)
}

/// Returns `true` if the optimiser may change a tensor; it may not change batch statistics.
pub(super) fn trainable(name: &str) -> bool {
    !name.contains(".running_")
}

struct Init {
    generator: ChaCha8Rng,
    tensors: BTreeMap<String, Tensor>,
}

impl Init {
    fn backbone(&mut self, architecture: &Architecture) -> Result<(), VisionError> {
        let (dim, patch) = (architecture.embed_dim as i64, architecture.patch as i64);
        let hidden = architecture.hidden_dim() as i64;
        self.normal("cls_token", &[1, 1, dim])?;
        let grid = position_grid(architecture.position_grid, architecture.embed_dim)?;
        self.tensors.insert("pos_embed".to_owned(), grid);
        if architecture.registers > 0 {
            self.normal("register_tokens", &[1, architecture.registers as i64, dim])?;
        }
        self.normal("patch_embed.proj.weight", &[dim, 3, patch, patch])?;
        self.constant("patch_embed.proj.bias", &[dim], 0.0)?;
        for block in 0..architecture.depth {
            let name = |part: &str| format!("blocks.{block}.{part}");
            self.layer_norm(&name("norm1"), dim)?;
            self.linear(&name("attn.qkv"), 3 * dim, dim)?;
            self.linear(&name("attn.proj"), dim, dim)?;
            self.constant(&name("ls1.gamma"), &[dim], LAYER_SCALE)?;
            self.layer_norm(&name("norm2"), dim)?;
            match architecture.feed_forward {
                splitsim_model::FeedForward::Mlp => {
                    self.linear(&name("mlp.fc1"), hidden, dim)?;
                    self.linear(&name("mlp.fc2"), dim, hidden)?;
                }
                splitsim_model::FeedForward::SwiGlu => {
                    self.linear(&name("mlp.w12"), 2 * hidden, dim)?;
                    self.linear(&name("mlp.w3"), dim, hidden)?;
                }
            }
            self.constant(&name("ls2.gamma"), &[dim], LAYER_SCALE)?;
        }
        self.layer_norm("norm", dim)
    }

    fn linear(&mut self, name: &str, outputs: i64, inputs: i64) -> Result<(), VisionError> {
        self.normal(&format!("{name}.weight"), &[outputs, inputs])?;
        self.constant(&format!("{name}.bias"), &[outputs], 0.0)
    }

    fn layer_norm(&mut self, name: &str, dim: i64) -> Result<(), VisionError> {
        self.constant(&format!("{name}.weight"), &[dim], 1.0)?;
        self.constant(&format!("{name}.bias"), &[dim], 0.0)
    }

    fn normal(&mut self, name: &str, shape: &[i64]) -> Result<(), VisionError> {
        let count: i64 = shape.iter().product();
        let standard = (&mut self.generator).sample_iter::<f32, _>(StandardNormal);
        let values: Vec<f32> = standard
            .take(count as usize)
            .map(|value| MATRIX_STD * value)
            .collect();
        let tensor = Tensor::f_from_slice(&values)?.f_reshape(shape)?;
        self.tensors.insert(name.to_owned(), tensor);
        Ok(())
    }

    fn constant(&mut self, name: &str, shape: &[i64], value: f64) -> Result<(), VisionError> {
        let tensor = Tensor::f_full(shape, value, (Kind::Float, Device::Cpu))?;
        self.tensors.insert(name.to_owned(), tensor);
        Ok(())
    }
}

/// Sines and cosines of row and column at geometric wavelengths, `[1, 1 + side², dim]`; the class
/// token's row is zero (Dosovitskiy et al. 2021, appendix D.4, the 2-D variant).
fn position_grid(side: usize, dim: usize) -> Result<Tensor, VisionError> {
    let quarter = dim / 4;
    let mut values = vec![0.0f32; (1 + side * side) * dim];
    for cell in 0..side * side {
        let token = &mut values[(1 + cell) * dim..(2 + cell) * dim];
        for k in 0..quarter {
            let frequency = 100f64.powf(-(k as f64) / quarter as f64);
            let (row, column) = ((cell / side) as f64, (cell % side) as f64);
            let waves = [row * frequency, column * frequency];
            for (axis, angle) in waves.into_iter().enumerate() {
                token[2 * axis * quarter + k] = (POSITION_AMPLITUDE * angle.sin()) as f32;
                token[(2 * axis + 1) * quarter + k] = (POSITION_AMPLITUDE * angle.cos()) as f32;
            }
        }
    }
    Ok(Tensor::f_from_slice(&values)?.f_reshape([1, (1 + side * side) as i64, dim as i64])?)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn weights_depend_on_the_seed_alone_whatever_else_draws() {
        let config = TrainConfig::miniature();
        let of = |config: &TrainConfig| weights(config).unwrap();
        let alone = of(&config);
        let together = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| of(&config)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(together.iter().all(|weights| *weights == alone));
        let other = of(&TrainConfig { seed: 2, ..config });
        assert!(other["cls.linear.weight"] != alone["cls.linear.weight"]);
    }

    #[test]
    fn a_fresh_matrix_is_normal_about_zero() {
        let weights = weights(&TrainConfig::miniature()).unwrap();
        let matrix = weights["blocks.0.attn.qkv.weight"].flatten(0, -1);
        // Standard errors of the two moments of n values: sigma / sqrt(n), sigma / sqrt(2 n).
        let (sigma, count) = (f64::from(MATRIX_STD), matrix.numel() as f64);
        let mean = matrix.mean(Kind::Double).double_value(&[]);
        let deviation = matrix.std(true).double_value(&[]);
        assert!(mean.abs() < 5.0 * sigma / count.sqrt(), "{mean}");
        let off = (deviation - sigma).abs();
        assert!(off < 5.0 * sigma / (2.0 * count).sqrt(), "{deviation}");
    }
}
