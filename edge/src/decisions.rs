//! The log of decisions: the policy's inputs for every frame and its decision, one line of JSON each.
//!
//! The same inputs give the same policy the same decisions, see [`splitsim_policy::replay`]. A continued
//! run reads its own log to restore the state of its policy.

use std::path::Path;

use splitsim_durable::Journal;
use splitsim_policy::{DecidedFrame, Decision};

use crate::outbox::{OutboxError, REMEDY};

/// The log of one edge's run, being written.
#[derive(Debug)]
pub(crate) struct DecisionLog {
    lines: Journal<DecidedFrame>,
}

impl DecisionLog {
    /// Opens or begins the log in an edge's directory; what an earlier process wrote comes with it. A
    /// line that a kill or a full disk left half written is cut off.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<DecidedFrame>), OutboxError> {
        let (lines, past) = Journal::open(&directory.join(DECISIONS), REMEDY)?;
        Ok((Self { lines }, once_each(past)))
    }

    /// Adds a frame. The system may lose it when the machine goes down: the frame is then decided
    /// again.
    pub(crate) fn add(&mut self, decided: &DecidedFrame) -> Result<(), OutboxError> {
        Ok(self.lines.append(decided)?)
    }
}

/// Reads the decisions of an edge's directory, in their order, up to a line that is not whole.
///
/// # Errors
/// When there is no such log, or it holds something else.
pub fn read_decisions(directory: &Path) -> Result<Vec<DecidedFrame>, OutboxError> {
    Ok(Journal::read(&directory.join(DECISIONS), REMEDY)?)
}

/// Leaves out what was decided to ship of a frame that was shipped by a later decision: it is paid for
/// once. Edges before 0.2 decided again what a kill had kept from being sent.
fn once_each(mut past: Vec<DecidedFrame>) -> Vec<DecidedFrame> {
    let mut later = std::collections::BTreeSet::new();
    past.reverse();
    past.retain(|decided| !is_shipped(decided) || later.insert(decided.frame));
    past.reverse();
    past
}

/// `true` if the decision was to ship something of the frame.
pub(crate) const fn is_shipped(decided: &DecidedFrame) -> bool {
    matches!(decided.end, Decision::Ship { .. })
}

const DECISIONS: &str = "decisions.jsonl";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use splitsim_policy::{Attempt, Conditions, Decision, Outcome, Rung};

    use super::*;

    fn decided(frame: u64) -> DecidedFrame {
        let took = Duration::from_millis(3);
        DecidedFrame {
            frame,
            conditions: Conditions {
                now: Duration::from_nanos(12_345_678_901),
                ..Conditions::default()
            },
            attempts: vec![Attempt {
                rung: Rung(1),
                outcome: Outcome::Failed { took },
            }],
            end: Decision::GiveUp,
        }
    }

    #[test]
    fn what_was_decided_is_read_back_without_a_half_line() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, past) = DecisionLog::open(dir.path()).unwrap();
        assert_eq!(past, []);
        log.add(&decided(0)).unwrap();
        log.add(&decided(1)).unwrap();
        drop(log);
        assert_eq!(read_decisions(dir.path()).unwrap().len(), 2);
        let path = dir.path().join(DECISIONS);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let (mut log, past) = DecisionLog::open(dir.path()).unwrap();
        assert_eq!(past, [decided(0)]);
        log.add(&decided(2)).unwrap();
        assert_eq!(
            read_decisions(dir.path()).unwrap(),
            [decided(0), decided(2)]
        );
    }

    #[test]
    fn something_else_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DECISIONS), "my notes\n").unwrap();
        let error = DecisionLog::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged: line 1: "), "{error}");
    }
}
