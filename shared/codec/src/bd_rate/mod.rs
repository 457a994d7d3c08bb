//! Bjøntegaard's delta rate: how much more rate one codec needs than another for equal quality.
//!
//! Each codec's log₁₀ rate is interpolated as a function of quality by a piecewise cubic, and the
//! difference is averaged over the qualities that both reach:
//! `BD = 10^(1/(q₁−q₀) · ∫ (log r_b − log r_a) dq) − 1` (Bjøntegaard, VCEG-M33). Any measure serves as
//! quality: PSNR, top-1, mIoU, or a distortion, for which less is better.
//!
//! Between the points a curve is a guess. There are two figures, one per [`Interpolation`] in use: where points lie
//! close on a smooth curve they agree, where they do not, neither is a property of the codecs.
//!
//! Curves are checked: points at which more rate gives no better quality are named, not smoothed over.

mod interpolation;
mod log_rate;

use std::fmt;

pub use interpolation::Interpolation;
use log_rate::LogRate;

/// A codec at one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePoint {
    /// Its rate, in any unit, above zero.
    pub rate: f64,
    /// Its quality or distortion.
    pub quality: f64,
}

/// The direction in which qualities improve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The greater ones, as with PSNR or mIoU.
    Greater,
    /// The smaller ones, as with MSE or RMSE.
    Smaller,
}

/// A comparison of two codecs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BdRate {
    /// The second codec's rate relative to the first's, minus one, by [`Interpolation::Pchip`]: −0.3 saves 30 %.
    pub pchip: f64,
    /// The same by [`Interpolation::Akima`].
    pub akima: f64,
    /// The least quality that was compared.
    pub from: f64,
    /// The greatest.
    pub to: f64,
}

impl fmt::Display for BdRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pchip,
            akima,
            from,
            to,
        } = self;
        write!(
            f,
            "{:+.2} % (PCHIP), {:+.2} % (Akima) between {from:.4} and {to:.4}",
            100.0 * pchip,
            100.0 * akima
        )
    }
}

impl BdRate {
    /// The greatest difference of the two figures at which they still count as equal: beyond it, the choice of
    /// interpolation decides the result.
    const SAME: f64 = 0.02;

    /// `true` if the figure reflects the interpolation rather than the codecs: the two figures differ by more
    /// than two percentage points.
    #[must_use]
    pub fn depends_on_interpolation(&self) -> bool {
        (self.pchip - self.akima).abs() > Self::SAME
    }
}

/// The reason why two curves cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BdRateError {
    /// Fewer than two points.
    #[error("the {curve} curve has {points} points, at least 2 are needed")]
    TooFewPoints {
        /// The curve.
        curve: Curve,
        /// Its points.
        points: usize,
    },
    /// A rate that has no logarithm, or a quality that is no number.
    #[error("the {curve} curve has a point with rate {rate} and quality {quality}")]
    NotFinite {
        /// The curve.
        curve: Curve,
        /// The point's rate.
        rate: f64,
        /// Its quality.
        quality: f64,
    },
    /// More rate does not give better quality.
    #[error(
        "the {curve} curve is not monotone: rate {} gives {}, the next lower rate {}",
        short(*.rate), short(*.quality), short(*.before)
    )]
    NotMonotone {
        /// The curve.
        curve: Curve,
        /// The rate of the point that is no better.
        rate: f64,
        /// Its quality.
        quality: f64,
        /// The quality at the rate before.
        before: f64,
    },
    /// No quality is reached by both.
    #[error(
        "the curves do not overlap: the first spans {} to {}, the second {} to {}",
        short(*.first_from), short(*.first_to), short(*.second_from), short(*.second_to)
    )]
    NoOverlap {
        /// The least quality of the first curve.
        first_from: f64,
        /// Its greatest.
        first_to: f64,
        /// The least quality of the second curve.
        second_from: f64,
        /// Its greatest.
        second_to: f64,
    },
}

/// One of the two curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// The anchor.
    First,
    /// The one that is compared with it.
    Second,
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// Six significant digits, and no more than there are.
fn short(value: f64) -> String {
    let rounded = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// Compares the rate of `second` with that of `first`, in any order of points.
///
/// # Errors
/// When a curve has fewer than two points, is not strictly monotone, or they have no quality in common.
pub fn bd_rate(
    first: &[RatePoint],
    second: &[RatePoint],
    better: Better,
) -> Result<BdRate, BdRateError> {
    let first = sorted(first, better, Curve::First)?;
    let second = sorted(second, better, Curve::Second)?;
    let ends = |curve: &[RatePoint]| (curve[0].quality, curve[curve.len() - 1].quality);
    let ((first_from, first_to), (second_from, second_to)) = (ends(&first), ends(&second));
    let (from, to) = (first_from.max(second_from), first_to.min(second_to));
    if from >= to {
        return Err(BdRateError::NoOverlap {
            first_from,
            first_to,
            second_from,
            second_to,
        });
    }
    let delta = |interpolation| {
        let [first, second] = [&first, &second].map(|curve| LogRate::new(curve, interpolation));
        let mean = (second.integral(from, to) - first.integral(from, to)) / (to - from);
        10f64.powf(mean) - 1.0
    };
    Ok(BdRate {
        pchip: delta(Interpolation::Pchip),
        akima: delta(Interpolation::Akima),
        from,
        to,
    })
}

/// The points at which a curve fails to be better at more rate: what to leave out, or to mention.
#[must_use]
pub fn points_out_of_order(points: &[RatePoint], better: Better) -> Vec<RatePoint> {
    let sorted = by_rate(points);
    let pairs = sorted.windows(2);
    let worse = |pair: &&[RatePoint]| !improves(pair[0], pair[1], better);
    pairs.filter(worse).map(|pair| pair[1]).collect()
}

fn by_rate(points: &[RatePoint]) -> Vec<RatePoint> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    sorted
}

