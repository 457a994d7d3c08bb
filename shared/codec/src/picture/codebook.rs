use std::fmt;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use splitsim_model::Digest;
use splitsim_text::FileError;

use crate::quantise::BitDepth;

/// Scalar centres that stand for feature values: a quantiser with uneven steps, fine where values are
/// frequent (DT-UFC's peaky-to-balanced transform, arXiv 2506.16495).
///
/// A symbol is the index of a centre. There are `2^b` centres per layer, ascending, or one list that
/// serves every layer. Two neighbouring centres may be equal where there were fewer distinct values.
///
/// On disk: safetensors with one tensor `centres`, f32 `[layers, 2^b]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// All layers' centres, one layer after the other.
    centres: Vec<f32>,
    depth: BitDepth,
}

/// The rule by which a centre is chosen for a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Assignment {
    /// The nearest one, the lower of two equally near.
    #[default]
    Nearest,
    /// The greatest one that is not above the value, as the published script does: values are biased
    /// downwards by about half a step.
    Left,
}

impl Codebook {
    /// The largest depth, bits: 4096 centres.
    pub const MAX_DEPTH: u8 = 12;
    /// The largest file that is read, bytes.
    const MAX_FILE_BYTES: u64 = 16 << 20;
    const TENSOR: &str = "centres";

    /// A codebook of one list of centres for all layers, or one per layer.
    ///
    /// # Errors
    /// When there is no list, the lists are not equally long, not `2^b` centres with `b` from 1 to
    /// [`Self::MAX_DEPTH`], not finite or not ascending.
    pub fn new(layers: &[Vec<f32>]) -> Result<Self, CodebookError> {
        let centres = layers.first().map_or(0, Vec::len);
        let depth = depth_of(centres).ok_or(CodebookError::Centres { centres })?;
        for (layer, list) in layers.iter().enumerate() {
            if list.len() != centres {
                return Err(CodebookError::Uneven {
                    layer,
                    expected: centres,
                    actual: list.len(),
                });
            }
            check_order(layer, list)?;
        }
        Ok(Self {
            centres: layers.concat(),
            depth,
        })
    }

    /// Reads a codebook from a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no codebook.
    pub fn open(path: &Path) -> Result<Self, CodebookError> {
        Self::parse(&splitsim_text::read(path, Self::MAX_FILE_BYTES)?)
    }

    /// Reads a codebook's file.
    ///
    /// # Errors
    /// When the bytes are no safetensors with a tensor of centres.
    pub fn parse(bytes: &[u8]) -> Result<Self, CodebookError> {
        let file = SafeTensors::deserialize(bytes)?;
        let tensor = file.tensor(Self::TENSOR)?;
        let (&[_, centres], Dtype::F32) = (tensor.shape(), tensor.dtype()) else {
            return Err(CodebookError::Tensor {
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
            });
        };
        if depth_of(centres).is_none() {
            return Err(CodebookError::Centres { centres });
        }
        let value = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        let layers: Vec<Vec<f32>> = tensor
            .data()
            .chunks_exact(4 * centres)
            .map(|layer| layer.chunks_exact(4).map(value).collect())
            .collect();
        Self::new(&layers)
    }

    /// The bytes of a codebook's file.
    ///
    /// # Errors
    /// When the format refuses them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodebookError> {
        let bytes: Vec<u8> = self.centres.iter().flat_map(|c| c.to_le_bytes()).collect();
        let shape = vec![self.layers(), self.centres_per_layer()];
        let tensor = TensorView::new(Dtype::F32, shape, &bytes)?;
        Ok(safetensors::serialize([(Self::TENSOR, tensor)], None)?)
    }

    /// Bits of a symbol: `b` for `2^b` centres.
    #[must_use]
    pub const fn depth(&self) -> BitDepth {
        self.depth
    }

    /// The number of lists of centres; a single one serves every layer.
    #[must_use]
    pub const fn layers(&self) -> usize {
        self.centres.len() >> self.depth.bits()
    }

    /// The centres of a layer, ascending.
    #[must_use]
    pub fn centres(&self, layer: usize) -> &[f32] {
        let layer = if self.layers() == 1 { 0 } else { layer };
        let start = layer * self.centres_per_layer();
        &self.centres[start..start + self.centres_per_layer()]
    }

    /// A digest that both ends of a link can compare.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let bytes: Vec<u8> = std::iter::once(self.depth.bits())
            .chain(self.centres.iter().flat_map(|c| c.to_le_bytes()))
            .collect();
        Digest::of(&bytes)
    }

    /// # Errors
    /// When there is neither one list nor one per layer.
    pub(crate) const fn check_layers(&self, layers: usize) -> Result<(), CodebookError> {
        let lists = self.layers();
        if lists == 1 || lists == layers {
            return Ok(());
        }
        Err(CodebookError::Layers {
            expected: layers,
            actual: lists,
        })
    }

    const fn centres_per_layer(&self) -> usize {
        1 << self.depth.bits()
    }
}

