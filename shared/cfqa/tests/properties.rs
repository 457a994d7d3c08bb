//! Properties of the metrics for any feature, and a second implementation of their formulas.

use ndarray::{Array2, Axis};
use proptest::prelude::*;
use splitsim_cfqa::{Cause, CfqaError, Metric, Operand, Reference, TokenLayout, score, score_all};
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

    fn patch_mean(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let mean = |map: &Array2<f32>| {
            let (_, patches) = map.view().split_at(Axis(0), 1);
            let mean = patches.mapv(f64::from).mean_axis(Axis(0));
            mean.expect("there are patches")
        };
        let (x, y) = (mean(x), mean(y));
        x.dot(&y) / (x.dot(&x) * y.dot(&y)).sqrt()
    }

    fn gram_distance(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let gram = |map: &Array2<f32>| {
            let map = map.mapv(f64::from);
            let norms = map.map_axis(Axis(1), |token| token.dot(&token).sqrt());
            let unit = map / norms.insert_axis(Axis(1));
            unit.dot(&unit.t())
        };
        let tokens = x.nrows();
        let off_diagonal = (tokens * (tokens - 1)) as f64;
        let squares = (gram(x) - gram(y)).mapv(|entry| entry * entry);
        ((squares.sum() - squares.diag().sum()) / off_diagonal).sqrt()
    }

    fn token_cosines(x: &Array2<f32>, y: &Array2<f32>) -> Vec<f64> {
        let of = |(x, y): (ndarray::ArrayView1<'_, f32>, ndarray::ArrayView1<'_, f32>)| {
            let (x, y) = (x.mapv(f64::from), y.mapv(f64::from));
            x.dot(&y) / (x.dot(&x).sqrt() * y.dot(&y).sqrt())
        };
        x.rows().into_iter().zip(y.rows()).map(of).collect()
    }

    /// The metrics that are no means over maps.
    fn overall(metric: Metric, original: &Feature, distorted: &Feature) -> Option<f64> {
        let mut cosines: Vec<f64> = original
            .maps()
            .zip(distorted.maps())
            .flat_map(|(x, y)| token_cosines(&x.to_owned(), &y.to_owned()))
            .collect();
        cosines.sort_by(f64::total_cmp);
        match metric {
            Metric::CosineMin => cosines.first().copied(),
            Metric::CosineP05 => {
                let place = 0.05 * (cosines.len() - 1) as f64;
                let (low, share) = (place.floor() as usize, place.fract());
                let high = (low + 1).min(cosines.len() - 1);
                Some((1.0 - share) * cosines[low] + share * cosines[high])
            }
            Metric::Snr => {
                let (x, y) = (
                    original.view().mapv(f64::from),
                    distorted.view().mapv(f64::from),
                );
                let noise = (&x - &y).mapv(|d| d * d).sum();
                Some(10.0 * (x.mapv(|x| x * x).sum() / noise).log10())
            }
            Metric::Mse
            | Metric::Cosine
            | Metric::Cka
            | Metric::CkaCfqa2025
            | Metric::CkaCfqa2025Mean
            | Metric::CosineClass
            | Metric::CosinePatchMean
            | Metric::GramDistance => None,
        }
    }

    pub(super) fn value(metric: Metric, original: &Feature, distorted: &Feature) -> f64 {
        let of: fn(&Array2<f32>, &Array2<f32>) -> f64 = match metric {
            Metric::Mse => mse,
            Metric::Cosine => cosine,
            Metric::Cka => cka,
            Metric::CkaCfqa2025 | Metric::CkaCfqa2025Mean => cka_cfqa,
            Metric::CosineClass => |x, y| token_cosines(x, y)[0],
            Metric::CosinePatchMean => patch_mean,
            Metric::GramDistance => gram_distance,
            Metric::CosineMin | Metric::CosineP05 | Metric::Snr => {
                return overall(metric, original, distorted).expect("they are handled there");
            }
        };
        let values: Vec<f64> = original
            .maps()
            .zip(distorted.maps())
            .map(|(x, y)| of(&x.to_owned(), &y.to_owned()))
            .collect();
        let maps = values.len() as f64;
        match metric {
            Metric::CkaCfqa2025 => values[values.len() - 1] / maps,
            _ => values.iter().sum::<f64>() / maps,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_metric_is_its_definition((original, distorted) in pairs()) {
        for metric in Metric::ALL {
            let equal = score(Metric::Mse, &original, &distorted).unwrap().value() == 0.0;
            if metric == Metric::Snr && equal {
                continue;
            }
            let expected = by_definition::value(metric, &original, &distorted);
            let actual = value(metric, &original, &distorted);
            let tolerance = 1e-6 * expected.abs().max(1.0);
            prop_assert!((actual - expected).abs() < tolerance, "{metric}: {actual}, not {expected}");
            let range = metric.range();
            prop_assert!(actual > range.start() - 1e-6 && actual < range.end() + 1e-6);
        }
    }

    #[test]
    fn a_feature_is_perfectly_like_itself((original, _) in pairs()) {
        let maps = original.shape().maps() as f64;
        for metric in Metric::ALL {
            let perfect = match metric {
                Metric::Mse | Metric::GramDistance => 0.0,
                Metric::Cosine
                | Metric::Cka
                | Metric::CkaCfqa2025Mean
                | Metric::CosineClass
                | Metric::CosinePatchMean
                | Metric::CosineMin
                | Metric::CosineP05 => 1.0,
                Metric::CkaCfqa2025 => 1.0 / maps,
                Metric::Snr => {
                    let cause = Cause::NoNoise;
                    let undefined = Err(CfqaError::Undefined { metric, cause });
                    prop_assert_eq!(score(metric, &original, &original), undefined);
                    continue;
                }
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
            let cause = Cause::Constant { operand, map };
            Err(CfqaError::Undefined { metric, cause })
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
fn zeros_have_no_direction() {
    let varied = feature([1, 1, 3, 2], vec![1.0, 2.0, 3.0, 5.0, 1.0, 7.0]);
    let zeros = feature([1, 1, 3, 2], vec![0.0; 6]);
    let undefined = |metric, cause| Err(CfqaError::Undefined { metric, cause });
    for metric in [
        Metric::CosineClass,
        Metric::CosineMin,
        Metric::CosineP05,
        Metric::GramDistance,
    ] {
        let zero_token = |operand| Cause::ZeroToken {
            operand,
            map: 0,
            token: 0,
        };
        let distorted = undefined(metric, zero_token(Operand::Distorted));
        assert_eq!(score(metric, &varied, &zeros), distorted);
        let original = undefined(metric, zero_token(Operand::Original));
        assert_eq!(score(metric, &zeros, &varied), original);
    }
    let metric = Metric::CosinePatchMean;
    let operand = Operand::Distorted;
    let cause = Cause::ZeroPatchMean { operand, map: 0 };
    assert_eq!(score(metric, &varied, &zeros), undefined(metric, cause));
    let no_signal = undefined(Metric::Snr, Cause::NoSignal);
    assert_eq!(score(Metric::Snr, &zeros, &varied), no_signal);
}

#[test]
fn registers_are_no_patches() {
    let original = feature([1, 1, 4, 2], vec![1.0, 0.0, 0.0, 9.0, 2.0, 0.0, 4.0, 0.0]);
    let distorted = feature([1, 1, 4, 2], vec![1.0, 0.0, 9.0, 0.0, 0.0, 3.0, 0.0, 5.0]);
    let metric = Metric::CosinePatchMean;
    let with = |registers| {
        let reference = Reference::with_layout(original.clone(), TokenLayout { registers });
        reference.score(metric, &distorted)
    };
    // One register: patches (2, 0) and (4, 0) against (0, 3) and (0, 5).
    assert_eq!(with(1).unwrap().value(), 0.0);
    // None: sums (6, 9) and (9, 8).
    let expected = 126.0 / (117.0f64 * 145.0).sqrt();
    assert!((with(0).unwrap().value() - expected).abs() < 1e-12);
    let cause = Cause::NoPatchTokens {
        tokens: 4,
        registers: 3,
    };
    assert_eq!(with(3), Err(CfqaError::Undefined { metric, cause }));
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
