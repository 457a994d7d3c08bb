//! The three task heads of DINOv2's evaluations, on features in the benchmark's layout.

use std::num::NonZeroU8;

use ndarray::Array2;
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_model::{Architecture, ClsTask, DptTask, TaskSpec};
use splitsim_truth::{DepthMap, HeadOutput, Logits, Mask, SegPrediction};
use tch::{Device, Kind, Tensor};

use crate::backbone::{LayerNorm, Linear};
use crate::geometry::{SegGeometry, Size, dpt_input, patch_grid};
use crate::{VisionError, Weights};

/// Epsilon of the segmentation head's batch norm.
const BATCH_NORM_EPS: f64 = 1e-5;
/// Added to every bin after the ReLU, before normalising (`BNHead`'s `linear` norm strategy).
const BIN_FLOOR: f64 = 0.1;
/// The depth head works on maps four times finer than the patch grid.
const DEPTH_UPSAMPLE: i64 = 4;

/// Backbone norm → class token of every layer and mean patch token of the last → linear.
#[derive(Debug)]
pub(crate) struct ClsHead {
    norm: LayerNorm,
    linear: Linear,
    prefix: i64,
}

/// Backbone norm → patch tokens → batch norm → 1×1 convolution.
#[derive(Debug)]
pub(crate) struct SegHead {
    norm: LayerNorm,
    batch_norm: BatchNorm,
    conv: Linear,
    classes: NonZeroU8,
    prefix: i64,
}

/// Patch and class tokens of every layer → 1×1 convolution to bins → expectation.
#[derive(Debug)]
pub(crate) struct DptHead {
    conv: Linear,
    prefix: i64,
    bins: i64,
    min_depth_m: f64,
    max_depth_m: f64,
}

#[derive(Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
}

impl ClsHead {
    pub(crate) fn new(
        architecture: &Architecture,
        task: &ClsTask,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let (dim, classes) = (architecture.embed_dim as i64, task.classes as i64);
        let tokens = task.common.taps.len() as i64 + 1;
        Ok(Self {
            norm: LayerNorm::new("norm", dim, weights)?,
            linear: Linear::of(
                weights.take("linear.weight", &[classes, tokens * dim])?,
                weights.take("linear.bias", &[classes])?,
            ),
            prefix: architecture.prefix_tokens() as i64,
        })
    }

    /// Layers of `[batch, tokens, dim]` → logits `[batch, classes]`.
    pub(crate) fn logits(&self, layers: &[Tensor]) -> Result<Tensor, VisionError> {
        let mut parts = Vec::with_capacity(layers.len() + 1);
        for (index, tokens) in layers.iter().enumerate() {
            let tokens = self.norm.forward(tokens)?;
            parts.push(tokens.f_select(1, 0)?);
            if index + 1 == layers.len() {
                let patches = patch_tokens(&tokens, self.prefix)?;
                parts.push(patches.f_mean_dim([1i64].as_slice(), false, Kind::Float)?);
            }
        }
        self.linear.forward(&Tensor::f_cat(&parts, 1)?, Kind::Float)
    }
}

impl SegHead {
    pub(crate) fn new(
        architecture: &Architecture,
        classes: usize,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let dim = architecture.embed_dim as i64;
        let classes = u8::try_from(classes)
            .ok()
            .and_then(NonZeroU8::new)
            .ok_or_else(|| {
                VisionError::HeadOutput(format!("{classes} seg classes, masks hold 1 to 255"))
            })?;
        Ok(Self {
            norm: LayerNorm::new("norm", dim, weights)?,
            batch_norm: BatchNorm {
                weight: weights.take("bn.weight", &[dim])?,
                bias: weights.take("bn.bias", &[dim])?,
                mean: weights.take("bn.running_mean", &[dim])?,
                var: weights.take("bn.running_var", &[dim])?,
            },
            conv: Linear::of(
                weights.take("conv_seg.weight", &[i64::from(classes.get()), dim])?,
                weights.take("conv_seg.bias", &[i64::from(classes.get())])?,
            ),
            classes,
            prefix: architecture.prefix_tokens() as i64,
        })
    }

