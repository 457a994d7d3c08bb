//! The threshold policy against simulated ladders: every rung has an outcome, the loop is the edge's.

mod support;

use proptest::prelude::*;
use splitsim_policy::{
    Attempt, Conditions, Decision, Outcome, Policy, PolicyConfig, Rung, Verdict,
};
use support::{Ladder, attempt, resolve, run, rungs};

fn check(text: &str, ladder: &[Option<f64>], tried: &[u8], expected: Decision) {
    let (attempts, end) = run(&mut resolve(text, ladder.len()), ladder);
    assert_eq!(
        (rungs(&attempts).as_slice(), end),
        (tried, expected),
        "{text}"
    );
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
    let policy = resolve("threshold:cka>=0.9", 1);
    let coded = attempt(Rung(0), Some(0.5)).coded().unwrap();
    let unscored = Attempt {
        rung: Rung(0),
        outcome: Outcome::Unscored(coded),
    };
    let end = policy.decide(&Conditions::default(), &[unscored]);
    assert_eq!(end, Decision::GiveUp);
}

#[test]
fn a_frame_begins_where_the_last_one_ended() {
    let mut policy = resolve("threshold:cosine>=0.9,start=last,margin=0.05", 5);
    let mut tried = |scores: [f64; 5]| {
        let (attempts, end) = run(&mut policy, &scores.map(Some));
        assert!(matches!(
            end,
            Decision::Ship {
                verdict: Verdict::Passed,
                ..
            }
        ));
        rungs(&attempts)
    };
    let ladder = [0.5, 0.8, 0.92, 0.96, 0.99];
    assert_eq!(tried(ladder), [0, 1, 2]);
    // 0.92 passes, but not by the margin: the next frame begins at the same rung.
    assert_eq!(tried(ladder), [2]);
    assert_eq!(tried(ladder), [2]);
    let easier = [0.8, 0.91, 0.96, 0.97, 0.99];
    assert_eq!(tried(easier), [2]);
    // 0.96 passed by the margin: one step lower.
    assert_eq!(tried(easier), [1]);
    assert_eq!(tried(ladder), [1, 2]);
}

#[test]
fn the_fallback_decides_over_a_frame_that_never_passes() {
    let ladder = [Some(0.5), Some(0.8), Some(0.7), Some(0.6)];
    let gate = |settings: &str| format!("threshold:cosine>=0.9,{settings}");
    let richest = ship(3, Verdict::BestEffort);
    check(&gate("fallback=richest"), &ladder, &[0, 1, 2, 3], richest);
    // The last of three attempts is kept for it.
    let last = ship(2, Verdict::BestEffort);
    check(&gate("max=3,fallback=richest"), &ladder, &[0, 1, 3], last);
    check(
        &gate("max=2,fallback=drop"),
        &ladder,
        &[0, 1],
        Decision::Drop,
    );
    // The richest rung failed: the best of the others.
    let failing = [Some(0.5), Some(0.8), None];
    let best = ship(1, Verdict::BestEffort);
    check(&gate("fallback=richest"), &failing, &[0, 1, 2], best);
    check(
        &gate("fallback=drop"),
        &[None; 2],
        &[0, 1],
        Decision::GiveUp,
    );
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
        let mut policy = resolve(&text, ladder.len());
        let config: PolicyConfig = text.parse().unwrap();
        let criterion = config.criterion().unwrap();
        let (attempts, end) = run(&mut policy, &ladder);

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
            Decision::Ship { verdict: Verdict::Ungated, .. }
            | Decision::Encode(_)
            | Decision::Drop => {
                prop_assert!(false, "a gate ends with {:?}", end);
            }
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
