//! The hyper-synthesis `h_s`, from `ẑ` to scales, in integers.
//!
//! Three layers, as CompressAI's `ScaleHyperprior` has them: two 5×5 transposed convolutions of
//! stride 2 and a 3×3 convolution, each followed by a ReLU. Activations have [`FRACTION_BITS`]
//! fractional bits and magnitudes below 2^24; weights are 16-bit integers with one power of two per
//! layer. Sums are exact: they are taken in `f64`, where integers below 2^53 are exact in any order and
//! with any instruction, and a layer whose sums could be larger is refused when it is made. So the
//! result is the same on every machine, at the speed of its floating-point unit.

mod layer;
mod product;
mod weights;

use self::layer::Layer;
pub use self::weights::LayerWeights;
use crate::{LatentError, Planes};

/// Fractional bits of activations.
pub const FRACTION_BITS: u32 = 14;

/// Activations are clamped into ± this, and so are scales of up to 1024.
const ACTIVATION_LIMIT: f64 = 16_777_216.0;
/// The layers' geometry, first to last.
const GEOMETRY: [Geometry; 3] = [Geometry::Double, Geometry::Double, Geometry::Same];

/// The network in integers.
#[derive(Debug, Clone, PartialEq)]
pub struct HyperSynthesis {
    weights: [LayerWeights; 3],
    layers: [Layer; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Geometry {
    /// Transposed convolution, kernel 5, stride 2, padding 2, output padding 1.
    Double,
    /// Convolution, kernel 3, padding 1.
    Same,
}

impl Geometry {
    const fn kernel(self) -> usize {
        match self {
            Self::Double => 5,
            Self::Same => 3,
        }
    }

    const fn stride(self) -> usize {
        match self {
            Self::Double => 2,
            Self::Same => 1,
        }
    }

    /// The kernel rows that reach the output rows of one phase, each with the input row's offset.
    ///
    /// Output row `y = 2·i − 2 + k` of a transposed convolution takes input row `i` through kernel
    /// row `k`, so even rows see `k = 0, 2, 4` and odd ones `k = 1, 3`; row `y` of a convolution
    /// takes `y − 1 + k`.
    fn reach(self, phase: usize) -> Vec<(usize, isize)> {
        match (self, phase) {
            (Self::Double, 0) => vec![(0, 1), (2, 0), (4, -1)],
            (Self::Double, _) => vec![(1, 1), (3, 0)],
            (Self::Same, _) => vec![(0, -1), (1, 0), (2, 1)],
        }
    }
}

impl HyperSynthesis {
    /// The network of these layers, first to last.
    ///
    /// # Errors
    /// When a layer's sizes contradict each other or the next layer's, or its sums could exceed 2^53.
    pub fn new(weights: [LayerWeights; 3]) -> Result<Self, LatentError> {
        for (index, layer) in weights.iter().enumerate() {
            layer.check(index)?;
            let expected = if index == 0 {
                layer.inputs
            } else {
                weights[index - 1].outputs
            };
            if layer.inputs != expected {
                return Err(LatentError::Mismatch {
                    what: "hyper-synthesis inputs",
                    expected,
                    actual: layer.inputs,
                });
            }
        }
        let layers = [0, 1, 2].map(|index| Layer::new(&weights[index], GEOMETRY[index]));
        Ok(Self { weights, layers })
    }

    /// Channels of `z`.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.weights[0].inputs
    }

    /// Channels of `y`.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.weights[2].outputs
    }

    /// The layers, first to last.
    #[must_use]
    pub const fn layers(&self) -> &[LayerWeights; 3] {
        &self.weights
    }

