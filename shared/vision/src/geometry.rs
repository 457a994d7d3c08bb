//! Positions of windows and padding, as pure arithmetic that preprocessing and heads share.

use splitsim_feature::{FeatureError, FeatureShape, Task};
use splitsim_model::{Architecture, DptPreprocess, Package, SegPreprocess, TaskSpec};
use splitsim_source::ImageExtent;

use crate::VisionError;

/// Pixels across and down of a picture on its way to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Size {
    pub(crate) const fn square(side: usize) -> Self {
        Self {
            width: side,
            height: side,
        }
    }
}

impl From<ImageExtent> for Size {
    fn from(extent: ImageExtent) -> Self {
        Self {
            width: extent.width(),
            height: extent.height(),
        }
    }
}

/// Zero padding around the centre: the floor of half of it on the left and top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CentrePadding {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) top: usize,
    pub(crate) bottom: usize,
}

impl CentrePadding {
    pub(crate) fn to_multiple(extent: Size, multiple: usize) -> Self {
        let split = |side: usize| {
            let pad = side.next_multiple_of(multiple) - side;
            (pad / 2, pad - pad / 2)
        };
        let ((left, right), (top, bottom)) = (split(extent.width), split(extent.height));
        Self {
            left,
            right,
            top,
            bottom,
        }
    }
}

/// Sliding windows over a resized image (mmsegmentation's `slide` mode).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegGeometry {
    pub(crate) original: Size,
    pub(crate) resized: Size,
    pub(crate) window: Size,
    /// Top-left corners `(y, x)` in the resized image, row by row.
    pub(crate) origins: Vec<(usize, usize)>,
}

impl SegGeometry {
    pub(crate) fn new(original: Size, preprocess: &SegPreprocess) -> Self {
        let resized = fit(original, preprocess);
        let window = Size {
            width: preprocess.window.min(resized.width),
            height: preprocess.window.min(resized.height),
        };
        let columns = origins(resized.width, preprocess.window, preprocess.stride);
        let origins = origins(resized.height, preprocess.window, preprocess.stride)
            .into_iter()
            .flat_map(|y| columns.iter().map(move |&x| (y, x)))
            .collect();
        Self {
            original,
            resized,
            window,
            origins,
        }
    }
}

/// Scales so that neither side exceeds its limit, keeping the aspect ratio, rounding half up.
fn fit(original: Size, preprocess: &SegPreprocess) -> Size {
    let long = original.width.max(original.height) as f64;
    let short = original.width.min(original.height) as f64;
    let scale = (preprocess.long_side as f64 / long).min(preprocess.short_side as f64 / short);
    let side = |length: usize| ((length as f64 * scale + 0.5) as usize).max(1);
    Size {
        width: side(original.width),
        height: side(original.height),
    }
}

/// First pixels of the windows along one side; the last window is moved back into the image.
fn origins(side: usize, window: usize, stride: usize) -> Vec<usize> {
    let count = (side.max(window) - window).div_ceil(stride) + 1;
    (0..count)
        .map(|i| (i * stride + window).min(side).saturating_sub(window))
        .collect()
}

/// The extent at which a picture's depth is estimated: the one asked for, or its own.
pub(crate) fn dpt_input(original: Size, preprocess: &DptPreprocess) -> Size {
    preprocess.resize.map_or(original, |frame| Size {
        width: frame.width,
        height: frame.height,
    })
}

/// Patch rows and columns of an input of this extent after padding.
pub(crate) fn patch_grid(extent: Size, patch: usize) -> (usize, usize) {
    (extent.height.div_ceil(patch), extent.width.div_ceil(patch))
}

/// The shape of the feature that an image of `extent` gives for a task of `package`.
///
/// # Errors
/// When the package has no such task or the feature would be too large.
pub fn feature_shape(
    package: &Package,
    task: Task,
    extent: ImageExtent,
) -> Result<FeatureShape, VisionError> {
    let spec = package.task(task)?;
    Ok(shape_of(
        spec,
        &package.manifest().architecture,
        extent.into(),
    )?)
}

pub(crate) fn shape_of(
    spec: TaskSpec<'_>,
    architecture: &Architecture,
    extent: Size,
) -> Result<FeatureShape, FeatureError> {
    let (views, input) = match spec {
        TaskSpec::Cls(cls) => {
            let crop = cls.preprocess.crop;
            (1, Size::square(crop))
        }
        TaskSpec::Seg(seg) => {
            let geometry = SegGeometry::new(extent, &seg.preprocess);
            (geometry.origins.len(), geometry.window)
        }
        TaskSpec::Dpt(dpt) => {
            let views = if dpt.preprocess.flip { 2 } else { 1 };
            (views, dpt_input(extent, &dpt.preprocess))
        }
    };
    let (rows, columns) = patch_grid(input, architecture.patch);
    let tokens = architecture.prefix_tokens() + rows * columns;
    FeatureShape::new(
        views,
        spec.common().taps.len(),
        tokens,
        architecture.embed_dim,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use splitsim_model::Normalisation;

    fn voc() -> SegPreprocess {
        let normalisation = Normalisation {
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        SegPreprocess {
            long_side: 2048,
            short_side: 512,
            window: 512,
            stride: 341,
            normalisation,
        }
    }

    #[test]
    fn windows_are_those_of_the_benchmark() {
        // 500×375 VOC photos become 683×512 and give two windows; a square one gives one.
        let photo = SegGeometry::new(
            Size {
                width: 500,
                height: 375,
            },
            &voc(),
        );
        assert_eq!(
            photo.resized,
            Size {
                width: 683,
                height: 512
            }
        );
        assert_eq!(photo.origins, [(0, 0), (0, 171)]);
        let square = SegGeometry::new(
            Size {
                width: 400,
                height: 400,
            },
            &voc(),
        );
        assert_eq!(square.origins, [(0, 0)]);
        // The reference resize of a 301×203 image.
        let golden = SegGeometry::new(
            Size {
                width: 301,
                height: 203,
            },
            &voc(),
        );
        assert_eq!(
            golden.resized,
            Size {
                width: 759,
                height: 512
            }
        );
        assert_eq!(golden.origins, [(0, 0), (0, 247)]);
    }

    #[test]
    fn padding_puts_the_odd_pixel_right_and_below() {
        let padding = CentrePadding::to_multiple(
            Size {
                width: 640,
                height: 481,
            },
            14,
        );
        assert_eq!((padding.left, padding.right), (2, 2));
        assert_eq!((padding.top, padding.bottom), (4, 5));
    }
}
