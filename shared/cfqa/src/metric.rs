use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::map_pair::MapPair;
use crate::pair::Pair;
use crate::{Cause, metrics};

/// Declares [`Metric`]: one line per metric, its variant and the constant that specifies it.
macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident = $spec:path;)*) => {
        /// A full-reference quality metric for features.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $($(#[$doc])* $variant,)*
        }

        impl Metric {
            /// Every metric.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            pub(crate) const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &$spec,)*
                }
            }
        }
    };
}

registry! {
    /// Mean squared error.
    Mse = metrics::mse::SPEC;
    /// Mean cosine similarity of tokens.
    Cosine = metrics::cosine::SPEC;
    /// Linear centred kernel alignment (Kornblith et al., 2019), mean over maps.
    Cka = metrics::cka::SPEC;
    /// The quantity that the CFQA benchmark's script calls linear CKA. It differs from CKA: it takes the last
    /// map only, and divides by the number of maps. For comparison with published logs.
    CkaCfqa2025 = metrics::cka_cfqa2025::SPEC;
    /// The quantity of [`Self::CkaCfqa2025`], averaged over all maps as the script meant to.
    CkaCfqa2025Mean = metrics::cka_cfqa2025::MEAN_SPEC;
    /// Cosine similarity of the class tokens, mean over maps.
    CosineClass = metrics::cosine_class::SPEC;
    /// Cosine similarity of the mean patch tokens, mean over maps.
    CosinePatchMean = metrics::cosine_patch_mean::SPEC;
    /// Least cosine similarity of any token.
    CosineMin = metrics::cosine_min::SPEC;
    /// Cosine similarity that one token in twenty does not reach.
    CosineP05 = metrics::cosine_p05::SPEC;
    /// Signal-to-noise ratio, decibels.
    Snr = metrics::snr::SPEC;
    /// Distance of the Gram matrices of unit tokens: how far relations between tokens are kept.
    GramDistance = metrics::gram_distance::SPEC;
}

/// The specification of a metric.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) formula: &'static str,
    pub(crate) direction: Direction,
    /// Least and greatest possible score.
    pub(crate) range: (f64, f64),
    pub(crate) cost: Cost,
    pub(crate) definition: Definition,
}

/// The direction in which a metric's scores improve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A higher score is a better reconstruction.
    HigherIsBetter,
    /// A lower score is a better reconstruction.
    LowerIsBetter,
}

/// The cost of a metric; N tokens of D channels in each map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// One pass over the values, shared by all metrics of this cost: O(N·D) per map.
    Pass,
    /// Matrix products: O(N·D·min(N, D)) per map, O(N²·D) for `gram-distance`. The original's share of
    /// CKA is paid once per [`Reference`](crate::Reference).
    Products,
}

/// The computation of a metric.
pub(crate) enum Definition {
    /// From the two whole features.
    Whole(fn(&Pair<'_>) -> Result<f64, Cause>),
    /// From pairs of maps: the sum of the alignments used, divided by the number of all maps.
    PerMap {
        alignment: fn(&MapPair<'_>) -> f64,
        used: MapsUsed,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum MapsUsed {
    All,
    Last,
}

impl MapsUsed {
    /// `true` if a metric uses map `map` of `maps`.
    pub(crate) const fn includes(self, map: usize, maps: usize) -> bool {
        match self {
            Self::All => true,
            Self::Last => map + 1 == maps,
        }
    }
}

impl Metric {
    /// The benchmark's three baselines in their standard form (Gao et al., MM'25, §5).
    pub const STANDARD: [Self; 3] = [Self::Mse, Self::Cosine, Self::Cka];

    /// The name in configurations, command lines and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The direction in which scores improve.
    #[must_use]
    pub const fn direction(self) -> Direction {
        self.spec().direction
    }

    /// The scores that are possible, give or take rounding (CKA of equal features may exceed 1 in
    /// the last digits; it is not clamped).
    #[must_use]
    pub const fn range(self) -> RangeInclusive<f64> {
        let (least, greatest) = self.spec().range;
        least..=greatest
    }

    /// The cost of computing it.
    #[must_use]
    pub const fn cost(self) -> Cost {
        self.spec().cost
    }

    /// The formula in a line. X and Y are maps `[tokens, dim]`, x and y are tokens of them, and ˜ subtracts
    /// each channel's mean over the tokens.
    #[must_use]
    pub const fn formula(self) -> &'static str {
        self.spec().formula
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
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
            assert_eq!(serde_json::from_str::<Metric>(&quoted).unwrap(), metric);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "ssim".parse::<Metric>().unwrap_err().to_string();
        let expected = "unknown metric 'ssim', expected one of mse, cosine, cka, cka-cfqa2025, \
                        cka-cfqa2025-mean, cosine-class, cosine-patch-mean, cosine-min, cosine-p05, \
                        snr, gram-distance";
        assert_eq!(error, expected);
    }
}