impl Assignment {
    /// The index of the centre, of ascending ones, that stands for a value.
    ///
    /// Values below the first centre get the first.
    #[must_use]
    pub fn symbol(self, centres: &[f32], value: f32) -> usize {
        let above = centres.partition_point(|&centre| centre <= value);
        let left = above.saturating_sub(1);
        match (self, centres.get(left), centres.get(above)) {
            // In f64 the differences of f32 values of like size are exact.
            (Self::Nearest, Some(&below), Some(&next)) if above > 0 => {
                let to_next = f64::from(next) - f64::from(value);
                let to_below = f64::from(value) - f64::from(below);
                if to_next < to_below { above } else { left }
            }
            _ => left,
        }
    }
}

impl Assignment {
    /// The mean squared error of values and the centres that stand for them; 0 when there are no values.
    ///
    /// # Panics
    /// When there are values but no centres.
    #[must_use]
    pub fn mse(self, centres: &[f32], values: &[f32]) -> f64 {
        let squared = |&value: &f32| {
            let centre = centres[self.symbol(centres, value)];
            (f64::from(value) - f64::from(centre)).powi(2)
        };
        let sum: f64 = values.iter().map(squared).sum();
        sum / values.len().max(1) as f64
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nearest => "nearest",
            Self::Left => "left",
        })
    }
}

