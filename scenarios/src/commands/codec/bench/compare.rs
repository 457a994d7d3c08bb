//! Rates of codecs relative to the first one's.

use serde::Serialize;
use splitsim_codec::CodecId;
use splitsim_codec::bd_rate::{BdRate, Better, bd_rate, points_out_of_order};

use super::curve::{Axis, Curve};

/// A codec compared with the anchor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comparison {
    pub(super) anchor: CodecId,
    pub(super) codec: CodecId,
    pub(super) at_equal: Axis,
    /// The rate above the anchor's, percent, curves drawn by PCHIP; less than 0 saves.
    pub(super) bd_rate_percent: Option<f64>,
    /// The same, curves drawn by Akima's interpolation.
    pub(super) bd_rate_akima_percent: Option<f64>,
    /// `true` if the two rates differ by more than two percentage points, so that neither can be relied on.
    pub(super) depends_on_interpolation: Option<bool>,
    /// The values compared over, from the least to the greatest.
    pub(super) span: Option<[f64; 2]>,
    /// The reason why there is no figure.
    pub(super) reason: Option<String>,
    /// Levels of either codec that are no better than a cheaper one.
    pub(super) levels_out_of_order: usize,
}

/// Every curve but the first against the first, on both axes; `better` says which performances are.
pub(super) fn compare(better: Better, curves: &[Curve]) -> Vec<Comparison> {
    let Some((anchor, others)) = curves.split_first() else {
        return Vec::new();
    };
    let pairs = others.iter().flat_map(|curve| {
        [Axis::Mse, Axis::Performance].map(|axis| pair(better, anchor, curve, axis))
    });
    pairs.collect()
}

fn pair(performance: Better, anchor: &Curve, curve: &Curve, at_equal: Axis) -> Comparison {
    let better = at_equal.better(performance);
    let [first, second] = [anchor, curve].map(|curve| curve.points(at_equal));
    let found = bd_rate(&first, &second, better);
    let out_of_order = |points| points_out_of_order(points, better).len();
    Comparison {
        anchor: anchor.codec,
        codec: curve.codec,
        at_equal,
        bd_rate_percent: found.as_ref().ok().map(|found| 100.0 * found.pchip),
        bd_rate_akima_percent: found.as_ref().ok().map(|found| 100.0 * found.akima),
        depends_on_interpolation: found.as_ref().ok().map(BdRate::depends_on_interpolation),
        span: found.as_ref().ok().map(|found| [found.from, found.to]),
        levels_out_of_order: out_of_order(&first) + out_of_order(&second),
        reason: found.err().map(|error| error.to_string()),
    }
}

impl Comparison {
    /// In a sentence.
    pub(super) fn describe(&self) -> String {
        let axis = match self.at_equal {
            Axis::Mse => "mean squared error",
            Axis::Performance => "performance",
        };
        let Self { anchor, codec, .. } = self;
        let compared = format!("{codec} against {anchor} at equal {axis}");
        match (self.bd_rate_percent, self.bd_rate_akima_percent, self.span) {
            (Some(pchip), Some(akima), Some([from, to])) => {
                let caution = match self.depends_on_interpolation {
                    Some(true) => {
                        "; the interpolation decides this figure, take more levels or pictures"
                    }
                    _ => "",
                };
                format!(
                    "{compared}: BD-rate {pchip:+.1} % by PCHIP, {akima:+.1} % by Akima \
                     (from {from:.4} to {to:.4}){caution}"
                )
            }
            _ => {
                let reason = self.reason.as_deref().unwrap_or("unknown");
                format!("{compared}: no BD-rate: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use splitsim_codec::Level;

    use super::*;
    use crate::commands::codec::bench::curve::{LevelFigures, Times};

    fn curve(codec: CodecId, points: &[(f64, f64, f64)]) -> Curve {
        let times = Times {
            ms_p50: 1.0,
            ms_p95: 1.0,
            points_per_s: 1.0,
        };
        let level = |(level, &(bpfp, mse, performance)): (usize, &(f64, f64, f64))| LevelFigures {
            level: Level(level as u8),
            label: String::new(),
            features: 1,
            bytes: 1.0,
            payload_bytes: 1.0,
            bpfp,
            mse,
            performance,
            clamped_points: 0,
            encode: times,
            decode: times,
        };
        Curve {
            codec,
            tables_digest: String::new(),
            levels: points.iter().enumerate().map(level).collect(),
        }
    }

    #[test]
    fn half_the_rate_is_minus_fifty_percent_and_a_dent_is_named() {
        let anchor = curve(
            CodecId::Hevc,
            &[(0.2, 3.0, 10.0), (0.4, 2.0, 60.0), (0.8, 1.0, 90.0)],
        );
        let other = curve(
            CodecId::Vvc,
            &[(0.1, 3.0, 10.0), (0.2, 2.0, 90.0), (0.4, 1.0, 80.0)],
        );
        let found = compare(Better::Greater, &[anchor, other]);
        let percent = found[0].bd_rate_percent.unwrap();
        assert!((percent - -50.0).abs() < 1e-9, "{percent}");
        assert_eq!(found[0].depends_on_interpolation, Some(false));
        assert_eq!(
            found[0].describe(),
            "vvc against hevc at equal mean squared error: BD-rate -50.0 % by PCHIP, -50.0 % by Akima \
             (from 1.0000 to 3.0000)"
        );
        assert_eq!(found[0].levels_out_of_order, 0);
        assert_eq!(
            (found[1].bd_rate_percent, found[1].levels_out_of_order),
            (None, 1)
        );
        assert!(
            found[1]
                .describe()
                .contains("the second curve is not monotone")
        );
        assert_eq!(compare(Better::Greater, &[]), []);
    }

    /// Four points about a knee: PCHIP and Akima draw other curves, and the sentence says so.
    #[test]
    fn a_figure_of_the_interpolation_is_called_that() {
        let anchor = curve(
            CodecId::Hevc,
            &[
                (0.1, 4.0, 5.0),
                (0.4, 3.0, 96.0),
                (1.2, 2.0, 98.5),
                (4.0, 1.0, 99.0),
            ],
        );
        let other = curve(
            CodecId::Vvc,
            &[
                (0.2, 4.0, 4.0),
                (0.5, 3.0, 20.0),
                (0.9, 2.0, 98.0),
                (1.1, 1.0, 99.2),
            ],
        );
        let found = compare(Better::Greater, &[anchor, other]);
        assert_eq!(found[1].depends_on_interpolation, Some(true));
        let text = found[1].describe();
        assert!(
            text.contains("BD-rate +286.3 % by PCHIP, +2291.9 % by Akima"),
            "{text}"
        );
        assert!(
            text.contains("the interpolation decides this figure"),
            "{text}"
        );
    }
}
