//! A simulated ladder, and the edge's loop over it.

#![allow(dead_code, reason = "every test file uses its part of this")]

use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_policy::{
    Attempt, Coded, Conditions, Decision, LadderLen, Outcome, Policy, PolicyConfig, PredictedScore,
    ResolvedPolicy, Rung,
};

/// The score that the simulated metric gives at every rung; `None` where the simulated codec
/// fails.
pub(crate) type Ladder = Vec<Option<f64>>;

pub(crate) const ATTEMPT: Duration = Duration::from_millis(8);

/// An attempt of 8 ms in all, whose bytes are 100 times the rung's number from 1.
pub(crate) fn attempt(rung: Rung, score: Option<f64>) -> Attempt {
    sized(rung, score, 100 * (u64::from(rung.0) + 1))
}

pub(crate) fn sized(rung: Rung, score: Option<f64>, bytes: u64) -> Attempt {
    let coded = Coded {
        container: Bytes(bytes),
        encode_time: Duration::from_millis(5),
        decode_time: Duration::from_millis(2),
    };
    let failed = Outcome::Failed { took: ATTEMPT };
    let outcome = score.map_or(failed, |score| Outcome::Scored {
        coded,
        score: PredictedScore::new(score).expect("simulated scores are finite"),
        score_time: Duration::from_millis(1),
    });
    Attempt { rung, outcome }
}

/// Runs the edge's loop over one frame, and tells the policy of its end; panics if it does not end
/// within a ladder of 255.
pub(crate) fn run_frame(
    policy: &mut dyn Policy,
    conditions: &Conditions,
    mut encode: impl FnMut(Rung) -> Attempt,
) -> (Vec<Attempt>, Decision) {
    let mut attempts = Vec::new();
    for _ in 0..=255 {
        match policy.decide(conditions, &attempts) {
            Decision::Encode(rung) => attempts.push(encode(rung)),
            end => {
                policy.observe(conditions, &attempts, end);
                return (attempts, end);
            }
        }
    }
    panic!("the policy did not end");
}

pub(crate) fn run(policy: &mut dyn Policy, ladder: &[Option<f64>]) -> (Vec<Attempt>, Decision) {
    run_frame(policy, &Conditions::default(), |rung| {
        attempt(rung, ladder[usize::from(rung.0)])
    })
}

pub(crate) fn resolve(text: &str, rungs: usize) -> ResolvedPolicy {
    let config: PolicyConfig = text.parse().expect("the test names a policy");
    let rungs = LadderLen::new(rungs).expect("the test's ladder has rungs");
    config.resolve(rungs).expect("the ladder has the rung")
}

pub(crate) fn rungs(attempts: &[Attempt]) -> Vec<u8> {
    attempts.iter().map(|attempt| attempt.rung.0).collect()
}
