//! The threshold policy against simulated ladders: every rung has an outcome, the loop is the edge's.

use std::time::Duration;

use proptest::prelude::*;
use splitsim_feature::units::Bytes;
use splitsim_policy::{
    Attempt, Coded, Decision, LadderLen, Outcome, Policy, PolicyConfig, PredictedScore, Rung,
    Verdict,
};

/// What the simulated codec and metric do at a rung: `None` when the codec fails.
type Ladder = Vec<Option<f64>>;

fn attempt(rung: Rung, score: Option<f64>) -> Attempt {
    let coded = Coded {
        container: Bytes(100 * (u64::from(rung.0) + 1)),
        encode_time: Duration::from_millis(5),
        decode_time: Duration::from_millis(2),
    };
    let outcome = score.map_or(Outcome::Failed, |score| Outcome::Scored {
        coded,
        score: PredictedScore::new(score).expect("simulated scores are finite"),
        score_time: Duration::from_millis(1),
    });
    Attempt { rung, outcome }
}

/// Runs the edge's loop; panics if it does not end within a ladder of 255.
fn run(policy: &dyn Policy, ladder: &Ladder) -> (Vec<Attempt>, Decision) {
    let mut attempts = Vec::new();
    for _ in 0..=255 {
        match policy.decide(&attempts) {
            Decision::Encode(rung) => {
                attempts.push(attempt(rung, ladder[usize::from(rung.0)]));
            }
            end => return (attempts, end),
        }
    }
    panic!("{} did not end", policy.label());
}

fn resolve(text: &str, ladder: &Ladder) -> Box<dyn Policy> {
    let config: PolicyConfig = text.parse().expect("the test names a policy");
    let rungs = LadderLen::new(ladder.len()).expect("the test's ladder has rungs");
    config.resolve(rungs).expect("the ladder has the rung")
}

fn check(text: &str, ladder: &[Option<f64>], rungs: &[u8], expected: Decision) {
    let ladder = ladder.to_vec();
    let (attempts, end) = run(resolve(text, &ladder).as_ref(), &ladder);
    let tried: Vec<u8> = attempts.iter().map(|attempt| attempt.rung.0).collect();
    assert_eq!((tried.as_slice(), end), (rungs, expected), "{text}");
}

const fn ship(attempt: usize, verdict: Verdict) -> Decision {
    Decision::Ship { attempt, verdict }
}

#[test]
fn stops_at_the_first_pass() {
    let ladder = [Some(0.5), Some(0.8), Some(0.95), Some(0.99)];
    let passed = ship(2, Verdict::Passed);
    check("threshold:cosine>=0.9", &ladder, &[0, 1, 2], passed);
    let at_once = ship(0, Verdict::Passed);
    check("threshold:cosine>=0.9,start=3", &ladder, &[3], at_once);
}

#[test]
fn ships_the_best_of_a_ladder_that_never_passes() {
    // Richer is not better here: rung 1 scores highest.
    let ladder = [Some(0.5), Some(0.8), Some(0.7), Some(0.8)];
    let best = ship(1, Verdict::BestEffort);
    check("threshold:cosine>=0.9", &ladder, &[0, 1, 2, 3], best);
    // For an error less is better.
    let least = ship(0, Verdict::BestEffort);
    check("threshold:mse<=0.1", &ladder, &[0, 1, 2, 3], least);
    check("threshold:mse<=0.1,max=2", &ladder, &[0, 1], least);
}

#[test]
fn the_last_step_is_shortened_to_the_richest_rung() {
    let ladder = [Some(0.1); 6];
    let first = ship(0, Verdict::BestEffort);
    check("threshold:cka>=1,step=4", &ladder, &[0, 4, 5], first);
    check("threshold:cka>=1,step=255", &ladder, &[0, 5], first);
}

