//! The body of the fuzz target, so that a test can replay what it once found.
//!
//! The function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::path::Path;

use crate::{Store, Summary, TableName};

/// Any file is refused or read as results: no frame is read or counted twice, and what is read is
/// there again the next time.
///
/// # Panics
/// When that is not so.
pub fn results(path: &Path) -> bool {
    let Ok(store) = Store::open(path) else {
        return false;
    };
    let frames = store.frames();
    for table in TableName::ALL {
        if let Ok(rows) = store.rows(table) {
            assert!(rows.rows.iter().all(|row| row.len() == rows.columns.len()));
        }
    }
    let _ = (store.runs(), store.link_samples());
    let Ok(frames) = frames else {
        return false;
    };
    if let (Ok(summary), Ok(count)) = (Summary::compute(&store), store.frame_count()) {
        let counted: u64 = summary.groups.iter().map(|group| group.frames).sum();
        assert!(counted <= count && frames.len() as u64 <= count);
    }
    let closed = store.close().and_then(|()| Store::open(path)?.frames());
    assert_eq!(closed.ok().as_ref(), Some(&frames));
    true
}
