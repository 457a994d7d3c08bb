//! Metrics and correlations against reference implementations; provenance in `golden/README.md`.

use std::path::Path;

use serde::Deserialize;
use splitsim_cfqa::{Correlation, CorrelationError, Metric, Reference, score_all};
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

impl FeatureCase {
    const fn expected(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Mse => self.mse,
            Metric::Cosine => self.cosine,
            Metric::Cka => self.cka,
            Metric::CkaCfqa2025 => self.cka_cfqa_published,
            Metric::CkaCfqa2025Mean => self.cka_cfqa_mean,
        }
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
    for case in golden().features {
        let distorted = feature(&case.file);
        let together = score_all(&Metric::ALL, &original, &distorted).unwrap();
        for metric in Metric::ALL {
            let score = reference.score(metric, &distorted).unwrap();
            assert_eq!(together.get(metric), Some(&Ok(score)));
            let difference = score.value() - case.expected(metric);
            let scale = case.expected(metric).max(1.0);
            assert!(
                difference.abs() < METRIC_TOLERANCE * scale,
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
