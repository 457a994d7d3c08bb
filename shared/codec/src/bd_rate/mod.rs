//! Bjøntegaard's delta rate: how much more rate one codec needs than another for equal quality.
//!
//! Each codec's log₁₀ rate is interpolated as a function of quality by a monotone piecewise cubic
//! (PCHIP: Fritsch and Butland 1984, as in JCT-VC's later spreadsheets and VCEG-AL22), and the
//! difference is averaged over the qualities that both reach:
//! `BD = 10^(1/(q₁−q₀) · ∫ (log r_b − log r_a) dq) − 1` (Bjøntegaard, VCEG-M33). Any measure serves as
//! quality: PSNR, top-1, mIoU, or a distortion, for which less is better. What it is an increasing
//! function of the rate only on average, curves are checked: points that are no function of the rate
//! are named, not smoothed over.

use std::fmt;

/// A codec at one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePoint {
    /// Its rate, in any unit, above zero.
    pub rate: f64,
    /// Its quality or distortion.
    pub quality: f64,
}

/// Which qualities are better.
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
    /// The second codec's rate relative to the first's, minus one: −0.3 saves 30 %.
    pub delta: f64,
    /// The least quality that was compared.
    pub from: f64,
    /// The greatest.
    pub to: f64,
}

impl fmt::Display for BdRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delta, from, to } = self;
        write!(f, "{:+.2} % between {from:.4} and {to:.4}", 100.0 * delta)
    }
}

