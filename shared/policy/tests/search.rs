//! Bisection and prediction: what they find, and in how many attempts.

mod support;

use proptest::prelude::*;
use splitsim_policy::{Decision, Verdict};
use support::{Ladder, resolve, run, rungs};

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

/// Scores that rise with the rung, of which the rungs from `pass` reach 0.9.
fn monotone(rungs: usize, pass: usize) -> Ladder {
    (0..rungs)
        .map(|rung| Some(0.9 + 0.001 * (rung as f64 - pass as f64)))
        .collect()
}

#[test]
fn bisection_halves_the_rungs_in_question() {
    let gate = "bisect:cosine>=0.9";
    check(
        gate,
        &monotone(10, 3),
        &[5, 2, 4, 3],
        ship(3, Verdict::Passed),
    );
    check(
        gate,
        &monotone(10, 0),
        &[5, 2, 1, 0],
        ship(3, Verdict::Passed),
    );
    check(
        gate,
        &monotone(10, 10),
        &[5, 8, 9],
        ship(2, Verdict::BestEffort),
    );
}

#[test]
fn bisection_ships_what_passed_itself_when_attempts_or_codec_fail() {
    check(
        "bisect:cosine>=0.9,max=2",
        &monotone(10, 1),
        &[5, 2],
        ship(1, Verdict::Passed),
    );
    let mut ladder = monotone(10, 2);
    ladder[2] = None;
    check(
        "bisect:cosine>=0.9",
        &ladder,
        &[5, 2, 4, 3],
        ship(3, Verdict::Passed),
    );
    check("bisect:cosine>=0.9", &[None; 3], &[1, 2], Decision::GiveUp);
    let dropped = "bisect:cosine>=0.9,fallback=drop";
    check(dropped, &monotone(3, 3), &[1, 2], Decision::Drop);
}

#[test]
fn prediction_steps_until_it_has_learned_and_then_jumps() {
    // The loss halves at every rung; frames differ in their offset.
    let frame = |scale: f64| -> Ladder {
        (0..8)
            .map(|rung| Some(1.0 - scale * 0.5f64.powi(rung)))
            .collect()
    };
    let mut policy = resolve("predictive:cosine>=0.98", 8);
    let mut tried = |scale: f64| {
        let (attempts, end) = run(&mut policy, &frame(scale));
        let passed = matches!(end, Decision::Ship { attempt, verdict: Verdict::Passed } if attempt + 1 == attempts.len());
        assert!(passed, "{end:?}");
        rungs(&attempts)
    };
    assert_eq!(tried(0.3), [0, 1, 2, 3, 4]);
    assert_eq!(tried(0.1), [0, 3]);
    assert_eq!(tried(1.1), [0, 6]);
    assert_eq!(tried(0.01), [0]);
}

#[test]
fn a_probe_that_passes_is_undercut_or_shipped() {
    let frame = |scale: f64| -> Ladder {
        (0..8)
            .map(|rung| Some(1.0 - scale * 0.5f64.powi(rung)))
            .collect()
    };
    let mut policy = resolve("predictive:cosine>=0.98,start=4", 8);
    let mut end = |scale: f64| {
        let (attempts, end) = run(&mut policy, &frame(scale));
        (rungs(&attempts), end)
    };
    assert_eq!(end(0.6), (vec![4, 5], ship(1, Verdict::Passed)));
    // It knows one step only, and takes it for all of them.
    assert_eq!(end(0.1), (vec![4, 3], ship(1, Verdict::Passed)));
    assert_eq!(end(0.3), (vec![4], ship(0, Verdict::Passed)));
}

#[test]
fn a_jump_that_falls_short_is_followed_by_steps() {
    let mut policy = resolve("predictive:cosine>=0.98", 6);
    let steep: Ladder = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0].map(Some).to_vec();
    assert_eq!(rungs(&run(&mut policy, &steep).0), [0, 1, 2]);
    let flat: Ladder = [0.6, 0.7, 0.8, 0.9, 0.95, 0.985].map(Some).to_vec();
    let (attempts, end) = run(&mut policy, &flat);
    assert_eq!(rungs(&attempts), [0, 2, 3, 4, 5]);
    assert_eq!(end, ship(4, Verdict::Passed));
}

