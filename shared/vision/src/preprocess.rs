//! From a picture to the network's input, as the benchmark's scripts do it per task.

use splitsim_model::{
    Architecture, ClsPreprocess, DptPreprocess, Normalisation, SegPreprocess, TaskSpec,
};
use splitsim_source::Picture;
use tch::{Kind, Tensor};

use crate::VisionError;
use crate::geometry::{CentrePadding, SegGeometry, Size, dpt_input, shape_of};
use crate::resample::{opencv, pillow};

/// The views of a picture, normalised and padded: `[views, 3, height, width]`.
///
/// Refused are pictures smaller than a patch and, before anything is computed, those whose feature
/// would be too large.
pub(crate) fn views(
    picture: &Picture,
    spec: TaskSpec<'_>,
    architecture: &Architecture,
) -> Result<Tensor, VisionError> {
    let (extent, patch) = (picture.extent().into(), architecture.patch);
    let Size { width, height } = extent;
    if width.min(height) < patch {
        let reason = format!("{width}x{height} is smaller than a patch of {patch}x{patch}");
        return Err(VisionError::Input {
            task: spec.task(),
            reason,
        });
    }
    shape_of(spec, architecture, extent)?;
    match spec {
        TaskSpec::Cls(cls) => cls_input(picture, &cls.preprocess),
        TaskSpec::Seg(seg) => seg_windows(picture, &seg.preprocess, patch),
        TaskSpec::Dpt(dpt) => dpt_views(picture, &dpt.preprocess, patch),
    }
}

/// Shorter side to `resize`, centre crop, normalised: torchvision's `Resize`, `CenterCrop`,
/// `ToTensor`, `Normalize` on an 8-bit image.
fn cls_input(picture: &Picture, preprocess: &ClsPreprocess) -> Result<Tensor, VisionError> {
    let from: Size = picture.extent().into();
    let short = from.width.min(from.height);
    let side = |length: usize| preprocess.resize * length / short;
    let resized = Size {
        width: side(from.width),
        height: side(from.height),
    };
    let crop = pillow::Crop {
        resized,
        left: half_to_even(resized.width - preprocess.crop),
        top: half_to_even(resized.height - preprocess.crop),
        size: Size::square(preprocess.crop),
    };
    let samples = pillow::resize_and_crop(picture.samples(), from, crop, preprocess.filter);
    let pixels = planar(&samples, crop.size)?.f_div_scalar(255.0)?;
    normalise(&pixels, preprocess.normalisation)
}

/// Half of a length, a half rounded to the even neighbour, as Python's `round` does.
const fn half_to_even(length: usize) -> usize {
    let half = length / 2;
    if length.is_multiple_of(2) {
        half
    } else {
        half + half % 2
    }
}

/// Fitted into the frame, normalised, cut into windows, each padded around its centre.
fn seg_windows(
    picture: &Picture,
    preprocess: &SegPreprocess,
    patch: usize,
) -> Result<Tensor, VisionError> {
    let geometry = SegGeometry::new(picture.extent().into(), preprocess);
    let pixels = resized(picture, geometry.resized, preprocess.normalisation)?;
    let (height, width) = (geometry.window.height as i64, geometry.window.width as i64);
    let windows = geometry
        .origins
        .iter()
        .map(|&(y, x)| {
            Ok(pixels
                .f_narrow(2, y as i64, height)?
                .f_narrow(3, x as i64, width)?)
        })
        .collect::<Result<Vec<_>, VisionError>>()?;
    pad(&Tensor::f_cat(&windows, 0)?, geometry.window, patch)
}

/// The picture, resized if asked for, and, if asked for, its mirror image, each padded around its
/// centre.
fn dpt_views(
    picture: &Picture,
    preprocess: &DptPreprocess,
    patch: usize,
) -> Result<Tensor, VisionError> {
    let input = dpt_input(picture.extent().into(), preprocess);
    let pixels = resized(picture, input, preprocess.normalisation)?;
    let views = match preprocess.flip {
        true => Tensor::f_cat(&[pixels.shallow_clone(), pixels.f_flip([3])?], 0)?,
        false => pixels,
    };
    pad(&views, input, patch)
}

/// A picture brought to an extent by [`opencv::resize`] and normalised on 0–255 levels.
pub(crate) fn resized(
    picture: &Picture,
    to: Size,
    normalisation: Normalisation,
) -> Result<Tensor, VisionError> {
    let samples = opencv::resize(picture.samples(), picture.extent().into(), to);
    normalise(&planar(&samples, to)?, normalisation)
}

/// Interleaved 8-bit samples → `[1, 3, height, width]` in levels 0–255.
fn planar(samples: &[u8], extent: Size) -> Result<Tensor, VisionError> {
    Ok(Tensor::f_from_slice(samples)?
        .f_reshape([1, extent.height as i64, extent.width as i64, 3])?
        .f_permute([0, 3, 1, 2])?
        .f_to_kind(Kind::Float)?)
}

fn normalise(pixels: &Tensor, normalisation: Normalisation) -> Result<Tensor, VisionError> {
    let per_channel = |values: [f32; 3]| Tensor::f_from_slice(&values)?.f_reshape([1, 3, 1, 1]);
    let mean = per_channel(normalisation.mean)?;
    Ok(pixels
        .f_sub(&mean)?
        .f_div(&per_channel(normalisation.std)?)?)
}

fn pad(views: &Tensor, extent: Size, patch: usize) -> Result<Tensor, VisionError> {
    let CentrePadding {
        left,
        right,
        top,
        bottom,
    } = CentrePadding::to_multiple(extent, patch);
    let sides = [left, right, top, bottom].map(|side| side as i64);
    Ok(views.f_constant_pad_nd(sides)?)
}
