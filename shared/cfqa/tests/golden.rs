//! Metrics and correlations against reference implementations; provenance in `golden/README.md`.

use std::path::Path;

use serde::Deserialize;
use splitsim_cfqa::{CfqaError, Correlation, CorrelationError, Metric, Reference, score_all};
use splitsim_feature::{Feature, npy};

#[derive(Deserialize)]
struct Golden {
    features: Vec<FeatureCase>,
    correlations: Vec<CorrelationCase>,
}

#[derive(Deserialize)]
struct FeatureCase {
    file: String,
    mse: f64,
    cosine: f64,
    cka: f64,
    cka_cfqa_mean: f64,
    cka_cfqa_published: f64,
}

#[derive(Deserialize)]
struct CorrelationCase {
    x: Vec<f64>,
    y: Vec<f64>,
    plcc: Option<f64>,
    srocc: Option<f64>,
    krocc: Option<f64>,
}

/// NumPy's values of the metrics beyond the benchmark's; `None` if it divides by zero.
#[derive(Deserialize)]
struct TokenCase {
    file: String,
    cosine_class: Option<f64>,
    cosine_patch_mean: Option<f64>,
    cosine_min: Option<f64>,
    cosine_p05: Option<f64>,
    snr: Option<f64>,
    gram_distance: Option<f64>,
}

fn expected(case: &FeatureCase, tokens: &TokenCase, metric: Metric) -> Option<f64> {
    assert_eq!(case.file, tokens.file);
    match metric {
        Metric::Mse => Some(case.mse),
        Metric::Cosine => Some(case.cosine),
        Metric::Cka => Some(case.cka),
        Metric::CkaCfqa2025 => Some(case.cka_cfqa_published),
        Metric::CkaCfqa2025Mean => Some(case.cka_cfqa_mean),
        Metric::CosineClass => tokens.cosine_class,
        Metric::CosinePatchMean => tokens.cosine_patch_mean,
        Metric::CosineMin => tokens.cosine_min,
        Metric::CosineP05 => tokens.cosine_p05,
        Metric::Snr => tokens.snr,
        Metric::GramDistance => tokens.gram_distance,
    }
}

const METRIC_TOLERANCE: f64 = 1e-6;
const CORRELATION_TOLERANCE: f64 = 1e-9;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/metrics.json")).expect("the file is committed")
}

fn feature(file: &str) -> Feature {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    npy::read(&folder.join(file)).expect("the file is committed")
}

#[test]
fn metrics() {
    let original = feature("original.npy");
    let reference = Reference::new(original.clone());
    let tokens: Vec<TokenCase> = serde_json::from_str(include_str!("golden/token-metrics.json"))
        .expect("the file is committed");
    for (case, tokens) in golden().features.iter().zip(&tokens) {
        let distorted = feature(&case.file);
        let together = score_all(&Metric::ALL, &original, &distorted).unwrap();
        for metric in Metric::ALL {
            let alone = reference.score(metric, &distorted);
            assert_eq!(together.get(metric), Some(&alone));
            let Some(expected) = expected(case, tokens, metric) else {
                assert!(
                    matches!(alone, Err(CfqaError::Undefined { .. })),
                    "{metric}"
                );
                continue;
            };
            let score = alone.unwrap();
            let difference = score.value() - expected;
            assert!(
                difference.abs() < METRIC_TOLERANCE * expected.max(1.0),
                "{}: {score} is off by {difference}",
                case.file
            );
        }
    }
}

#[test]
fn correlations() {
    for case in golden().correlations {
        let expected = [case.plcc, case.srocc, case.krocc];
        for (correlation, expected) in Correlation::ALL.into_iter().zip(expected) {
            match (correlation.of(&case.x, &case.y), expected) {
                (Ok(actual), Some(expected)) => {
                    let difference = actual - expected;
                    assert!(difference.abs() < CORRELATION_TOLERANCE, "{correlation}");
                }
                (actual, expected) => {
                    assert_eq!((actual, expected), (Err(CorrelationError::Constant), None));
                }
            }
        }
    }
}

/// NumPy's values, in extended precision, for the original and a version that hardly differs.
#[derive(Deserialize)]
struct PerturbedCase {
    scale: f64,
    changed: usize,
    mse: f64,
    gram_distance: f64,
    lacking_cka: f64,
    lacking_cka_cfqa2025_mean: f64,
    lacking_cosine: f64,
    lacking_cosine_class: f64,
    lacking_cosine_patch_mean: f64,
    lacking_cosine_min: f64,
}

/// The original and so many times the direction of `golden/perturbed.py`.
fn perturbed(original: &Feature, scale: f64) -> Feature {
    let values = original.values().iter().enumerate().map(|(index, &value)| {
        let index = index as f64;
        let direction = (index * 0.7).sin() + (index * index * 0.01).sin();
        (f64::from(value) + scale * direction) as f32
    });
    Feature::new(original.shape(), values.collect()).expect("the values fill the shape")
}

/// However little a feature changed, the scores say how much: distances to six digits, similarities to the
/// last one of a number beside one.
#[test]
fn small_differences_keep_their_digits() {
    let original = feature("original.npy");
    let cases: Vec<PerturbedCase> =
        serde_json::from_str(include_str!("golden/perturbed.json")).expect("the file is committed");
    for case in cases {
        let distorted = perturbed(&original, case.scale);
        let values = original.values().iter().zip(distorted.values());
        assert_eq!(values.filter(|(x, y)| x != y).count(), case.changed);
        let scores = score_all(&Metric::ALL, &original, &distorted).unwrap();
        let value = |metric| scores.get(metric).unwrap().as_ref().unwrap().value();
        for (metric, expected) in [
            (Metric::Mse, case.mse),
            (Metric::GramDistance, case.gram_distance),
        ] {
            let actual = value(metric);
            let difference = (actual - expected).abs();
            assert!(
                difference < 1e-6 * expected,
                "{metric} at {}: {actual}, not {expected}",
                case.scale
            );
        }
        // Products are in single precision: six digits of what is not the last digit beside one.
        for (metric, expected, relative) in [
            (Metric::Cka, case.lacking_cka, 1e-5),
            (
                Metric::CkaCfqa2025Mean,
                case.lacking_cka_cfqa2025_mean,
                1e-5,
            ),
            (Metric::Cosine, case.lacking_cosine, 1e-12),
            (Metric::CosineClass, case.lacking_cosine_class, 1e-12),
            (
                Metric::CosinePatchMean,
                case.lacking_cosine_patch_mean,
                1e-12,
            ),
            (Metric::CosineMin, case.lacking_cosine_min, 1e-12),
        ] {
            let actual = 1.0 - value(metric);
            let difference = (actual - expected).abs();
            assert!(
                difference < f64::EPSILON + relative * expected,
                "{metric} at {}: {actual} below one, not {expected}",
                case.scale
            );
        }
    }
}