#[test]
fn climbs_past_failures() {
    let passed = ship(2, Verdict::Passed);
    let ladder = [None, Some(0.5), Some(0.99)];
    check("threshold:cka>=0.9", &ladder, &[0, 1, 2], passed);
    let ladder = [None, Some(0.5), None];
    let best = ship(1, Verdict::BestEffort);
    check("threshold:cka>=0.9", &ladder, &[0, 1, 2], best);
    check(
        "threshold:cka>=0.9",
        &[None; 3],
        &[0, 1, 2],
        Decision::GiveUp,
    );
}

#[test]
fn an_unscored_attempt_is_not_shipped_by_a_gate() {
    let ladder = vec![Some(0.5)];
    let policy = resolve("threshold:cka>=0.9", &ladder);
    let coded = attempt(Rung(0), Some(0.5)).coded().unwrap();
    let unscored = Attempt {
        rung: Rung(0),
        outcome: Outcome::Unscored(coded),
    };
    assert_eq!(policy.decide(&[unscored]), Decision::GiveUp);
}

prop_compose! {
    fn simulation()(
        ladder in prop::collection::vec(prop::option::weighted(0.8, -1.0f64..1.0), 1..40),
    )(
        start in 0..ladder.len(),
        step in 1u8..8,
        max in 1u8..=64,
        threshold in -1.0f64..1.0,
        side in prop::sample::select(vec![">=", "<="]),
        ladder in Just(ladder),
    ) -> (String, Ladder, usize, f64) {
        let text = format!("threshold:cka{side}{threshold},start={start},step={step},max={max}");
        // Signed so that for both sides more is better.
        let sign = if side == ">=" { 1.0 } else { -1.0 };
        (text, ladder, usize::from(max), sign)
    }
}

proptest! {
    #[test]
    fn every_climb_ends_well((text, ladder, max, sign) in simulation()) {
        let policy = resolve(&text, &ladder);
        let config: PolicyConfig = text.parse().unwrap();
        let criterion = config.criterion().unwrap();
        let (attempts, end) = run(policy.as_ref(), &ladder);

        prop_assert!((1..=max).contains(&attempts.len()));
        prop_assert!(attempts.windows(2).all(|pair| pair[0].rung < pair[1].rung));
        let score = |attempt: &Attempt| attempt.score().map(|score| sign * score.value());
        let passes = |attempt: &Attempt| attempt.score().is_some_and(|s| criterion.passes(s));
        let best = attempts.iter().filter_map(score).reduce(f64::max);
        match end {
            Decision::Ship { attempt, verdict: Verdict::Passed } => {
                prop_assert_eq!(attempts.iter().position(passes), Some(attempt));
                prop_assert_eq!(attempt, attempts.len() - 1);
            }
            Decision::Ship { attempt, verdict: Verdict::BestEffort } => {
                prop_assert!(!attempts.iter().any(passes));
                prop_assert_eq!(score(&attempts[attempt]), best);
                prop_assert!(score(&attempts[attempt]).is_some());
            }
            Decision::GiveUp => prop_assert_eq!(best, None),
            Decision::Ship { verdict: Verdict::Ungated, .. } | Decision::Encode(_) => {
                prop_assert!(false, "a gate ends with {:?}", end);
            }
        }
    }

    #[test]
    fn decisions_depend_on_the_attempts_alone((text, ladder, _, _) in simulation()) {
        let policy = resolve(&text, &ladder);
        let (attempts, end) = run(policy.as_ref(), &ladder);
        // The same instance asked again in another order, and a fresh one.
        let fresh = resolve(&text, &ladder);
        for made in (0..=attempts.len()).rev() {
            let expected = attempts.get(made).map_or(end, |next| Decision::Encode(next.rung));
            prop_assert_eq!(policy.decide(&attempts[..made]), expected);
            prop_assert_eq!(fresh.decide(&attempts[..made]), expected);
        }
    }

    #[test]
    fn the_text_form_is_read_back((text, _, _, _) in simulation()) {
        let config: PolicyConfig = text.parse().unwrap();
        prop_assert_eq!(config.to_string().parse::<PolicyConfig>().unwrap(), config);
    }

    #[test]
    fn no_text_panics(text in ".{0,60}") {
        let _ = text.parse::<PolicyConfig>();
    }
}