    /// `[batch, tokens, dim]` → logits `[batch, classes, rows, columns]` on the patch grid.
    ///
    /// `training` normalises by the batch's own statistics and updates the running ones.
    pub(crate) fn patch_logits(
        &self,
        tokens: &Tensor,
        (rows, columns): (usize, usize),
        training: bool,
    ) -> Result<Tensor, VisionError> {
        let patches = patch_tokens(&self.norm.forward(tokens)?, self.prefix)?;
        let (batch, count, dim) = patches.size3()?;
        let BatchNorm {
            weight,
            bias,
            mean,
            var,
        } = &self.batch_norm;
        let normalised = patches.f_reshape([batch * count, dim])?.f_batch_norm(
            Some(weight),
            Some(bias),
            Some(mean),
            Some(var),
            training,
            0.1,
            BATCH_NORM_EPS,
            false,
        )?;
        let logits = self.conv.forward(&normalised, Kind::Float)?;
        to_map(&logits.f_reshape([batch, count, -1])?, (rows, columns))
    }

    /// Windows stitched into the original image: logits `[1, classes, height, width]`.
    pub(crate) fn stitch(
        &self,
        windows: &Tensor,
        geometry: &SegGeometry,
        patch: usize,
    ) -> Result<Tensor, VisionError> {
        let maps = self.patch_logits(windows, patch_grid(geometry.window, patch), false)?;
        // The map covers the padded window; the released head stretches it over the unpadded one.
        let maps = bilinear(&maps, geometry.window)?;
        let classes = maps.size()[1];
        let Size { width, height } = geometry.resized;
        let options = (Kind::Float, maps.device());
        let sum = Tensor::f_zeros([1, classes, height as i64, width as i64], options)?;
        let overlaps = Tensor::f_zeros([1, 1, height as i64, width as i64], options)?;
        for (index, &(y, x)) in geometry.origins.iter().enumerate() {
            let place = |map: &Tensor| {
                map.f_narrow(2, y as i64, geometry.window.height as i64)
                    .and_then(|rows| rows.f_narrow(3, x as i64, geometry.window.width as i64))
            };
            let _ = place(&sum)?.f_add_(&maps.f_narrow(0, index as i64, 1)?)?;
            let _ = place(&overlaps)?.f_add_scalar_(1.0)?;
        }
        bilinear(&sum.f_div(&overlaps)?, geometry.original)
    }
}

impl DptHead {
    pub(crate) fn new(
        architecture: &Architecture,
        task: &DptTask,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let channels = (2 * task.common.taps.len() * architecture.embed_dim) as i64;
        let bins = task.bins as i64;
        Ok(Self {
            conv: Linear::of(
                weights.take("conv_depth.weight", &[bins, channels])?,
                weights.take("conv_depth.bias", &[bins])?,
            ),
            prefix: architecture.prefix_tokens() as i64,
            bins,
            min_depth_m: f64::from(task.min_depth_m),
            max_depth_m: f64::from(task.max_depth_m),
        })
    }

    /// Layers of `[batch, tokens, dim]` → depth in metres `[batch, 1, 4·rows, 4·columns]`.
    ///
    /// The released head enlarges the maps before its 1×1 convolution. Both are linear and the
    /// interpolation weights sum to one, so the convolution comes first here, on 1/16 of the points.
    pub(crate) fn depth_map(
        &self,
        layers: &[Tensor],
        (rows, columns): (usize, usize),
    ) -> Result<Tensor, VisionError> {
        let mut parts = Vec::with_capacity(2 * layers.len());
        for tokens in layers {
            let patches = patch_tokens(tokens, self.prefix)?;
            let cls = tokens.f_narrow(1, 0, 1)?.f_expand_as(&patches)?;
            parts.extend([patches, cls]);
        }
        let bins = self.conv.forward(&Tensor::f_cat(&parts, 2)?, Kind::Float)?;
        let bins = to_map(&bins, (rows, columns))?;
        let (rows, columns) = (
            rows as i64 * DEPTH_UPSAMPLE,
            columns as i64 * DEPTH_UPSAMPLE,
        );
        let scale = DEPTH_UPSAMPLE as f64;
        let bins = bins.f_upsample_bilinear2d([rows, columns], false, scale, scale)?;
        let weights = bins.f_relu()?.f_add_scalar(BIN_FLOOR)?;
        let options = (Kind::Float, weights.device());
        let centres = Tensor::f_linspace(self.min_depth_m, self.max_depth_m, self.bins, options)?;
        let centres = centres.f_reshape([1, self.bins, 1, 1])?;
        let total = weights.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        let expected =
            weights
                .f_mul(&centres)?
                .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        Ok(expected.f_div(&total)?)
    }

