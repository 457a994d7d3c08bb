//! The guarantee holds where the truth is known: populations whose risk at every threshold is a formula,
//! or measured on many more features than any calibration has.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use splitsim_cfqa::Direction;
use splitsim_lab::{Gate, Guarantee, Ladder, LadderPoint, Ladders, certify, empirical, validity};

const SPLITS: u64 = 400;

fn guarantee(seed: u64) -> Guarantee {
    Guarantee {
        tau: 1.0,
        alpha: 0.1,
        delta: 0.1,
        tuning: 0.25,
        seed,
    }
}

/// One level; a score uniform on 0..1, and the limit exceeded with probability (1 − score)². Of what a
/// threshold t accepts, (1 − t)²/3 exceeds it.
fn single(features: usize, random: &mut ChaCha8Rng) -> Ladders {
    let ladder = |index: usize| {
        let score = random.random_range(0.0..1.0);
        let exceeds = random.random_range(0.0..1.0) < (1.0 - score) * (1.0 - score);
        let distortion = if exceeds { 2.0 } else { 0.0 };
        Ladder {
            feature: index.to_string(),
            points: vec![LadderPoint {
                score: Some(score),
                distortion,
            }],
        }
    };
    Ladders::new(
        Direction::HigherIsBetter,
        (0..features).map(ladder).collect(),
    )
}

/// Ten levels whose scores and distortions depend on each other through the feature; lower is better.
fn climbing(features: usize, random: &mut ChaCha8Rng) -> Ladders {
    let ladder = |index: usize| {
        let hardness: f64 = random.random_range(0.5..2.0);
        let point = |level: i32| {
            let error = hardness * 0.7f64.powi(level);
            let noise = random.random_range(-0.4..0.8);
            LadderPoint {
                score: Some(error * random.random_range(0.8..1.25)),
                distortion: 4.0 * error + noise,
            }
        };
        Ladder {
            feature: index.to_string(),
            points: (0..10).map(point).collect(),
        }
    };
    Ladders::new(
        Direction::LowerIsBetter,
        (0..features).map(ladder).collect(),
    )
}

/// The share of calibrations whose threshold has a true risk above α, and of those that certify.
fn shares(draw: fn(usize, &mut ChaCha8Rng) -> Ladders, risk: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(71);
    let (mut broken, mut certified) = (0, 0);
    for seed in 0..SPLITS {
        let guarantee = guarantee(seed);
        let certificate = certify(&draw(400, &mut random), &guarantee).unwrap();
        if let Some(threshold) = certificate.threshold {
            certified += 1;
            broken += u32::from(risk(threshold) > guarantee.alpha);
        }
    }
    let share = |count: u32| f64::from(count) / SPLITS as f64;
    (share(broken), share(certified))
}

/// Three standard errors of a share of δ among the splits.
fn sampling_error() -> f64 {
    3.0 * (0.1f64 * 0.9 / SPLITS as f64).sqrt()
}

#[test]
fn the_guarantee_holds_where_the_risk_is_known() {
    let (broken, certified) = shares(single, |threshold| (1.0 - threshold).powi(2) / 3.0);
    assert!(broken <= 0.1 + sampling_error(), "{broken}");
    // It is no empty promise: there is something to certify, and it is found.
    assert!(certified > 0.5, "{certified}");
}

#[test]
fn the_guarantee_holds_for_a_climbing_gate() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let population = climbing(40_000, &mut random);
    let risk = |threshold| {
        let gate = Gate {
            direction: Direction::LowerIsBetter,
            threshold,
        };
        gate.outcome(&population, 1.0).risk().unwrap()
    };
    let (broken, certified) = shares(climbing, risk);
    assert!(broken <= 0.1 + sampling_error(), "{broken}");
    assert!(certified > 0.9, "{certified}");
}

/// Shows the need for a guarantee: the threshold that just keeps α on the calibration features
/// breaks it on other features about every second time.
#[test]
fn a_threshold_without_guarantee_breaks_often() {
    let mut random = ChaCha8Rng::seed_from_u64(71);
    let broken = (0..SPLITS).filter(|_| {
        let threshold = empirical(&climbing(300, &mut random), 1.0, 0.1).unwrap();
        let population = climbing(3000, &mut random);
        let gate = Gate {
            direction: Direction::LowerIsBetter,
            threshold,
        };
        gate.outcome(&population, 1.0).risk().unwrap() > 0.1
    });
    assert!(broken.count() as f64 / SPLITS as f64 > 0.25);
}

#[test]
fn random_divisions_of_one_set_keep_the_guarantee() {
    let set = climbing(600, &mut ChaCha8Rng::seed_from_u64(3));
    let validity = validity(&set, &guarantee(9), 0.5, 200).unwrap();
    assert_eq!(validity.splits, 200);
    assert!(validity.certified > 150, "{validity:?}");
    // Held-out risks scatter around the true one by about 0.017 with 300 features.
    assert!(
        validity.broken_share() <= 0.1 + 0.064 + 0.05,
        "{validity:?}"
    );
    assert!(validity.refuted <= 10, "{validity:?}");
}

#[test]
fn too_few_features_certify_nothing() {
    // (1 − α)ⁿ ≤ δ needs 22 accepted features.
    let few = climbing(28, &mut ChaCha8Rng::seed_from_u64(3));
    let certificate = certify(&few, &guarantee(1)).unwrap();
    assert_eq!((certificate.threshold, certificate.needed), (None, 22));
    assert_eq!(certificate.testing_features, 21);
}

#[test]
fn shares_that_are_none_are_refused() {
    let few = climbing(3, &mut ChaCha8Rng::seed_from_u64(3));
    let wrong = Guarantee {
        alpha: 0.0,
        ..guarantee(1)
    };
    let error = certify(&few, &wrong).unwrap_err().to_string();
    assert_eq!(error, "alpha 0, expected a share between 0 and 1");
}
