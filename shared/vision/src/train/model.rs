//! Backbone and heads over one set of trainable tensors, and the loss.

use std::collections::BTreeMap;

use splitsim_scenes::{MASK_CLASSES, MATERIALS, SHAPES};
use tch::{Kind, Reduction, Tensor};

use super::batch::Batch;
use super::init::HEADS;
use super::{TrainConfig, manifest};
use crate::backbone::{Backbone, Linear};
use crate::geometry::Size;
use crate::heads::{ClsHead, DptHead, SegHead, bilinear};
use crate::{VisionError, Weights};

/// Share of the class target spread over all classes.
const LABEL_SMOOTHING: f64 = 0.05;
/// Metres at which the depth loss turns from squared to linear.
const DEPTH_BETA_M: f64 = 0.5;

/// Everything that is trained.
pub(super) struct Model {
    pub(super) backbone: Backbone,
    pub(super) cls: ClsHead,
    pub(super) seg: SegHead,
    pub(super) dpt: DptHead,
    material: Linear,
    taps: Vec<usize>,
    compute: Kind,
}

/// The parts of the loss, each a scalar.
pub(super) struct Losses {
    pub(super) cls: Tensor,
    pub(super) seg: Tensor,
    pub(super) dpt: Tensor,
    pub(super) auxiliary: Tensor,
}

impl Losses {
    pub(super) fn total(&self) -> Result<Tensor, VisionError> {
        let dense = self.seg.f_add(&self.dpt)?;
        Ok(self.cls.f_add(&dense)?.f_add(&self.auxiliary)?)
    }
}

/// Outputs on a batch: logits, logits on the patch grid, depth on the grid four times finer.
pub(super) struct Outputs {
    pub(super) cls: Tensor,
    pub(super) seg: Tensor,
    pub(super) dpt: Tensor,
    last: Tensor,
}

impl Model {
    /// A model whose tensors share storage with `tensors`.
    pub(super) fn new(
        config: &TrainConfig,
        tensors: &BTreeMap<String, Tensor>,
    ) -> Result<Self, VisionError> {
        let architecture = &config.architecture;
        let part = |prefix: &str| part(tensors, prefix);
        let mut cls = part("cls.");
        let mut seg = part("seg.");
        let mut dpt = part("dpt.");
        let mut aux = part("aux.");
        let dim = architecture.embed_dim as i64;
        Ok(Self {
            backbone: Backbone::new(architecture, backbone_part(tensors))?,
            cls: ClsHead::new(architecture, &manifest::cls_task(config), &mut cls)?,
            seg: SegHead::new(architecture, MASK_CLASSES, &mut seg)?,
            dpt: DptHead::new(architecture, &manifest::dpt_task(config), &mut dpt)?,
            material: Linear::of(
                aux.take("material.weight", &[MATERIALS.len() as i64 + 1, dim])?,
                aux.take("material.bias", &[MATERIALS.len() as i64 + 1])?,
            ),
            taps: config.taps(),
            compute: if config.bf16 {
                Kind::BFloat16
            } else {
                Kind::Float
            },
        })
    }

    pub(super) fn forward(&self, pixels: &Tensor, training: bool) -> Result<Outputs, VisionError> {
        let layers = self.backbone.taps(pixels, &self.taps, self.compute)?;
        let patch = self.backbone.architecture().patch;
        let side = pixels.size()[2] as usize / patch;
        let last = &layers[layers.len() - 1];
        Ok(Outputs {
            cls: self.cls.logits(std::slice::from_ref(last))?,
            seg: self.seg.patch_logits(last, (side, side), training)?,
            dpt: self.dpt.depth_map(&layers, (side, side))?,
            last: last.shallow_clone(),
        })
    }

    /// `soft_iou` weighs [`soft_iou_loss`] in the mask loss.
    pub(super) fn losses(&self, batch: &Batch, soft_iou: f64) -> Result<Losses, VisionError> {
        let outputs = self.forward(&batch.pixels, true)?;
        let grid = batch.mask.size()[1] as usize;
        let extent = Size::square(grid);
        let seg = bilinear(&outputs.seg, extent)?;
        let overlap = soft_iou_loss(&seg, &batch.mask)?;
        Ok(Losses {
            cls: class_loss(&outputs.cls, &batch.classes)?,
            seg: cross_entropy(&seg, &batch.mask, 0.0)?.f_add(&overlap.f_mul_scalar(soft_iou)?)?,
            dpt: outputs
                .dpt
                .f_smooth_l1_loss(&batch.depth_m, Reduction::Mean, DEPTH_BETA_M)?,
            auxiliary: self.material_loss(&outputs.last, &batch.material, extent)?,
        })
    }