    /// Both views → one depth image of the picture's extent, `[1, 1, height, width]` in metres.
    fn depth(
        &self,
        layers: &[Tensor],
        DepthExtents { input, original }: DepthExtents,
        patch: usize,
    ) -> Result<Tensor, VisionError> {
        let depth = self.depth_map(layers, patch_grid(input, patch))?;
        let depth = bilinear(&depth.f_clamp(self.min_depth_m, self.max_depth_m)?, input)?;
        let depth = match depth.size()[0] {
            1 => depth,
            _ => {
                let flipped_back = depth.f_narrow(0, 1, 1)?.f_flip([3])?;
                depth
                    .f_narrow(0, 0, 1)?
                    .f_add(&flipped_back)?
                    .f_mul_scalar(0.5)?
            }
        };
        match input == original {
            true => Ok(depth),
            false => bilinear(&depth, original),
        }
    }
}

/// The extent at which depth is estimated, and the picture's own.
#[derive(Debug, Clone, Copy)]
struct DepthExtents {
    input: Size,
    original: Size,
}

/// Any head, built from its weight file.
#[derive(Debug)]
pub(crate) enum Head {
    Cls(ClsHead),
    Seg(SegHead),
    Dpt(DptHead),
}

impl Head {
    pub(crate) fn new(
        architecture: &Architecture,
        spec: TaskSpec<'_>,
        mut weights: Weights,
    ) -> Result<Self, VisionError> {
        let head = match spec {
            TaskSpec::Cls(cls) => Self::Cls(ClsHead::new(architecture, cls, &mut weights)?),
            TaskSpec::Seg(seg) => Self::Seg(SegHead::new(architecture, seg.classes, &mut weights)?),
            TaskSpec::Dpt(dpt) => Self::Dpt(DptHead::new(architecture, dpt, &mut weights)?),
        };
        weights.finish()?;
        Ok(head)
    }

    /// Runs the head on a feature of an image of `extent`.
    pub(crate) fn run(
        &self,
        spec: TaskSpec<'_>,
        patch: usize,
        feature: &Feature,
        extent: Size,
        device: Device,
    ) -> Result<HeadOutput, VisionError> {
        let layers = to_layers(feature, device)?;
        match (self, spec) {
            (Self::Cls(head), _) => {
                let logits = Logits::new(to_vec(&head.logits(&layers)?)?)?;
                Ok(HeadOutput::Cls(logits))
            }
            (Self::Seg(head), TaskSpec::Seg(seg)) => {
                let geometry = SegGeometry::new(extent, &seg.preprocess);
                let logits = head.stitch(&layers[0], &geometry, patch)?;
                // Softmax keeps the order, so the mask is the argmax of the logits.
                let classes = logits.f_argmax(1, false)?.f_to_kind(Kind::Uint8)?;
                let mask = Mask::new(to_array(to_bytes(&classes)?, extent)?)?;
                Ok(HeadOutput::Seg(SegPrediction::new(mask, head.classes)?))
            }
            (Self::Dpt(head), TaskSpec::Dpt(dpt)) => {
                let extents = DepthExtents {
                    input: dpt_input(extent, &dpt.preprocess),
                    original: extent,
                };
                let depth = head.depth(&layers, extents, patch)?;
                Ok(HeadOutput::Dpt(DepthMap::new(to_array(
                    to_vec(&depth)?,
                    extent,
                )?)?))
            }
            (Self::Seg(_) | Self::Dpt(_), _) => Err(VisionError::NotLoaded {
                what: format!("a {} head", spec.task()),
            }),
        }
    }
}

fn to_array<T>(values: Vec<T>, extent: Size) -> Result<Array2<T>, VisionError> {
    Array2::from_shape_vec((extent.height, extent.width), values)
        .map_err(|error| VisionError::HeadOutput(error.to_string()))
}

/// Refuses a feature that is not what the image and the task ask for.
pub(crate) fn check_shape(
    task: Task,
    expected: FeatureShape,
    feature: &Feature,
) -> Result<(), VisionError> {
    if feature.shape() == expected {
        return Ok(());
    }
    let (expected, actual) = (expected.to_string(), feature.shape());
    Err(VisionError::HeadInput {
        task,
        expected,
        actual,
    })
}

/// One `[views, tokens, dim]` tensor per layer.
pub(crate) fn to_layers(feature: &Feature, device: Device) -> Result<Vec<Tensor>, VisionError> {
    let [views, layers, tokens, dim] = feature.shape().dims().map(|extent| extent as i64);
    let all = Tensor::f_from_slice(feature.values())?
        .f_reshape([views, layers, tokens, dim])?
        .f_to_device(device)?;
    (0..layers)
        .map(|layer| Ok(all.f_select(1, layer)?))
        .collect()
}

