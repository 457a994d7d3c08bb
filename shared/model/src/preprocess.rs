use serde::{Deserialize, Serialize};

/// Channel means and standard deviations, in the units that the task's fields say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Mean per RGB channel.
    pub mean: [f32; 3],
    /// Standard deviation per RGB channel.
    pub std: [f32; 3],
}

/// Interpolation of a resize on 8-bit samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResizeFilter {
    /// Triangle filter, antialiased when shrinking (the CFQA script's choice).
    Bilinear,
    /// Cubic filter with a = −0.5, antialiased when shrinking (DINOv2's own evaluation).
    Bicubic,
}

/// Classification: shorter side to `resize`, centre crop of `crop`, normalised on 0–1 samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClsPreprocess {
    /// Length of the shorter side after resizing, pixels.
    pub resize: usize,
    /// Side of the centre crop, pixels; a multiple of the patch.
    pub crop: usize,
    /// Interpolation.
    pub filter: ResizeFilter,
    /// On samples divided by 255.
    pub normalisation: Normalisation,
}

/// Segmentation: fitted into a frame, normalised on 0–255 samples, cut into overlapping windows that
/// are zero-padded around the centre to a multiple of the patch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SegPreprocess {
    /// Longest allowed longer side after resizing, pixels.
    pub long_side: usize,
    /// Longest allowed shorter side after resizing, pixels.
    pub short_side: usize,
    /// Side of a window, pixels.
    pub window: usize,
    /// Step between windows, pixels.
    pub stride: usize,
    /// On 0–255 samples.
    pub normalisation: Normalisation,
}

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Depth: the image, normalised on 0–255 samples, zero-padded around the centre to a multiple of the
/// patch; optionally its mirror image as a second view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DptPreprocess {
    /// The size at which depth is estimated, such as NYU Depth v2's 480 × 640; the image's own unless
    /// given. The estimate is brought back to the image's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<FrameSize>,
    /// `true` if the horizontally flipped image is a second view.
    pub flip: bool,
    /// On 0–255 samples.
    pub normalisation: Normalisation,
}