/// Why two curves cannot be compared.
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
    let first = LogRate::new(first, better, Curve::First)?;
    let second = LogRate::new(second, better, Curve::Second)?;
    let (from, to) = (
        first.least().max(second.least()),
        first.greatest().min(second.greatest()),
    );
    if from >= to {
        return Err(BdRateError::NoOverlap {
            first_from: first.least(),
            first_to: first.greatest(),
            second_from: second.least(),
            second_to: second.greatest(),
        });
    }
    let mean = (second.integral(from, to) - first.integral(from, to)) / (to - from);
    Ok(BdRate {
        delta: 10f64.powf(mean) - 1.0,
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

/// log₁₀ rate as a piecewise cubic of quality, which ascends.
struct LogRate {
    /// Qualities, ascending.
    x: Vec<f64>,
    /// log₁₀ rates.
    y: Vec<f64>,
    /// Derivatives at the points.
    slope: Vec<f64>,
}

impl LogRate {
    fn new(points: &[RatePoint], better: Better, curve: Curve) -> Result<Self, BdRateError> {
        if points.len() < 2 {
            return Err(BdRateError::TooFewPoints {
                curve,
                points: points.len(),
            });
        }
        let valid = |point: &RatePoint| {
            point.rate > 0.0 && point.rate.is_finite() && point.quality.is_finite()
        };
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
        let x: Vec<f64> = sorted.iter().map(|point| point.quality).collect();
        let y: Vec<f64> = sorted.iter().map(|point| point.rate.log10()).collect();
        let slope = slopes(&x, &y);
        Ok(Self { x, y, slope })
    }

    fn least(&self) -> f64 {
        self.x[0]
    }

    fn greatest(&self) -> f64 {
        self.x[self.x.len() - 1]
    }

    /// The integral over qualities that the curve spans.
    fn integral(&self, from: f64, to: f64) -> f64 {
        (0..self.x.len() - 1)
            .map(|piece| {
                let (left, right) = (self.x[piece], self.x[piece + 1]);
                let (from, to) = (from.clamp(left, right), to.clamp(left, right));
                self.primitive(piece, to) - self.primitive(piece, from)
            })
            .sum()
    }

    /// The integral of a piece's Hermite cubic from its left end to `x`.
    fn primitive(&self, piece: usize, x: f64) -> f64 {
        let width = self.x[piece + 1] - self.x[piece];
        let t = (x - self.x[piece]) / width;
        let (t2, t3, t4) = (t * t, t * t * t, t * t * t * t);
        // The integrals of the four Hermite basis functions.
        let value = self.y[piece] * (t4 / 2.0 - t3 + t) + self.y[piece + 1] * (t3 - t4 / 2.0);
        let slope = self.slope[piece] * (t4 / 4.0 - 2.0 * t3 / 3.0 + t2 / 2.0)
            + self.slope[piece + 1] * (t4 / 4.0 - t3 / 3.0);
        width * (value + width * slope)
    }
}

/// Fritsch and Butland's derivatives: weighted harmonic means inside, three-point ends that keep the
/// shape (as `pchip` of Matlab and SciPy).
fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let widths: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let secants: Vec<f64> = y
        .windows(2)
        .zip(&widths)
        .map(|(pair, width)| (pair[1] - pair[0]) / width)
        .collect();
    let last = secants.len() - 1;
    if last == 0 {
        return vec![secants[0]; 2];
    }
    let inner = (0..last).map(|left| {
        let [h0, h1] = [widths[left], widths[left + 1]];
        let [d0, d1] = [secants[left], secants[left + 1]];
        if d0 * d1 <= 0.0 {
            return 0.0;
        }
        let (w0, w1) = (2.0 * h1 + h0, h1 + 2.0 * h0);
        (w0 + w1) / (w0 / d0 + w1 / d1)
    });
    let start = end_slope([widths[0], widths[1]], [secants[0], secants[1]]);
    let end = end_slope(
        [widths[last], widths[last - 1]],
        [secants[last], secants[last - 1]],
    );
    std::iter::once(start)
        .chain(inner)
        .chain(std::iter::once(end))
        .collect()
}

/// The one-sided derivative at an end; index 0 is the piece at the end, 1 the next.
fn end_slope([h0, h1]: [f64; 2], [d0, d1]: [f64; 2]) -> f64 {
    let slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    if slope * d0 <= 0.0 {
        0.0
    } else if d0 * d1 <= 0.0 && slope.abs() > 3.0 * d0.abs() {
        3.0 * d0
    } else {
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve<const N: usize>(rates: [f64; N], qualities: [f64; N]) -> Vec<RatePoint> {
        let point = |(rate, quality)| RatePoint { rate, quality };
        rates.into_iter().zip(qualities).map(point).collect()
    }

    fn delta(first: &[RatePoint], second: &[RatePoint]) -> f64 {
        bd_rate(first, second, Better::Greater).unwrap().delta
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
        assert!((found.delta - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_distortion_is_better_when_smaller() {
        let first = curve([1.0, 2.0, 4.0], [0.9, 0.5, 0.1]);
        let second = curve([3.0, 6.0, 12.0], [0.9, 0.5, 0.1]);
        let found = bd_rate(&first, &second, Better::Smaller).unwrap();
        assert!((found.delta - 2.0).abs() < 1e-12);
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

    proptest! {
        #[test]
        fn interpolation_is_monotone_between_points(
            steps in prop::collection::vec((0.01f64..5.0, 0.01f64..5.0), 2..8), at in 0f64..1.0,
        ) {
            let mut point = RatePoint { rate: 1.0, quality: 0.0 };
            let points: Vec<RatePoint> = steps.iter().map(|&(dq, log)| {
                point.quality += dq;
                point.rate *= 10f64.powf(log);
                point
            }).collect();
            let cubic = LogRate::new(&points, Better::Greater, Curve::First).unwrap();
            // The mean over any short interval lies between the values at the piece's ends.
            for piece in 0..points.len() - 1 {
                let (left, right) = (cubic.x[piece], cubic.x[piece + 1]);
                let from = left + at * (right - left) * 0.9;
                let to = from + (right - left) * 0.1;
                let mean = cubic.integral(from, to) / (to - from);
                prop_assert!(cubic.y[piece] - 1e-6 <= mean && mean <= cubic.y[piece + 1] + 1e-6);
            }
        }
    }
}