fn patch_tokens(tokens: &Tensor, prefix: i64) -> Result<Tensor, VisionError> {
    Ok(tokens.f_narrow(1, prefix, tokens.size()[1] - prefix)?)
}

/// `[batch, rows·columns, channels]` → `[batch, channels, rows, columns]`.
fn to_map(tokens: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor, VisionError> {
    let (batch, _, channels) = tokens.size3()?;
    Ok(tokens
        .f_transpose(1, 2)?
        .f_reshape([batch, channels, rows as i64, columns as i64])?)
}

pub(crate) fn bilinear(maps: &Tensor, extent: Size) -> Result<Tensor, VisionError> {
    let size = [extent.height as i64, extent.width as i64];
    Ok(maps.f_upsample_bilinear2d(size, false, None, None)?)
}

pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>, VisionError> {
    let mut values = vec![0.0f32; tensor.numel()];
    copy_out(tensor, &mut values)?;
    Ok(values)
}

/// Copies a tensor's elements, in row-major order, to as many values.
pub(crate) fn copy_out(tensor: &Tensor, values: &mut [f32]) -> Result<(), VisionError> {
    let tensor = tensor
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    Ok(tensor.f_copy_data(values, values.len())?)
}

fn to_bytes(tensor: &Tensor) -> Result<Vec<u8>, VisionError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut values = vec![0u8; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use splitsim_model::{
        ClsPreprocess, FeedForward, Normalisation, PositionInterpolation, RangeTable, ResizeFilter,
        TaskCommon,
    };

    use super::*;

    const DIM: i64 = 8;
    const CLASSES: i64 = 5;
    const REGISTERS: usize = 2;

    fn cls_head(layers: i64, tensors: &BTreeMap<String, Tensor>) -> ClsHead {
        let architecture = Architecture {
            embed_dim: DIM as usize,
            depth: 4,
            heads: 2,
            patch: 14,
            feed_forward: FeedForward::Mlp,
            registers: REGISTERS,
            position_grid: 4,
            position_interpolation: PositionInterpolation::Antialias,
        };
        let plain = Normalisation {
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        let task = ClsTask {
            common: TaskCommon {
                taps: (1..=layers as usize).collect(),
                ranges: RangeTable::default(),
                ladders: BTreeMap::new(),
                tables: BTreeMap::new(),
            },
            classes: CLASSES as usize,
            preprocess: ClsPreprocess {
                resize: 28,
                crop: 28,
                filter: ResizeFilter::Bilinear,
                normalisation: plain,
            },
        };
        let tensors = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        let mut weights = Weights::new("test", tensors.collect());
        let head = ClsHead::new(&architecture, &task, &mut weights).unwrap();
        weights.finish().unwrap();
        head
    }

    /// DINOv2's four-layer classifier written out: x[0][1] … x[3][1], mean of x[3][0], all normed.
    #[test]
    fn four_layers_are_four_class_tokens_and_the_last_ones_mean_patch() {
        tch::manual_seed(1);
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let (gain, shift) = (random(&[DIM]), random(&[DIM]));
        let (weight, bias) = (random(&[CLASSES, 5 * DIM]), random(&[CLASSES]));
        let tensors = [
            ("norm.weight", &gain),
            ("norm.bias", &shift),
            ("linear.weight", &weight),
            ("linear.bias", &bias),
        ];
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()));
        let head = cls_head(4, &BTreeMap::from(tensors));
        let layers: Vec<Tensor> = (0..4).map(|_| random(&[1, 1 + 2 + 4, DIM])).collect();

        let normed = |tokens: &Tensor| {
            let centred = tokens - tokens.mean_dim([-1i64].as_slice(), true, Kind::Float);
            let variance = (&centred * &centred).mean_dim([-1i64].as_slice(), true, Kind::Float);
            centred / (variance + 1e-6).sqrt() * &gain + &shift
        };
        let mut expected = bias.copy();
        for (index, layer) in layers.iter().enumerate() {
            let columns = weight.narrow(1, index as i64 * DIM, DIM);
            expected += columns.matmul(&normed(layer).get(0).get(0));
        }
        let patches = normed(&layers[3]).get(0).narrow(0, 3, 4);
        let mean = patches.mean_dim([0i64].as_slice(), false, Kind::Float);
        expected += weight.narrow(1, 4 * DIM, DIM).matmul(&mean);

        let logits = head.logits(&layers).unwrap().get(0);
        let error = f64::try_from((&logits - &expected).norm() / expected.norm()).unwrap();
        assert!(error < 1e-5, "relative error {error:e}");
    }
}
