//! What the policy was told of every frame and what it decided, a line of JSON each.
//!
//! Whoever puts the same to the same policy gets the same decisions, see [`splitsim_policy::replay`]. A
//! continued run reads its own log to bring its policy to where it was.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use splitsim_policy::DecidedFrame;

use crate::outbox::{OutboxError, failed};

/// The log of one edge's run, being written.
#[derive(Debug)]
pub(crate) struct DecisionLog {
    file: File,
    path: PathBuf,
}

impl DecisionLog {
    /// Opens or begins the log in an edge's directory; what an earlier process wrote comes with it. A
    /// line that a killed process left half written is cut off.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<DecidedFrame>), OutboxError> {
        let path = directory.join(DECISIONS);
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(failed("read", &path))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let past = parse(&path, &text[..whole])?;
        file.set_len(whole as u64).map_err(failed("write", &path))?;
        Ok((Self { file, path }, past))
    }

    /// Adds a frame. The system may lose it when the machine goes down: the frame is then made again.
    pub(crate) fn add(&mut self, decided: &DecidedFrame) -> Result<(), OutboxError> {
        let line = serde_json::to_vec(decided).map(|mut line| {
            line.push(b'\n');
            line
        });
        line.map_err(std::io::Error::from)
            .and_then(|line| self.file.write_all(&line))
            .map_err(failed("write", &self.path))
    }
}

/// Reads the decisions of an edge's directory, in their order.
///
/// # Errors
/// When there is no such log, or it holds something else.
pub fn read_decisions(directory: &Path) -> Result<Vec<DecidedFrame>, OutboxError> {
    let path = directory.join(DECISIONS);
    let text = std::fs::read_to_string(&path).map_err(failed("read", &path))?;
    parse(&path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<DecidedFrame>, OutboxError> {
    let lines = text.lines().zip(1..);
    lines
        .map(|(line, number)| {
            serde_json::from_str(line).map_err(|error| OutboxError::Damaged {
                path: path.to_owned(),
                reason: format!("line {number}: {error}"),
            })
        })
        .collect()
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
