use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use splitsim_feature::Feature;

use crate::centred::CentredMap;
use crate::{cka, cka_cfqa2025, cosine, mse};

/// A full-reference quality metric for features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean squared error.
    Mse,
    /// Mean cosine similarity of tokens.
    Cosine,
    /// Linear centred kernel alignment (Kornblith et al., 2019), mean over maps.
    Cka,
    /// What the CFQA benchmark's script calls linear CKA: another quantity, of the last map only,
    /// divided by the number of maps. For comparison with published logs.
    #[serde(rename = "cka-cfqa2025")]
    CkaCfqa2025,
    /// The quantity of [`Self::CkaCfqa2025`], averaged over all maps as the script meant to.
    #[serde(rename = "cka-cfqa2025-mean")]
    CkaCfqa2025Mean,
}

/// Which way a metric points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A higher score is a better reconstruction.
    HigherIsBetter,
    /// A lower score is a better reconstruction.
    LowerIsBetter,
}

/// What a metric costs; N tokens of D channels in each map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// One pass over the values: O(N·D) per map.
    Pass,
    /// Matrix products: O(N·D·min(N, D)) per map. The original's share is paid once per
    /// [`Reference`](crate::Reference).
    Products,
}

/// How a metric is computed.
pub(crate) enum Definition {
    /// From the two whole features, original first.
    Whole(fn(&Feature, &Feature) -> f64),
    /// From pairs of maps: the sum of the alignments used, divided by the number of all maps.
    PerMap {
        alignment: fn(&CentredMap, &CentredMap) -> f64,
        used: MapsUsed,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum MapsUsed {
    All,
    Last,
}

impl MapsUsed {
    /// Whether a metric looks at map `map` of `maps`.
    pub(crate) const fn includes(self, map: usize, maps: usize) -> bool {
        match self {
            Self::All => true,
            Self::Last => map + 1 == maps,
        }
    }
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 5] = [
        Self::Mse,
        Self::Cosine,
        Self::Cka,
        Self::CkaCfqa2025,
        Self::CkaCfqa2025Mean,
    ];

    /// The benchmark's three baselines in their standard form (Gao et al., MM'25, §5).
    pub const STANDARD: [Self; 3] = [Self::Mse, Self::Cosine, Self::Cka];

    /// The name in configurations, command lines and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Cosine => "cosine",
            Self::Cka => "cka",
            Self::CkaCfqa2025 => "cka-cfqa2025",
            Self::CkaCfqa2025Mean => "cka-cfqa2025-mean",
        }
    }

    /// Which scores are the better ones.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Mse => Direction::LowerIsBetter,
            Self::Cosine | Self::Cka | Self::CkaCfqa2025 | Self::CkaCfqa2025Mean => {
                Direction::HigherIsBetter
            }
        }
    }

    /// The scores that are possible, give or take rounding (CKA of equal features may exceed 1 in
    /// the last digits; it is not clamped).
    #[must_use]
    pub const fn range(self) -> RangeInclusive<f64> {
        match self {
            Self::Mse => 0.0..=f64::INFINITY,
            Self::Cosine => -1.0..=1.0,
            Self::Cka | Self::CkaCfqa2025 | Self::CkaCfqa2025Mean => 0.0..=1.0,
        }
    }

    /// What it costs to compute.
    #[must_use]
    pub const fn cost(self) -> Cost {
        match self {
            Self::Mse | Self::Cosine => Cost::Pass,
            Self::Cka | Self::CkaCfqa2025 | Self::CkaCfqa2025Mean => Cost::Products,
        }
    }

    /// The formula in a line; X and Y are maps `[tokens, dim]`, ˜ subtracts each channel's mean over
    /// the tokens.
    #[must_use]
    pub const fn formula(self) -> &'static str {
        match self {
            Self::Mse => "mean over all points of (x − y)²",
            Self::Cosine => "mean over tokens, then maps, of x·y / ((‖x‖ + 1e-8)(‖y‖ + 1e-8))",
            Self::Cka => "mean over maps of ‖ỸᵀX̃‖²_F / (‖X̃ᵀX̃‖_F ‖ỸᵀỸ‖_F)",
            Self::CkaCfqa2025 => {
                "‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8) of the last map, divided by the number of maps"
            }
            Self::CkaCfqa2025Mean => "mean over maps of ‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8)",
        }
    }

    pub(crate) const fn definition(self) -> Definition {
        match self {
            Self::Mse => Definition::Whole(mse::mse),
            Self::Cosine => Definition::Whole(cosine::cosine),
            Self::Cka => Definition::PerMap {
                alignment: cka::alignment,
                used: MapsUsed::All,
            },
            Self::CkaCfqa2025 => Definition::PerMap {
                alignment: cka_cfqa2025::alignment,
                used: MapsUsed::Last,
            },
            Self::CkaCfqa2025Mean => Definition::PerMap {
                alignment: cka_cfqa2025::alignment,
                used: MapsUsed::All,
            },
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown metric '{0}', expected one of {list}", list = Metric::ALL.map(Metric::name).join(", "))]
pub struct UnknownMetric(String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| UnknownMetric(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_in_files() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
            let quoted = format!("\"{metric}\"");
            assert_eq!(serde_json::to_string(&metric).unwrap(), quoted);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "ssim".parse::<Metric>().unwrap_err().to_string();
        let expected = "unknown metric 'ssim', expected one of mse, cosine, cka, cka-cfqa2025, \
                        cka-cfqa2025-mean";
        assert_eq!(error, expected);
    }
}
