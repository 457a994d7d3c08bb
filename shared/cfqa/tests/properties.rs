//! What the metrics must do for any feature, and the same formulas written down a second time.

use ndarray::{Array2, Axis};
use proptest::prelude::*;
use splitsim_cfqa::{CfqaError, Metric, Operand, Reference, score, score_all};
use splitsim_feature::{Feature, FeatureShape};

fn feature(dims: [usize; 4], values: Vec<f32>) -> Feature {
    let shape = FeatureShape::try_from(dims).expect("the test's shape is valid");
    Feature::new(shape, values).expect("the test's values fill the shape")
}

/// The feature with every map replaced.
fn map_by_map(original: &Feature, of: impl Fn(Array2<f32>) -> Array2<f32>) -> Feature {
    let maps = original.maps().map(|map| of(map.to_owned()));
    let values = maps.flat_map(IntoIterator::into_iter).collect();
    feature(original.shape().dims(), values)
}

fn value(metric: Metric, original: &Feature, distorted: &Feature) -> f64 {
    score(metric, original, distorted)
        .expect("random maps are not constant")
        .value()
}

/// Sizes on both sides of every choice between tokens and channels.
fn dims() -> impl Strategy<Value = [usize; 4]> {
    let extent = prop::sample::select(vec![
        [6usize, 40],
        [12, 24],
        [15, 11],
        [40, 6],
        [100, 3],
        [120, 90],
    ]);
    (1usize..3, 1usize..4, extent)
        .prop_map(|(views, layers, [tokens, dim])| [views, layers, tokens, dim])
}