/// The reason why lists of numbers or a file are not a codebook.
#[derive(Debug, thiserror::Error)]
pub enum CodebookError {
    /// The file cannot be read.
    #[error("{}", .0.reason())]
    File(#[from] FileError),
    /// The file is no safetensors, or lacks the tensor.
    #[error("no codebook: {0}")]
    Format(#[from] SafeTensorError),
    /// The tensor is of another kind.
    #[error("'centres' is {dtype:?} {shape:?}, expected F32 [layers, centres]")]
    Tensor {
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Not a power of two of centres.
    #[error("{centres} centres per layer, expected a power of two from 2 to 4096")]
    Centres {
        /// The centres of the first layer.
        centres: usize,
    },
    /// A layer with another number of centres than the first.
    #[error("layer {layer} has {actual} centres, the first has {expected}")]
    Uneven {
        /// The layer.
        layer: usize,
        /// Centres of the first layer.
        expected: usize,
        /// Centres of this one.
        actual: usize,
    },
    /// A centre that is not finite, or below the one before it.
    #[error("layer {layer}: centre {index} is {value}, expected finite and ascending values")]
    Order {
        /// The layer.
        layer: usize,
        /// The centre's index.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// Neither one list of centres nor one per layer.
    #[error("codebook for {actual} layers, expected 1 or {expected}")]
    Layers {
        /// The feature's layers.
        expected: usize,
        /// The codebook's.
        actual: usize,
    },
}

fn depth_of(centres: usize) -> Option<BitDepth> {
    (1..=Codebook::MAX_DEPTH)
        .find(|&bits| 1 << bits == centres)
        .and_then(BitDepth::new)
}

fn check_order(layer: usize, centres: &[f32]) -> Result<(), CodebookError> {
    let mut least = f32::MIN;
    for (index, &value) in centres.iter().enumerate() {
        if !value.is_finite() || value < least {
            return Err(CodebookError::Order {
                layer,
                index,
                value,
            });
        }
        least = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn left_takes_the_centre_below_and_nearest_the_nearest() {
        let centres = [-10.0, -1.0, 0.0, 4.0];
        // numpy: clip((centres <= x).sum() - 1, 0, 3), and abs(centres - x).argmin().
        for (value, left, nearest) in [
            (-11.0, 0, 0),
            (-10.0, 0, 0),
            (-5.6, 0, 0),
            (-5.4, 0, 1),
            (-1.0, 1, 1),
            (-0.5, 1, 1),
            (2.1, 2, 3),
            (4.0, 3, 3),
            (99.0, 3, 3),
        ] {
            assert_eq!(Assignment::Left.symbol(&centres, value), left, "{value}");
            assert_eq!(
                Assignment::Nearest.symbol(&centres, value),
                nearest,
                "{value}"
            );
        }
    }

    #[test]
    fn a_file_reads_back_and_names_itself_by_its_centres() {
        let one = Codebook::new(&[vec![-1.0, 0.0, 0.0, 5.0]]).unwrap();
        let two = Codebook::new(&[vec![-1.0, 0.0], vec![0.0, 5.0]]).unwrap();
        for codebook in [&one, &two] {
            let bytes = codebook.to_bytes().unwrap();
            assert_eq!(Codebook::parse(&bytes).unwrap(), *codebook);
        }
        assert_eq!((one.layers(), one.depth().bits()), (1, 2));
        assert_eq!((two.layers(), two.depth().bits()), (2, 1));
        assert_ne!(one.digest(), two.digest());
        assert_eq!(one.centres(3), one.centres(0));
        assert_eq!(two.centres(1), [0.0, 5.0]);
        assert!(one.check_layers(4).is_ok() && two.check_layers(4).is_err());
    }

    #[test]
    fn the_file_is_one_of_safetensors() {
        let bytes = Codebook::new(&[vec![0.5, 2.0]])
            .unwrap()
            .to_bytes()
            .unwrap();
        // Its header as the format's description has it: length, JSON padded with spaces, data.
        let header = br#"{"centres":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
        let length = usize::from(bytes[0]);
        assert_eq!(&bytes[1..8], [0; 7]);
        assert_eq!(bytes[8..8 + length].trim_ascii_end(), header);
        assert_eq!(bytes[8 + length..], [0, 0, 0, 0x3F, 0, 0, 0, 0x40]);
    }

    #[test]
    fn what_is_no_codebook_is_refused() {
        let check = |layers: &[Vec<f32>], expected: &str| {
            assert_eq!(Codebook::new(layers).unwrap_err().to_string(), expected);
        };
        let three = "3 centres per layer, expected a power of two from 2 to 4096";
        check(&[], &three.replace('3', "0"));
        check(&[vec![0.0; 3]], three);
        check(
            &[vec![0.0, 1.0], vec![1.0; 4]],
            "layer 1 has 4 centres, the first has 2",
        );
        check(
            &[vec![0.0, -1.0]],
            "layer 0: centre 1 is -1, expected finite and ascending values",
        );
        assert!(Codebook::new(&[vec![0.0, f32::NAN]]).is_err());
        assert!(matches!(
            Codebook::parse(b"{}"),
            Err(CodebookError::Format(_))
        ));
        let bytes = [0; 16];
        let tensor = TensorView::new(Dtype::F64, vec![1, 2], &bytes).unwrap();
        let other = safetensors::serialize([("centres", tensor)], None).unwrap();
        assert!(matches!(
            Codebook::parse(&other),
            Err(CodebookError::Tensor {
                dtype: Dtype::F64,
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn assignments_keep_their_definition(
            mut centres in prop::collection::vec(-100f32..100.0, 16), value in -120f32..120.0,
        ) {
            centres.sort_by(f32::total_cmp);
            let left = centres.iter().filter(|&&centre| centre <= value).count();
            prop_assert_eq!(
                Assignment::Left.symbol(&centres, value),
                left.saturating_sub(1)
            );
            let error = |index: usize| (f64::from(centres[index]) - f64::from(value)).abs();
            let least = (0..16).map(error).fold(f64::MAX, f64::min);
            prop_assert_eq!(error(Assignment::Nearest.symbol(&centres, value)), least);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            prop_assert!(Codebook::parse(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let message = Codebook::open(Path::new("/dev/null"))
            .unwrap_err()
            .to_string();
        assert_eq!(message, "a device, expected a regular file");
    }
}