fn any_ladder() -> impl Strategy<Value = Ladder> {
    prop::collection::vec(prop::option::weighted(0.8, -1.0f64..1.0), 1..40)
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "threshold:cka>=0.5,start=last,margin=0.1",
        "bisect:cka>=0.5",
        "predictive:cka>=0.5",
        "predictive:mse<=0.5",
        "deadline:cka>=0.5,by=100ms",
        "budget:cka>=0.5,rate=1kB/s,burst=2kB",
    ])
}

proptest! {
    #[test]
    fn bisection_finds_the_cheapest_pass_of_a_monotone_ladder(rungs in 1usize..200, pass in 0usize..200) {
        let pass = pass % (rungs + 1);
        let (attempts, end) = run(&mut resolve("bisect:cosine>=0.9", rungs), &monotone(rungs, pass));
        let most = (rungs + 1).next_power_of_two().trailing_zeros() as usize;
        prop_assert!(attempts.len() <= most, "{} attempts for {rungs} rungs", attempts.len());
        match end {
            Decision::Ship { attempt, verdict: Verdict::Passed } => {
                prop_assert_eq!(usize::from(attempts[attempt].rung.0), pass);
            }
            Decision::Ship { verdict: Verdict::BestEffort, .. } => prop_assert_eq!(pass, rungs),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// A verdict of passed is true on any ladder, monotone or not, and in any
    /// state of the policy.
    #[test]
    fn what_is_said_to_pass_has_passed(
        kind in kind(),
        max in 1u8..12,
        fallback in prop::sample::select(vec!["best", "richest", "drop"]),
        ladders in prop::collection::vec(any_ladder(), 1..8),
    ) {
        let fallback = if kind.starts_with("budget") { String::new() } else { format!(",fallback={fallback}") };
        let text = format!("{kind},max={max}{fallback}");
        let rungs = ladders.iter().map(Vec::len).min().unwrap();
        let mut policy = resolve(&text, rungs);
        let config: splitsim_policy::PolicyConfig = text.parse().unwrap();
        let criterion = config.criterion().unwrap();
        for ladder in &ladders {
            let (attempts, end) = run(&mut policy, ladder);
            prop_assert!((1..=usize::from(max)).contains(&attempts.len()), "{} attempts", attempts.len());
            let mut tried = support::rungs(&attempts);
            tried.sort_unstable();
            tried.dedup();
            prop_assert_eq!(tried.len(), attempts.len(), "a rung was tried twice");
            if let Decision::Ship { attempt, verdict } = end {
                let passes = attempts[attempt].score().map(|score| criterion.passes(score));
                prop_assert_eq!(passes == Some(true), verdict == Verdict::Passed);
            }
        }
    }

    #[test]
    fn decisions_are_repeated_by_whoever_repeats_the_inputs(
        kind in kind(),
        ladders in prop::collection::vec(any_ladder(), 1..8),
    ) {
        let rungs = ladders.iter().map(Vec::len).min().unwrap();
        let mut live = resolve(kind, rungs);
        let mut record = Vec::new();
        for (frame, ladder) in (0..).zip(&ladders) {
            let conditions = splitsim_policy::Conditions {
                now: std::time::Duration::from_millis(70 * frame),
                ..Default::default()
            };
            let (attempts, end) = support::run_frame(&mut live, &conditions, |rung| {
                support::attempt(rung, ladder[usize::from(rung.0)])
            });
            record.push(splitsim_policy::DecidedFrame { frame, conditions, attempts, end });
        }
        let text = serde_json::to_string(&record).unwrap();
        let record: Vec<splitsim_policy::DecidedFrame> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(splitsim_policy::replay(&mut resolve(kind, rungs), &record), Ok(()));

        // And a record of something else is found out.
        let mut other = record;
        let last = other.last_mut().unwrap();
        last.end = Decision::Encode(splitsim_policy::Rung(254));
        prop_assert!(splitsim_policy::replay(&mut resolve(kind, rungs), &other).is_err());
    }
}
