//! BD-rates against another implementation; provenance in `golden/README.md`.

use serde::Deserialize;
use splitsim_codec::bd_rate::{BdRate, BdRateError, Better, RatePoint, bd_rate};

#[derive(Deserialize)]
struct Golden {
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    anchor: Points,
    test: Points,
    common_quality: Option<[f64; 2]>,
    bd_rate_percent: Figures,
    /// SciPy's PCHIP over the points by quality, in whatever order they come.
    sorted_pchip_bd_rate_percent: Option<f64>,
}

#[derive(Deserialize)]
struct Points {
    rate: Vec<f64>,
    quality: Vec<f64>,
}

#[derive(Deserialize)]
struct Figures {
    akima: Figure,
}

#[derive(Deserialize)]
struct Figure {
    value: Option<f64>,
}

impl Points {
    fn curve(&self) -> Vec<RatePoint> {
        let points = self.rate.iter().zip(&self.quality);
        points
            .map(|(&rate, &quality)| RatePoint { rate, quality })
            .collect()
    }
}

impl Pair {
    fn compare(&self) -> Result<BdRate, BdRateError> {
        let better = match self.name.as_str() {
            "distortion_not_negated" | "distortion_falling_rate" => Better::Smaller,
            _ => Better::Greater,
        };
        bd_rate(&self.anchor.curve(), &self.test.curve(), better)
    }
}

/// The pair whose points are the same, in the order that the package wants.
fn ordered(name: &str) -> &str {
    match name {
        "shuffled" => "richest_first",
        "distortion_not_negated" => "distortion_falling_rate",
        name => name,
    }
}

const TOLERANCE_PERCENT: f64 = 1e-8;

#[test]
fn figures_are_those_of_another_implementation() {
    let golden: Golden =
        serde_json::from_str(include_str!("golden/bd.json")).expect("the file is committed");
    let mut compared = 0;
    for pair in &golden.pairs {
        let name = &pair.name;
        let found = match (pair.compare(), pair.common_quality) {
            (Ok(found), Some(common)) => {
                assert_eq!([found.from, found.to], common, "{name}");
                found
            }
            (Err(BdRateError::NoOverlap { .. }), None) => continue,
            (Err(BdRateError::NotMonotone { .. }), Some(_)) => {
                let unordered = [
                    "not_monotone",
                    "equal_qualities",
                    "published_hm_cls_with_zeros",
                ];
                assert!(
                    unordered.iter().any(|known| name.starts_with(known)),
                    "{name}"
                );
                continue;
            }
            (found, _) => panic!("{name}: {found:?}"),
        };
        let akima = golden
            .pairs
            .iter()
            .find(|other| other.name == ordered(name));
        let akima = akima.and_then(|other| other.bd_rate_percent.akima.value);
        for (figure, expected) in [
            (found.pchip, pair.sorted_pchip_bd_rate_percent),
            (found.akima, akima),
        ] {
            let difference = 100.0 * figure - expected.expect("the curves can be compared");
            assert!(
                difference.abs() < TOLERANCE_PERCENT,
                "{name}: off by {difference}"
            );
        }
        compared += 1;
    }
    assert_eq!(compared, 21);
}

/// Few points on a curve with a knee: the two ways to draw it disagree, and the comparison says so.
#[test]
fn a_figure_that_the_interpolation_decides_is_known_as_such() {
    let curve = |points: &[(f64, f64)]| -> Vec<RatePoint> {
        let point = |&(rate, quality)| RatePoint { rate, quality };
        points.iter().map(point).collect()
    };
    let anchor = curve(&[(0.1, 5.0), (0.4, 96.0), (1.2, 98.5), (4.0, 99.0)]);
    let other = curve(&[(0.2, 4.0), (0.5, 20.0), (0.9, 98.0), (1.1, 99.2)]);
    let found = bd_rate(&anchor, &other, Better::Greater).unwrap();
    // SciPy 1.17.1's PchipInterpolator and Akima1DInterpolator of log10 rate over quality, integrated.
    let expected = [286.31041544628516, 2291.866014071766];
    for (figure, expected) in [found.pchip, found.akima].into_iter().zip(expected) {
        assert!(
            (100.0 * figure - expected).abs() < TOLERANCE_PERCENT,
            "{figure}"
        );
    }
    assert!(found.depends_on_interpolation());
    let text = found.to_string();
    assert!(
        text.contains("(PCHIP)") && text.contains("(Akima)"),
        "{text}"
    );
    let same = bd_rate(&anchor, &anchor, Better::Greater).unwrap();
    assert!(!same.depends_on_interpolation());
}
