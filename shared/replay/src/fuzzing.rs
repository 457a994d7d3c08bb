//! The body of the fuzz target, so that a test can replay what it once found.
//!
//! The function panics when a promise is broken, and only then, and returns whether the input was accepted.

use crate::Recording;

/// Any Parquet file is refused or becomes a recording, which is read again from the table that it is written as.
///
/// # Panics
/// When that is not so.
pub fn recording(input: &[u8]) -> bool {
    let Ok(table) = splitsim_table::from_parquet(input.to_vec()) else {
        return false;
    };
    let Ok(recording) = Recording::from_table(&table) else {
        return false;
    };
    let table = recording.to_table().expect("columns of their own names");
    assert_eq!(
        Recording::from_table(&table).as_ref().ok(),
        Some(&recording)
    );
    true
}
