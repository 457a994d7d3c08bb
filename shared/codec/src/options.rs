//! Settings of codecs, besides those of the model package.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::units::Bytes;
use splitsim_model::ValueRange;

use crate::picture::Assignment;
use crate::quantise::{BitDepth, Rounding};
use crate::reference::ReferenceOptions;

/// The settings of a codec, besides those of the model package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecOptions {
    /// The mapping of values to symbols. Default: uniform steps.
    pub transform: Transform,
    /// The source of the value ranges of uniform steps. Default: the model package.
    pub range_mode: RangeMode,
    /// Bits of a sample of uniform steps. Default 10; a codebook brings its own.
    pub depth: BitDepth,
    /// The rounding of uniform steps. Default: to the nearest.
    pub rounding: Rounding,
    /// The longest run of one ffmpeg process, which is killed after that. Default 60 s: the benchmark's largest
    /// feature, 2×4×1611×1536 at QP 2, takes 9 s of one core with x265.
    pub time_limit: Duration,
    /// The address space of one decoder process, of ffmpeg or the reference software, which reads bytes that
    /// others made. Default: 1 GiB and 128 bytes for each byte of the picture.
    pub decoder_memory: Option<Bytes>,
    /// The ffmpeg to use. Default: looked for, see [`Ffmpeg::find`](crate::ffmpeg::Ffmpeg::find).
    pub ffmpeg: Option<PathBuf>,
    /// The settings of the reference software.
    pub reference: ReferenceOptions,
}

impl CodecOptions {
    /// Settings for decoding only: containers say what their symbols mean, so that nothing need be calibrated.
    #[must_use]
    pub fn decoding(self) -> Self {
        Self {
            transform: Transform::Linear,
            range_mode: RangeMode::Feature,
            ..self
        }
    }
}

impl Default for CodecOptions {
    fn default() -> Self {
        Self {
            transform: Transform::default(),
            range_mode: RangeMode::default(),
            depth: BitDepth::TEN,
            rounding: Rounding::default(),
            time_limit: Duration::from_secs(60),
            decoder_memory: None,
            ffmpeg: None,
            reference: ReferenceOptions::default(),
        }
    }
}

/// The mapping of values to symbols. Decoders read it in the container.
///
/// As text: `linear`, `codebook` (nearest centre), `codebook-left`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Transform {
    /// In uniform steps over a range.
    #[default]
    Linear,
    /// By the centres of the package's codebook for the task.
    Codebook(Assignment),
}

/// The source of each layer's value range in an encoder. Decoders read it in the container.
///
/// As text: `package`, `feature`, `published`, `truncate:LO..HI`, or one range per layer as in
/// `truncate:-1..1,-2..2,-10..10,-20..20`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RangeMode {
    /// The model package's calibrated table: nothing to send, outliers are clamped.
    #[default]
    Package,
    /// The feature's own extremes: eight bytes a layer, nothing is clamped.
    Feature,
    /// The CFQA benchmark's table for ViT-g, see
    /// [`published_ranges`](crate::picture::published_ranges): nothing to send, outliers are clamped.
    Published,
    /// These, as FCM-LM truncates features: eight bytes a layer, what lies outside is clamped.
    Truncate(Truncation),
}

/// The ranges that features are truncated to: one for all layers, or one per layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Truncation(Vec<ValueRange>);

// Value ranges are finite, so equality is reflexive.
impl Eq for Truncation {}

impl Truncation {
    /// One range for all layers, or one per layer; `None` when there is none.
    #[must_use]
    pub fn new(ranges: Vec<ValueRange>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// The range of every layer of `layers`; `None` when there are others than these.
    #[must_use]
    pub fn for_layers(&self, layers: usize) -> Option<Vec<ValueRange>> {
        match self.0.as_slice() {
            [range] => Some(vec![*range; layers]),
            ranges => (ranges.len() == layers).then(|| ranges.to_vec()),
        }
    }

    /// The number of ranges given: one, or one per layer.
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }
}