/// An original, and a version of it with noise and a drift per channel.
fn pairs() -> impl Strategy<Value = (Feature, Feature)> {
    (dims(), 0.0f32..3.0, any::<u64>()).prop_map(|(dims, noise, seed)| {
        let points: usize = dims.iter().product();
        let mut state = seed | 1;
        let mut random = move || {
            // Marsaglia's xorshift64, to keep the strategy small: proptest shrinks the seed.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let original: Vec<f32> = (0..points)
            .map(|i| random() + (i % dims[3]) as f32)
            .collect();
        let distorted = original.iter().map(|x| x + noise * random()).collect();
        (feature(dims, original), feature(dims, distorted))
    })
}

/// The formulas as they stand, with ndarray in double precision.
mod by_definition {
    use super::*;

    fn centred(map: &Array2<f32>) -> Array2<f64> {
        let map = map.mapv(f64::from);
        let means = map.mean_axis(Axis(0)).expect("there are tokens");
        map - means
    }

    fn squared_norm(product: &Array2<f64>) -> f64 {
        product.mapv(|entry| entry * entry).sum()
    }

    fn cka(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let (x, y) = (centred(x), centred(y));
        let norms = squared_norm(&x.t().dot(&x)) * squared_norm(&y.t().dot(&y));
        squared_norm(&y.t().dot(&x)) / norms.sqrt()
    }

    fn cka_cfqa(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let (x, y) = (centred(x), centred(y));
        let norms = squared_norm(&x.dot(&x.t())) * squared_norm(&y.dot(&y.t()));
        squared_norm(&x.dot(&y.t())) / (norms.sqrt() + 1e-8)
    }

    fn cosine(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let (x, y) = (x.mapv(f64::from), y.mapv(f64::from));
        let norms = |map: &Array2<f64>| map.map_axis(Axis(1), |token| token.dot(&token).sqrt());
        let dots = (&x * &y).sum_axis(Axis(1));
        let cosines = dots / ((norms(&x) + 1e-8) * (norms(&y) + 1e-8));
        cosines.mean().expect("there are tokens")
    }

    fn mse(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let difference = x.mapv(f64::from) - y.mapv(f64::from);
        difference.mapv(|d| d * d).mean().expect("there are tokens")
    }

    pub(super) fn value(metric: Metric, original: &Feature, distorted: &Feature) -> f64 {
        let of: fn(&Array2<f32>, &Array2<f32>) -> f64 = match metric {
            Metric::Mse => mse,
            Metric::Cosine => cosine,
            Metric::Cka => cka,
            Metric::CkaCfqa2025 | Metric::CkaCfqa2025Mean => cka_cfqa,
        };
        let values: Vec<f64> = original
            .maps()
            .zip(distorted.maps())
            .map(|(x, y)| of(&x.to_owned(), &y.to_owned()))
            .collect();
        let maps = values.len() as f64;
        match metric {
            Metric::CkaCfqa2025 => values[values.len() - 1] / maps,
            Metric::Mse | Metric::Cosine | Metric::Cka | Metric::CkaCfqa2025Mean => {
                values.iter().sum::<f64>() / maps
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_metric_is_its_definition((original, distorted) in pairs()) {
        for metric in Metric::ALL {
            let expected = by_definition::value(metric, &original, &distorted);
            let actual = value(metric, &original, &distorted);
            prop_assert!((actual - expected).abs() < 1e-6, "{metric}: {actual}, not {expected}");
            let range = metric.range();
            prop_assert!(actual > range.start() - 1e-6 && actual < range.end() + 1e-6);
        }
    }

    #[test]
    fn a_feature_is_perfectly_like_itself((original, _) in pairs()) {
        let maps = original.shape().maps() as f64;
        for metric in Metric::ALL {
            let perfect = match metric {
                Metric::Mse => 0.0,
                Metric::Cosine | Metric::Cka | Metric::CkaCfqa2025Mean => 1.0,
                Metric::CkaCfqa2025 => 1.0 / maps,
            };
            let own = value(metric, &original, &original);
            prop_assert!((own - perfect).abs() < 1e-6, "{metric}: {own}, not {perfect}");
        }
    }

    #[test]
    fn cosine_and_cka_ignore_scale((original, distorted) in pairs(), scale in 0.05f32..20.0) {
        let scaled = map_by_map(&distorted, |map| map * scale);
        for metric in [Metric::Cosine, Metric::Cka] {
            let difference = value(metric, &original, &scaled) - value(metric, &original, &distorted);
            prop_assert!(difference.abs() < 1e-6, "{metric}: {difference}");
        }
    }

    #[test]
    fn cka_ignores_reflections_of_the_channels((original, distorted) in pairs(), axis in 0.1f32..9.0) {
        // Householder: y ↦ y − 2(y·v)v for a unit v that mixes all channels.
        let v = Array2::from_shape_fn((original.shape().dim(), 1), |(i, _)| (axis * i as f32).sin() + 0.1);
        let v = &v / v.mapv(|x| x * x).sum().sqrt();
        let reflected = map_by_map(&distorted, |map| &map - 2.0 * map.dot(&v).dot(&v.t()));
        let difference =
            value(Metric::Cka, &original, &reflected) - value(Metric::Cka, &original, &distorted);
        prop_assert!(difference.abs() < 1e-6, "{difference}");
    }

    #[test]
    fn the_published_cka_ignores_the_order_of_tokens((original, distorted) in pairs()) {
        let reverse = |map: Array2<f32>| {
            let mut map = map;
            map.invert_axis(Axis(0));
            map.as_standard_layout().into_owned()
        };
        let reversed = map_by_map(&distorted, reverse);
        for metric in [Metric::CkaCfqa2025, Metric::CkaCfqa2025Mean] {
            let difference = value(metric, &original, &reversed) - value(metric, &original, &distorted);
            prop_assert!(difference.abs() < 1e-6, "{metric}: {difference}");
        }
        // Standard CKA tells a feature from its reversal.
        prop_assert!(value(Metric::Cka, &original, &map_by_map(&original, reverse)) < 0.99);
    }

    #[test]
    fn together_or_alone_the_scores_are_the_same((original, distorted) in pairs()) {
        let together = score_all(&Metric::ALL, &original, &distorted).unwrap();
        let reference = Reference::new(original.clone());
        for (metric, score) in together.iter() {
            prop_assert_eq!(&reference.score(metric, &distorted), score);
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let value = |salt: usize| move |i: usize| ((i * salt) % 1009) as f32 / 500.0 - 1.0;
    let points = 2 * 300 * 130;
    let original = feature([1, 2, 300, 130], (0..points).map(value(7919)).collect());
    let distorted = feature([1, 2, 300, 130], (0..points).map(value(6007)).collect());
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let all = || score_all(&Metric::ALL, &original, &distorted);
        pool.unwrap().install(all).unwrap()
    };
    assert_eq!(with_threads(1), with_threads(5));
}

#[test]
fn shapes_must_match() {
    let original = feature([1, 1, 2, 3], vec![0.5; 6]);
    let distorted = feature([1, 1, 3, 2], vec![0.5; 6]);
    let mismatch = CfqaError::ShapeMismatch {
        original: original.shape(),
        distorted: distorted.shape(),
    };
    for metric in Metric::ALL {
        assert_eq!(score(metric, &original, &distorted), Err(mismatch.clone()));
    }
}

#[test]
fn cka_of_alike_tokens_is_undefined() {
    let varied = feature([1, 2, 2, 2], vec![1.0, 2.0, 3.0, 5.0, 1.0, 0.0, 0.0, 1.0]);
    let constant = feature([1, 2, 2, 2], vec![1.0, 2.0, 3.0, 5.0, 0.1, -7.0, 0.1, -7.0]);
    let ckas = [Metric::Cka, Metric::CkaCfqa2025, Metric::CkaCfqa2025Mean];
    for metric in ckas {
        let undefined = |operand| {
            let map = 1;
            Err(CfqaError::Undefined {
                metric,
                operand,
                map,
            })
        };
        let distorted = score(metric, &varied, &constant);
        assert_eq!(distorted, undefined(Operand::Distorted));
        let original = score(metric, &constant, &varied);
        assert_eq!(original, undefined(Operand::Original));
        let scores = score_all(&[metric, Metric::Mse], &varied, &constant).unwrap();
        assert_eq!(scores.get(metric), Some(&distorted));
        assert!(scores.get(Metric::Mse).is_some_and(Result::is_ok));
    }
}

#[test]
fn magnitude_is_no_obstacle() {
    let scaled = |scale: f32| {
        let values = [1.0, 2.0, 3.0, 5.0, -4.0, 0.5].map(|value| value * scale);
        feature([1, 1, 3, 2], values.to_vec())
    };
    let plain = value(Metric::Cka, &scaled(1.0), &scaled(1.0));
    for scale in [1e-30, 1e30] {
        for metric in [Metric::Cka, Metric::Mse] {
            assert!(value(metric, &scaled(1.0), &scaled(scale)).is_finite());
        }
        let own = value(Metric::Cka, &scaled(scale), &scaled(1.0));
        assert!((own - plain).abs() < 1e-6, "{own}");
    }
}
