use serde::{Deserialize, Serialize};

use crate::crop::judged_depths;
use crate::{DepthCrop, DepthMap, TruthError};

/// The nine figures by which depth prediction is judged (Eigen et al., 2014), of one image, or their
/// means over the images of a data set.
///
/// With g the true depth, p the predicted one, and means over the valid pixels of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthErrors {
    /// Share of pixels with max(p/g, g/p) < 1.25, 0 to 1; more is better. For all others less is.
    pub a1: f64,
    /// Share of pixels with max(p/g, g/p) < 1.25².
    pub a2: f64,
    /// Share of pixels with max(p/g, g/p) < 1.25³.
    pub a3: f64,
    /// mean |p − g| / g.
    pub abs_rel: f64,
    /// √ mean (p − g)², metres.
    pub rmse: f64,
    /// mean |log₁₀ p − log₁₀ g|.
    pub log_10: f64,
    /// √ mean (ln p − ln g)².
    pub rmse_log: f64,
    /// 100 · √(mean e² − (mean e)²), e = ln p − ln g: the scale-invariant error.
    pub silog: f64,
    /// mean (p − g)² / g, metres.
    pub sq_rel: f64,
}

/// The base of the three accuracies' limits.
const RATIO: f64 = 1.25;

impl DepthErrors {
    /// The figures' names, in the order in which the released scripts print them.
    pub const NAMES: [&'static str; 9] = [
        "a1", "a2", "a3", "abs_rel", "rmse", "log_10", "rmse_log", "silog", "sq_rel",
    ];

    /// The figures of one image, over the pixels of `crop` with a valid true depth.
    ///
    /// # Errors
    /// When the maps differ in size, the crop is not defined for it, no true depth is valid, or a
    /// predicted depth is 0, which has no logarithm.
    pub fn of(truth: &DepthMap, predicted: &DepthMap, crop: DepthCrop) -> Result<Self, TruthError> {
        let mut sums = [0.0; 9];
        let (mut error_sum, mut pixels) = (0.0, 0u64);
        for (g, p) in judged_depths(truth, predicted, crop)? {
            if p <= 0.0 {
                return Err(TruthError::NotPositive { metres: p });
            }
            let ratio = (p / g).max(g / p);
            let within = |power: i32| f64::from(u8::from(ratio < RATIO.powi(power)));
            let (difference, error) = (p - g, p.ln() - g.ln());
            let terms = [
                within(1),
                within(2),
                within(3),
                difference.abs() / g,
                difference.powi(2),
                (p.log10() - g.log10()).abs(),
                error.powi(2),
                error.powi(2),
                difference.powi(2) / g,
            ];
            add(&mut sums, terms);
            error_sum += error;
            pixels += 1;
        }
        if pixels == 0 {
            return Err(TruthError::NoValidPixel {
                what: "depth error",
            });
        }
        let pixels = pixels as f64;
        let mean = Self::from_values(sums.map(|sum| sum / pixels));
        // Rounding may leave a variance of nothing below zero.
        let variance = (mean.silog - (error_sum / pixels).powi(2)).max(0.0);
        Ok(Self {
            rmse: mean.rmse.sqrt(),
            rmse_log: mean.rmse_log.sqrt(),
            silog: 100.0 * variance.sqrt(),
            ..mean
        })
    }

    /// The figures in the order of [`Self::NAMES`].
    #[must_use]
    pub const fn values(&self) -> [f64; 9] {
        [
            self.a1,
            self.a2,
            self.a3,
            self.abs_rel,
            self.rmse,
            self.log_10,
            self.rmse_log,
            self.silog,
            self.sq_rel,
        ]
    }

    const fn from_values(values: [f64; 9]) -> Self {
        let [a1, a2, a3, abs_rel, rmse, log_10, rmse_log, silog, sq_rel] = values;
        Self {
            a1,
            a2,
            a3,
            abs_rel,
            rmse,
            log_10,
            rmse_log,
            silog,
            sq_rel,
        }
    }

    /// Sum of two images' figures, on the way to a mean.
    pub(crate) fn plus(self, other: &Self) -> Self {
        let mut sums = self.values();
        add(&mut sums, other.values());
        Self::from_values(sums)
    }

    /// Divides the sums by the number of images.
    pub(crate) fn over(self, images: f64) -> Self {
        Self::from_values(self.values().map(|sum| sum / images))
    }
}

fn add(sums: &mut [f64; 9], terms: [f64; 9]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn errors(truth: Array2<f32>, predicted: Array2<f32>) -> Result<DepthErrors, TruthError> {
        let map = |metres| DepthMap::new(metres).unwrap();
        DepthErrors::of(&map(truth), &map(predicted), DepthCrop::Full)
    }

    #[test]
    fn twice_the_depth_everywhere_is_off_by_a_factor_of_two() {
        // The last pixel was not measured. 2 > 1.25³ = 1.953125.
        let of = errors(array![[1.0, 2.0, 4.0, 0.0]], array![[2.0, 4.0, 8.0, 0.5]]).unwrap();
        let ln2 = std::f64::consts::LN_2;
        let expected = DepthErrors {
            abs_rel: 1.0,
            rmse: 7.0f64.sqrt(),
            log_10: 2.0f64.log10(),
            rmse_log: ln2,
            // The same factor everywhere is no scale-invariant error.
            silog: 0.0,
            sq_rel: 7.0 / 3.0,
            ..DepthErrors::default()
        };
        for ((name, ours), expected) in DepthErrors::NAMES
            .into_iter()
            .zip(of.values())
            .zip(expected.values())
        {
            assert!((ours - expected).abs() < 1e-6, "{name}: {ours}, {expected}");
        }
    }

    #[test]
    fn accuracies_count_ratios_strictly_below_the_powers_of_five_quarters() {
        let of = errors(
            array![[4.0, 4.0, 4.0, 4.0]],
            array![[4.0, 5.0, 6.0, 7.5]], // ratios 1, 1.25, 1.5, 1.875
        );
        let of = of.unwrap();
        assert_eq!((of.a1, of.a2, of.a3), (0.25, 0.75, 1.0));
    }

    #[test]
    fn refuses_what_has_no_figures() {
        let undefined = TruthError::NoValidPixel {
            what: "depth error",
        };
        assert_eq!(errors(array![[0.0]], array![[1.0]]), Err(undefined));
        let zero = TruthError::NotPositive { metres: 0.0 };
        assert_eq!(errors(array![[1.0]], array![[0.0]]), Err(zero));
        assert!(errors(array![[1.0]], array![[1.0, 1.0]]).is_err());
    }
}
