use serde::{Deserialize, Serialize};

use crate::{Attempt, Conditions, Decision, Policy};

/// The inputs that a policy was given for one frame, and its final decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecidedFrame {
    /// The frame's number.
    pub frame: u64,
    /// The conditions before the first attempt.
    pub conditions: Conditions,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// The decision that ended it.
    pub end: Decision,
}

/// The first decision in which a replay differs from the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "frame {frame} after {attempts} attempts: the record has {recorded:?}, the replay {replayed:?}"
)]
pub struct Divergence {
    /// The frame.
    pub frame: u64,
    /// Attempts made until then.
    pub attempts: usize,
    /// The decision in the record.
    pub recorded: Decision,
    /// The decision of the replay.
    pub replayed: Decision,
}

/// Puts recorded inputs to a policy that has seen no frame yet, and compares its decisions with the
/// recorded ones.
///
/// # Errors
/// At the first decision that differs.
pub fn replay(policy: &mut dyn Policy, frames: &[DecidedFrame]) -> Result<(), Divergence> {
    for decided in frames {
        let DecidedFrame {
            frame,
            conditions,
            attempts,
            end,
        } = decided;
        for made in 0..=attempts.len() {
            let recorded = attempts
                .get(made)
                .map_or(*end, |next| Decision::Encode(next.rung));
            let replayed = policy.decide(conditions, &attempts[..made]);
            if replayed != recorded {
                return Err(Divergence {
                    frame: *frame,
                    attempts: made,
                    recorded,
                    replayed,
                });
            }
        }
        policy.observe(conditions, attempts, *end);
    }
    Ok(())
}