    /// Scales in fixed point of `ẑ` in fixed point, which is clamped into ±2^24: four times as many
    /// rows and columns.
    ///
    /// # Errors
    /// When `ẑ` has another number of channels.
    pub fn scales(&self, z_hat: &Planes<i32>) -> Result<Planes<u32>, LatentError> {
        if z_hat.channels() != self.inputs() {
            return Err(LatentError::Mismatch {
                what: "channels of z",
                expected: self.inputs(),
                actual: z_hat.channels(),
            });
        }
        let limit = ACTIVATION_LIMIT;
        let mut planes = z_hat.map(|&value| f64::from(value).clamp(-limit, limit));
        for layer in &self.layers {
            planes = layer.run(&planes);
        }
        Ok(planes.map(|&scale| scale as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A layer by its definition, in 128-bit integers: every input sample is scattered through the
    /// kernel of the transposed convolution, or gathered through that of the convolution.
    fn by_definition(layer: &LayerWeights, geometry: Geometry, input: &Planes<i64>) -> Planes<i64> {
        let (height, width) = (input.height() as isize, input.width() as isize);
        let (kernel, stride) = (geometry.kernel() as isize, geometry.stride() as isize);
        let (out_height, out_width) = (height * stride, width * stride);
        let mut sums = vec![0i128; layer.outputs * (out_height * out_width) as usize];
        let place = |output: usize, y: isize, x: isize| {
            let inside = (0..out_height).contains(&y) && (0..out_width).contains(&x);
            inside
                .then(|| output * (out_height * out_width) as usize + (y * out_width + x) as usize)
        };
        for (i, plane) in input.planes().enumerate() {
            for o in 0..layer.outputs {
                for (k, (ky, kx)) in (0..kernel)
                    .flat_map(|ky| (0..kernel).map(move |kx| (ky, kx)))
                    .enumerate()
                {
                    let filter = match geometry {
                        Geometry::Double => i * layer.outputs + o,
                        Geometry::Same => o * layer.inputs + i,
                    };
                    let weight = layer.weights[filter * (kernel * kernel) as usize + k];
                    for (index, &value) in plane.iter().enumerate() {
                        let (y, x) = (index as isize / width, index as isize % width);
                        let target = match geometry {
                            Geometry::Double => place(o, 2 * y - 2 + ky, 2 * x - 2 + kx),
                            Geometry::Same => place(o, y + 1 - ky, x + 1 - kx),
                        };
                        if let Some(target) = target {
                            sums[target] += i128::from(weight) * i128::from(value);
                        }
                    }
                }
            }
        }
        let extent = (out_height * out_width) as usize;
        let finish = |(index, sum): (usize, i128)| {
            let sum = sum + i128::from(layer.biases[index / extent]);
            let rounded = (sum + ((1i128 << layer.shift) >> 1)) >> layer.shift;
            rounded.clamp(0, 1 << 24) as i64
        };
        let values = sums.into_iter().enumerate().map(finish).collect();
        Planes::new(
            layer.outputs,
            out_height as usize,
            out_width as usize,
            values,
        )
        .unwrap()
    }

    fn layer(
        rng: &mut ChaCha8Rng,
        geometry: Geometry,
        sizes: [usize; 2],
        extreme: bool,
    ) -> LayerWeights {
        let [inputs, outputs] = sizes;
        let count = inputs * outputs * geometry.kernel().pow(2);
        let weight = |rng: &mut ChaCha8Rng| match extreme {
            true => [i16::MIN, i16::MAX][rng.random_range(0..2)],
            false => rng.random_range(-4000..4000),
        };
        LayerWeights {
            inputs,
            outputs,
            weights: (0..count).map(|_| weight(rng)).collect(),
            biases: (0..outputs)
                .map(|_| rng.random_range(-(1 << 28)..1 << 28))
                .collect(),
            shift: 15,
        }
    }

    #[test]
    fn sums_are_exact_whatever_the_values() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (extreme, magnitude) in [(false, 1 << 18), (true, 1 << 24)] {
            let layers = [
                layer(&mut rng, Geometry::Double, [5, 4], extreme),
                layer(&mut rng, Geometry::Double, [4, 3], extreme),
                layer(&mut rng, Geometry::Same, [3, 6], extreme),
            ];
            let values = (0..5 * 3 * 2)
                .map(|_| rng.random_range(-magnitude..=magnitude))
                .collect();
            let z_hat: Planes<i32> = Planes::new(5, 3, 2, values).unwrap();
            let mut expected = z_hat.map(|&value| i64::from(value));
            for (layer, geometry) in layers.iter().zip(GEOMETRY) {
                expected = by_definition(layer, geometry, &expected);
            }
            let scales = HyperSynthesis::new(layers).unwrap().scales(&z_hat).unwrap();
            assert_eq!((scales.height(), scales.width()), (12, 8));
            assert_eq!(scales.map(|&scale| i64::from(scale)), expected);
        }
    }

    #[test]
    fn strips_meet_without_a_seam() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let weights = layer(&mut rng, Geometry::Same, [40, 2], false);
        let values = (0..40 * 70 * 50)
            .map(|_| rng.random_range(-9999..9999))
            .collect();
        let input: Planes<i64> = Planes::new(40, 70, 50, values).unwrap();
        const { assert!(9 * 40 * 70 * 50 > layer::STRIP_VALUES) };
        let result = Layer::new(&weights, Geometry::Same).run(&input.map(|&value| value as f64));
        let expected = by_definition(&weights, Geometry::Same, &input);
        assert_eq!(result.map(|&value| value as i64), expected);
    }

    #[test]
    fn what_integers_cannot_carry_is_refused() {
        let check = |layer: Result<LayerWeights, LatentError>, expected: &str| {
            let error =
                layer.and_then(|layer| HyperSynthesis::new([layer.clone(), layer.clone(), layer]));
            let message = error.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        let quantise =
            |weights: &[f32], biases: &[f32]| LayerWeights::quantise(0, [1, 1], weights, biases);
        check(quantise(&[f32::NAN; 25], &[0.0]), "or not finite");
        check(quantise(&[40_000.0; 25], &[0.0]), "weights up to 40000");
        check(quantise(&[1.0; 24], &[0.0]), "24 weights and 1 biases");
        check(quantise(&[1.0; 25], &[1e15]), "1 inputs with biases up to");
    }

    #[test]
    fn weights_keep_as_many_bits_as_fit() {
        let layer = LayerWeights::quantise(0, [1, 1], &[0.75, -0.1], &[0.5]).unwrap();
        assert_eq!((layer.shift, &layer.weights[..]), (15, &[24576, -3277][..]));
        assert_eq!(layer.biases, [1 << 28]);
        let tiny = LayerWeights::quantise(0, [1, 1], &[0.0], &[0.0]).unwrap();
        assert_eq!(tiny.shift, 24);
    }
}