    /// Cross entropy of the material under every patch: it teaches texture sooner than the class of
    /// the whole picture does, and is thrown away after training.
    fn material_loss(
        &self,
        last: &Tensor,
        material: &Tensor,
        extent: Size,
    ) -> Result<Tensor, VisionError> {
        let tokens = self.backbone.norm(last)?;
        let prefix = self.backbone.architecture().prefix_tokens() as i64;
        let patches = tokens.f_narrow(1, prefix, tokens.size()[1] - prefix)?;
        let side = (patches.size()[1] as f64).sqrt() as i64;
        let logits = self.material.forward(&patches, Kind::Float)?;
        let map = logits
            .f_transpose(1, 2)?
            .f_reshape([patches.size()[0], -1, side, side])?;
        cross_entropy(&bilinear(&map, extent)?, material, 0.0)
    }
}

/// Cross entropy over classes, and over the shapes and materials that the same logits imply.
fn class_loss(logits: &Tensor, classes: &Tensor) -> Result<Tensor, VisionError> {
    let (shapes, materials) = (SHAPES.len() as i64, MATERIALS.len() as i64);
    let table = logits.f_reshape([-1, shapes, materials])?;
    let by_shape = table.f_logsumexp([2i64].as_slice(), false)?;
    let by_material = table.f_logsumexp([1i64].as_slice(), false)?;
    let shape = classes.f_divide_scalar_mode(materials, "floor")?;
    let material = classes.f_remainder(materials)?;
    let parts = cross_entropy(&by_shape, &shape, LABEL_SMOOTHING)?.f_add(&cross_entropy(
        &by_material,
        &material,
        LABEL_SMOOTHING,
    )?)?;
    let whole = cross_entropy(logits, classes, LABEL_SMOOTHING)?;
    Ok(whole.f_add(&parts.f_mul_scalar(0.5)?)?)
}

/// One minus the mean IoU of the categories in the batch, with probabilities for memberships
/// (Rahman & Wang 2016): what mIoU measures, where cross entropy favours the background.
fn soft_iou_loss(logits: &Tensor, mask: &Tensor) -> Result<Tensor, VisionError> {
    let categories = logits.size()[1];
    let predicted = logits.f_softmax(1, Kind::Float)?;
    let truth = mask
        .f_one_hot(categories)?
        .f_permute([0, 3, 1, 2])?
        .f_to_kind(Kind::Float)?;
    let area = |map: &Tensor| map.f_sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Float);
    let hit = area(&predicted.f_mul(&truth)?)?;
    let covered = area(&truth)?;
    let union = area(&predicted)?.f_add(&covered)?.f_sub(&hit)?;
    let present = covered.f_gt(0.0)?.f_to_kind(Kind::Float)?;
    let iou = hit.f_div(&union)?.f_mul(&present)?;
    let mean = iou
        .f_sum(Kind::Float)?
        .f_div(&present.f_sum(Kind::Float)?)?;
    Ok(mean.f_neg()?.f_add_scalar(1.0)?)
}

fn cross_entropy(logits: &Tensor, target: &Tensor, smoothing: f64) -> Result<Tensor, VisionError> {
    let (reduction, ignored) = (Reduction::Mean, -1);
    Ok(logits.f_cross_entropy_loss(target, None::<&Tensor>, reduction, ignored, smoothing)?)
}

/// The tensors of one head, its prefix removed; the backbone's final norm goes with cls and seg.
pub(super) fn part(tensors: &BTreeMap<String, Tensor>, prefix: &str) -> Weights {
    let own = tensors.iter().filter_map(|(name, tensor)| {
        name.strip_prefix(prefix)
            .map(|name| (name.to_owned(), tensor.shallow_clone()))
    });
    let norm = tensors
        .iter()
        .filter(|(name, _)| name.starts_with("norm.") && matches!(prefix, "cls." | "seg."))
        .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    Weights::new(prefix, own.chain(norm).collect())
}

/// The tensors that belong to no head.
pub(super) fn backbone_part(tensors: &BTreeMap<String, Tensor>) -> Weights {
    let own = tensors
        .iter()
        .filter(|(name, _)| !HEADS.iter().any(|prefix| name.starts_with(prefix)))
        .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    Weights::new("backbone", own.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_iou_of_certain_answers_is_the_iou() {
        // Two pixels of category 0, two of 1; the answer takes one of the latter for the former.
        let mask = Tensor::from_slice(&[0i64, 0, 1, 1]).reshape([1, 2, 2]);
        let answer = Tensor::from_slice(&[0i64, 0, 0, 1]).reshape([1, 2, 2]);
        let logits = answer.one_hot(3).permute([0, 3, 1, 2]).to_kind(Kind::Float) * 100.0;
        let loss = f64::try_from(soft_iou_loss(&logits, &mask).unwrap()).unwrap();
        let expected = 1.0 - f64::midpoint(2.0 / 3.0, 0.5);
        assert!((loss - expected).abs() < 1e-6, "{loss} != {expected}");
    }
}