fn improves(cheap: RatePoint, rich: RatePoint, better: Better) -> bool {
    cheap.rate < rich.rate
        && match better {
            Better::Greater => cheap.quality < rich.quality,
            Better::Smaller => cheap.quality > rich.quality,
        }
}

/// A curve's points by ascending quality.
fn sorted(
    points: &[RatePoint],
    better: Better,
    curve: Curve,
) -> Result<Vec<RatePoint>, BdRateError> {
    if points.len() < 2 {
        return Err(BdRateError::TooFewPoints {
            curve,
            points: points.len(),
        });
    }
    let valid =
        |point: &RatePoint| point.rate > 0.0 && point.rate.is_finite() && point.quality.is_finite();
    if let Some(&RatePoint { rate, quality }) = points.iter().find(|point| !valid(point)) {
        return Err(BdRateError::NotFinite {
            curve,
            rate,
            quality,
        });
    }
    let mut sorted = by_rate(points);
    if let Some(pair) = sorted.windows(2).find(|p| !improves(p[0], p[1], better)) {
        return Err(BdRateError::NotMonotone {
            curve,
            rate: pair[1].rate,
            quality: pair[1].quality,
            before: pair[0].quality,
        });
    }
    sorted.sort_by(|a, b| a.quality.total_cmp(&b.quality));
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve<const N: usize>(rates: [f64; N], qualities: [f64; N]) -> Vec<RatePoint> {
        let point = |(rate, quality)| RatePoint { rate, quality };
        rates.into_iter().zip(qualities).map(point).collect()
    }

    fn delta(first: &[RatePoint], second: &[RatePoint]) -> f64 {
        let BdRate { pchip, akima, .. } = bd_rate(first, second, Better::Greater).unwrap();
        assert!((pchip - akima).abs() < 1e-12, "{pchip} {akima}");
        pchip
    }

    #[test]
    fn a_constant_factor_of_rate_is_found() {
        let qualities = [30.0, 33.0, 37.5, 41.0];
        let first = curve([100.0, 180.0, 400.0, 900.0], qualities);
        let second = curve([80.0, 144.0, 320.0, 720.0], qualities);
        assert!((delta(&first, &second) - -0.2).abs() < 1e-12);
        assert!((delta(&second, &first) - 0.25).abs() < 1e-12);
        assert!(delta(&first, &first).abs() < 1e-12);
    }

    #[test]
    fn exponential_curves_have_their_closed_form() {
        // log₁₀ r = q/10 and q/8: the mean difference over 20 to 40 is 30·(1/8 − 1/10).
        let at = |scale: f64| {
            let qualities = [20.0, 23.0, 31.0, 40.0];
            curve(qualities.map(|q| 10f64.powf(q / scale)), qualities)
        };
        let expected = 10f64.powf(0.75) - 1.0;
        assert!((delta(&at(10.0), &at(8.0)) - expected).abs() < 1e-9);
    }

    #[test]
    fn only_common_qualities_count() {
        let first = curve([10.0, 100.0, 1000.0], [10.0, 20.0, 30.0]);
        let second = curve([200.0, 2000.0, 20_000.0], [20.0, 30.0, 40.0]);
        let found = bd_rate(&first, &second, Better::Greater).unwrap();
        assert_eq!((found.from, found.to), (20.0, 30.0));
        assert!((found.pchip - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_distortion_is_better_when_smaller() {
        let first = curve([1.0, 2.0, 4.0], [0.9, 0.5, 0.1]);
        let second = curve([3.0, 6.0, 12.0], [0.9, 0.5, 0.1]);
        let found = bd_rate(&first, &second, Better::Smaller).unwrap();
        assert!((found.pchip - 2.0).abs() < 1e-12);
        assert!(matches!(
            bd_rate(&first, &second, Better::Greater),
            Err(BdRateError::NotMonotone {
                curve: Curve::First,
                ..
            })
        ));
    }

    #[test]
    fn curves_that_cannot_be_compared_are_explained() {
        let good = curve([1.0, 2.0, 4.0], [10.0, 20.0, 30.0]);
        let check = |second: &[RatePoint], expected: &str| {
            let error = bd_rate(&good, second, Better::Greater).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            &good[..1],
            "the second curve has 1 points, at least 2 are needed",
        );
        check(
            &curve([1.0, 2.0], [40.0, 50.0]),
            "the curves do not overlap: the first spans 10 to 30, the second 40 to 50",
        );
        let dented = curve([4.0, 1.0, 2.0], [19.0, 10.0, 20.0]);
        check(
            &dented,
            "the second curve is not monotone: rate 4 gives 19, the next lower rate 20",
        );
        check(
            &curve([1.0, 1.016_430_493_447], [99.253_731_343, 99.253_731_343]),
            "the second curve is not monotone: rate 1.01643 gives 99.2537, the next lower rate 99.2537",
        );
        assert_eq!(points_out_of_order(&dented, Better::Greater), [dented[0]]);
        check(
            &curve([0.0, 2.0], [10.0, 20.0]),
            "the second curve has a point with rate 0 and quality 10",
        );
    }
}
