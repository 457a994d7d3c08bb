//! The policies that reckon with time and bytes.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_policy::{Attempt, Conditions, Decision, LinkEstimate, Policy, Rung, Verdict};
use support::{resolve, run_frame, rungs, sized};

const RUNGS: u8 = 6;

/// Bytes double and the score rises with the rung: 1 kB at 0.90, 32 kB at 0.95.
fn doubling(rung: Rung) -> Attempt {
    sized(rung, Some(0.9 + 0.01 * f64::from(rung.0)), 1000 << rung.0)
}

fn at(now_ms: u64, age_ms: u64, link: Option<(u64, u64)>) -> Conditions {
    let link = link.map(|(kilobits, rtt_ms)| LinkEstimate {
        rate: BitRate(kilobits * 1000),
        rtt: Duration::from_millis(rtt_ms),
    });
    Conditions {
        now: Duration::from_millis(now_ms),
        age: Duration::from_millis(age_ms),
        link,
    }
}

fn tried(policy: &mut dyn Policy, conditions: &Conditions) -> (Vec<u8>, Decision) {
    let (attempts, end) = run_frame(policy, conditions, doubling);
    (rungs(&attempts), end)
}

const fn best_effort(attempt: usize) -> Decision {
    let verdict = Verdict::BestEffort;
    Decision::Ship { attempt, verdict }
}

#[test]
fn a_deadline_policy_learns_what_arrives() {
    let mut policy = resolve("deadline:cosine>=0.99,by=200ms", RUNGS.into());
    // 1 Mbit/s is 125 bytes per ms; 20 ms one way. A probe, then the richest that is presumed to fit:
    // 16 kB need 128 ms and two attempts 16, which with age and path is 50 + 16 + 20 + 128 = 214 ms.
    let link = at(0, 50, Some((1000, 40)));
    assert_eq!(tried(&mut policy, &link), (vec![0, 3], best_effort(1)));
    // Known now: 8 kB at once. With one attempt 16 kB would take 206 ms.
    assert_eq!(tried(&mut policy, &link), (vec![3], best_effort(0)));
    // A slower link, and one on which everything arrives.
    let slow = at(0, 50, Some((100, 40)));
    assert_eq!(tried(&mut policy, &slow), (vec![0], best_effort(0)));
    let fast = at(0, 50, Some((100_000, 40)));
    assert_eq!(tried(&mut policy, &fast), (vec![5], best_effort(0)));
}

#[test]
fn a_late_frame_falls_to_the_fallback() {
    let late = at(0, 500, Some((1000, 40)));
    let end = |fallback: &str| {
        let text = format!("deadline:cosine>=0.99,by=200ms,fallback={fallback}");
        tried(&mut resolve(&text, RUNGS.into()), &late)
    };
    assert_eq!(end("best"), (vec![0], best_effort(0)));
    assert_eq!(end("drop"), (vec![0], Decision::Drop));
    assert_eq!(end("richest"), (vec![0, 5], best_effort(1)));
}

#[test]
fn without_an_estimate_the_cheapest_is_shipped() {
    let mut policy = resolve("deadline:cosine>=0.9,by=200ms", RUNGS.into());
    let passed = Decision::Ship {
        attempt: 0,
        verdict: Verdict::Passed,
    };
    assert_eq!(tried(&mut policy, &at(0, 50, None)), (vec![0], passed));
}

