//! Runs under random faults from a seed: no frame may be lost, doubled or mislabelled.
//!
//! A few runs belong to the tests; `cargo xtask campaign --runs 1000 --seed S` plays many. A run that fails
//! prints the command that plays it alone.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod judge;
mod plan;
mod play;

use std::panic::{AssertUnwindSafe, catch_unwind};

use judge::Expected;
use plan::Plan;
use splitsim_tests::Lab;

/// The number of runs, and the seed of the first one; each further run has the next seed.
const RUNS: &str = "SPLITSIM_CAMPAIGN_RUNS";
const SEED: &str = "SPLITSIM_CAMPAIGN_SEED";

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is '{text}', expected a number")),
        Err(_) => default,
    }
}

#[test]
fn no_frame_is_lost_doubled_or_mislabelled_under_any_faults() {
    let (runs, first) = (number(RUNS, 3), number(SEED, 1));
    let expected = Expected::of(&Lab::new());
    let mut failed = Vec::new();
    for seed in (0..runs).map(|run| first.wrapping_add(run)) {
        let plan = Plan::of(seed);
        println!("seed {seed}: {plan:?}");
        let lab = Lab::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let removed = play::play(&lab, &plan, seed);
            expected.judge(&lab, plan.frames, &removed);
        }));
        if outcome.is_err() {
            println!("replay with: cargo xtask campaign --runs 1 --seed {seed}");
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "of {runs} runs, these seeds failed: {failed:?}"
    );
}
