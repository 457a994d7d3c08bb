//! The body of the fuzz target, so that a test can replay what it once found.
//!
//! The function panics when a promise is broken, and only then, and returns whether the input was accepted.

use splitsim_feature::Task;

use crate::{ScoreSet, published};

/// Any text reads as a log whose lines are counted and whose table has a row for each result, which is read
/// as a set of scores or refused.
///
/// # Panics
/// When that is not so.
pub fn published(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let log = published::parse(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(log.lines.len() + log.passed_over, lines);
    let table = published::table([("hm", Task::Seg, &log)]).expect("columns of one length");
    assert_eq!(table.rows(), log.lines.len());
    if let Ok(set) = ScoreSet::from_table(&table) {
        assert_eq!(set.records().len(), log.lines.len());
    }
    let _ = log.gaps(3, 2);
    !log.lines.is_empty()
}