/// A text that names no way of the kind wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no {what}, expected {expected}")]
pub struct UnknownOption {
    what: &'static str,
    text: String,
    expected: &'static str,
}

impl FromStr for Transform {
    type Err = UnknownOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "linear" => Ok(Self::Linear),
            "codebook" => Ok(Self::Codebook(Assignment::Nearest)),
            "codebook-left" => Ok(Self::Codebook(Assignment::Left)),
            _ => Err(UnknownOption {
                what: "transform",
                text: text.to_owned(),
                expected: "linear, codebook or codebook-left",
            }),
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Linear => "linear",
            Self::Codebook(Assignment::Nearest) => "codebook",
            Self::Codebook(Assignment::Left) => "codebook-left",
        })
    }
}

impl RangeMode {
    /// The forms of every mode as text.
    pub const FORMS: [&str; 4] = ["package", "feature", "published", "truncate:LO..HI"];
}

impl FromStr for RangeMode {
    type Err = UnknownOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let truncation = text.strip_prefix("truncate:").and_then(|ranges| {
            let ranges: Option<Vec<_>> = ranges.split(',').map(range).collect();
            Truncation::new(ranges?)
        });
        match (text, truncation) {
            ("package", _) => Ok(Self::Package),
            ("feature", _) => Ok(Self::Feature),
            ("published", _) => Ok(Self::Published),
            (_, Some(truncation)) => Ok(Self::Truncate(truncation)),
            (_, None) => Err(UnknownOption {
                what: "range mode",
                text: text.to_owned(),
                expected: "package, feature, published, or truncate:LO..HI with finite LO < HI",
            }),
        }
    }
}

fn range(text: &str) -> Option<ValueRange> {
    let (min, max) = text.split_once("..")?;
    ValueRange::new(min.parse().ok()?, max.parse().ok()?)
}

impl fmt::Display for RangeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package => f.pad("package"),
            Self::Feature => f.pad("feature"),
            Self::Published => f.pad("published"),
            Self::Truncate(Truncation(ranges)) => {
                let text = |range: &ValueRange| format!("{}..{}", range.min(), range.max());
                let ranges: Vec<_> = ranges.iter().map(text).collect();
                f.pad(&format!("truncate:{}", ranges.join(",")))
            }
        }
    }
}

impl TryFrom<String> for Transform {
    type Error = UnknownOption;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Transform> for String {
    fn from(transform: Transform) -> Self {
        transform.to_string()
    }
}

impl TryFrom<String> for RangeMode {
    type Error = UnknownOption;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RangeMode> for String {
    fn from(mode: RangeMode) -> Self {
        mode.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        for text in [
            "package",
            "feature",
            "published",
            "truncate:-5..5",
            "truncate:-1..1,-2..2,-10..10,-20.5..20",
        ] {
            assert_eq!(text.parse::<RangeMode>().unwrap().to_string(), text);
        }
        for text in ["linear", "codebook", "codebook-left"] {
            assert_eq!(text.parse::<Transform>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_is_known() {
        for text in [
            "",
            "packages",
            "truncate:",
            "truncate:5..-5",
            "truncate:0..inf",
            "truncate:1,2",
        ] {
            let message = text.parse::<RangeMode>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("'{text}' is no range mode")));
        }
        let message = "codebook-right".parse::<Transform>().unwrap_err();
        assert_eq!(
            message.to_string(),
            "'codebook-right' is no transform, expected linear, codebook or codebook-left"
        );
    }

    #[test]
    fn one_truncation_serves_all_layers_several_only_theirs() {
        let parse = |text: &str| match text.parse::<RangeMode>().unwrap() {
            RangeMode::Truncate(truncation) => truncation,
            mode => panic!("{mode}"),
        };
        let one = parse("truncate:-5..5").for_layers(4).unwrap();
        assert_eq!(one, [ValueRange::new(-5.0, 5.0).unwrap(); 4]);
        let two = parse("truncate:-1..1,-2..2");
        assert_eq!(two.for_layers(2).unwrap()[1].max(), 2.0);
        assert_eq!(two.for_layers(1), None);
    }
}