#[test]
fn a_bucket_is_emptied_and_fills_again() {
    let mut policy = resolve("budget:cosine>=0.92,rate=1kB/s,burst=5kB", RUNGS.into());
    let passed = Decision::Ship {
        attempt: 2,
        verdict: Verdict::Passed,
    };
    // 5 kB: the third rung's 4 kB pass.
    assert_eq!(tried(&mut policy, &at(0, 0, None)), (vec![0, 1, 2], passed));
    // 1 kB left: the second rung is too large.
    assert_eq!(
        tried(&mut policy, &at(0, 0, None)),
        (vec![0, 1], best_effort(0))
    );
    assert_eq!(
        tried(&mut policy, &at(0, 0, None)),
        (vec![0], Decision::Drop)
    );
    assert_eq!(
        tried(&mut policy, &at(1999, 0, None)),
        (vec![0, 1], best_effort(0))
    );
    // However long it waits, no more than the burst.
    assert_eq!(
        tried(&mut policy, &at(900_000, 0, None)),
        (vec![0, 1, 2], passed)
    );
    assert_eq!(
        tried(&mut policy, &at(900_000, 0, None)),
        (vec![0, 1], best_effort(0))
    );
}

#[test]
fn a_first_rung_too_large_is_followed_by_cheaper_ones() {
    let mut policy = resolve(
        "budget:cosine>=0.99,rate=1kB/s,burst=3kB,start=3",
        RUNGS.into(),
    );
    assert_eq!(
        tried(&mut policy, &at(0, 0, None)),
        (vec![3, 2, 1], best_effort(2))
    );
    let gives_up = run_frame(&mut policy, &at(9000, 0, None), |rung| sized(rung, None, 0));
    assert_eq!(gives_up.1, Decision::GiveUp);
}

proptest! {
    /// Between any two shipments, both included, no more than the span's share and one burst.
    #[test]
    fn a_budget_is_exceeded_over_no_window(
        frames in prop::collection::vec((0u64..3000, prop::collection::vec((0.0f64..1.0, 1u64..6000), 6)), 1..60),
        rate in 1u64..3000,
        burst in 1u64..9000,
        start in 0u8..RUNGS,
    ) {
        let text = format!("budget:cka>=0.8,rate={rate}B/s,burst={burst}B,start={start}");
        let mut policy = resolve(&text, RUNGS.into());
        let mut now = 0;
        let mut shipped = Vec::new();
        for (gap_ms, ladder) in frames {
            now += gap_ms;
            let (attempts, end) = run_frame(&mut policy, &at(now, 0, None), |rung| {
                let (score, bytes) = ladder[usize::from(rung.0)];
                sized(rung, Some(score), bytes)
            });
            if let Decision::Ship { attempt, .. } = end {
                let Bytes(bytes) = attempts[attempt].coded().unwrap().container;
                shipped.push((now, bytes));
            }
        }
        for (first, &(from, _)) in shipped.iter().enumerate() {
            let mut sum = 0;
            for &(to, bytes) in &shipped[first..] {
                sum += bytes;
                let allowed = burst as f64 + rate as f64 * (to - from) as f64 / 1000.0;
                prop_assert!(sum as f64 <= allowed + 1e-6, "{sum} bytes of {allowed}");
            }
        }
    }

    /// If the attempts say so, what is shipped without a fallback arrives in time.
    #[test]
    fn what_a_deadline_policy_ships_arrives(
        frames in prop::collection::vec(prop::collection::vec((0.0f64..1.0, 1u64..60_000), 6), 1..20),
        by_ms in 20u64..500,
        age_ms in 0u64..100,
        kilobits in 100u64..10_000,
    ) {
        let mut policy = resolve(&format!("deadline:cka>=0.8,by={by_ms}ms,fallback=drop"), RUNGS.into());
        let conditions = at(0, age_ms, Some((kilobits, 40)));
        for ladder in frames {
            let (attempts, end) = run_frame(&mut policy, &conditions, |rung| {
                let (score, bytes) = ladder[usize::from(rung.0)];
                sized(rung, Some(score), bytes)
            });
            if let Decision::Ship { attempt, .. } = end {
                let bytes = attempts[attempt].coded().unwrap().container;
                let link = conditions.link.unwrap();
                let arrival = conditions.age + support::ATTEMPT * attempts.len() as u32 + link.arrival(bytes);
                prop_assert!(arrival <= Duration::from_millis(by_ms));
            }
        }
    }
}
