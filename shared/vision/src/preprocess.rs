//! From a picture to the network's input, as the benchmark's scripts do it per task.

use splitsim_model::{ClsPreprocess, DptPreprocess, Normalisation, SegPreprocess, TaskSpec};
use splitsim_source::Picture;
use tch::{Kind, Tensor};

use crate::geometry::{CentrePadding, SegGeometry, Size};
use crate::{VisionError, resample};

/// The views of a picture, normalised and padded: `[views, 3, height, width]`.
pub(crate) fn views(
    picture: &Picture,
    spec: TaskSpec<'_>,
    patch: usize,
) -> Result<Tensor, VisionError> {
    match spec {
        TaskSpec::Cls(cls) => cls_input(picture, &cls.preprocess),
        TaskSpec::Seg(seg) => seg_windows(picture, &seg.preprocess, patch),
        TaskSpec::Dpt(dpt) => dpt_views(picture, &dpt.preprocess, patch),
    }
}

/// Shorter side to `resize`, centre crop, normalised: torchvision's `Resize`, `CenterCrop`,
/// `ToTensor`, `Normalize` on an 8-bit image.
fn cls_input(picture: &Picture, preprocess: &ClsPreprocess) -> Result<Tensor, VisionError> {
    let Size { width, height } = picture.extent().into();
    let short = width.min(height);
    let side = |length: usize| (preprocess.resize * length / short).max(preprocess.crop);
    let resized = Size {
        width: side(width),
        height: side(height),
    };
    let samples = resample::resize(
        picture.samples(),
        picture.extent().into(),
        resized,
        preprocess.filter,
    );
    let crop = preprocess.crop as i64;
    let left = half_to_even(resized.width - preprocess.crop);
    let top = half_to_even(resized.height - preprocess.crop);
    let pixels = planar(&samples, resized)?
        .f_narrow(2, top as i64, crop)?
        .f_narrow(3, left as i64, crop)?
        .f_div_scalar(255.0)?;
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

/// The picture and, if asked for, its mirror image, each padded around its centre.
fn dpt_views(
    picture: &Picture,
    preprocess: &DptPreprocess,
    patch: usize,
) -> Result<Tensor, VisionError> {
    let pixels = resized(picture, picture.extent().into(), preprocess.normalisation)?;
    let views = match preprocess.flip {
        true => Tensor::f_cat(&[pixels.shallow_clone(), pixels.f_flip([3])?], 0)?,
        false => pixels,
    };
    pad(&views, picture.extent().into(), patch)
}

/// A picture brought to an extent by [`resize_bilinear`] and normalised on 0–255 levels.
pub(crate) fn resized(
    picture: &Picture,
    to: Size,
    normalisation: Normalisation,
) -> Result<Tensor, VisionError> {
    let pixels = planar(picture.samples(), picture.extent().into())?;
    normalise(&resize_bilinear(&pixels, to)?, normalisation)
}

/// OpenCV's bilinear resize of 8-bit samples: not antialiased, rounded back to whole levels.
fn resize_bilinear(pixels: &Tensor, to: Size) -> Result<Tensor, VisionError> {
    let size = [to.height as i64, to.width as i64];
    if pixels.size()[2..] == size {
        return Ok(pixels.shallow_clone());
    }
    Ok(pixels
        .f_upsample_bilinear2d(size, false, None, None)?
        .f_round()?
        .f_clamp(0.0, 255.0)?)
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
