//! The body of the fuzz target, so that a test can replay what it once found.
//!
//! The function panics when a promise is broken, and only then, and returns whether the input was accepted.

use crate::{Table, Values, from_parquet, to_parquet};

/// Any bytes read as an error or as a table that writes and reads back as itself.
///
/// # Panics
/// When that is not so.
pub fn parquet(input: &[u8]) -> bool {
    let Ok(table) = from_parquet(input.to_vec()) else {
        return false;
    };
    assert!(table.rows() as u64 <= Table::MAX_CELLS);
    let bytes = to_parquet(&table).expect("a table that was read is small enough to be written");
    let again = from_parquet(bytes).expect("what is written is read");
    assert!(same(&table, &again), "another table is read back");
    true
}

/// Returns `true` if two tables have the same cells; floats are compared by their bits, so that NaN
/// equals itself.
fn same(one: &Table, other: &Table) -> bool {
    let pairs = one.columns().iter().zip(other.columns());
    let alike = pairs.map(|(one, other)| {
        let cells = match (one.values(), other.values()) {
            (Values::Float(one), Values::Float(other)) => bits(one) == bits(other),
            (one, other) => one == other,
        };
        cells && one.name() == other.name()
    });
    one.columns().len() == other.columns().len() && alike.into_iter().all(|same| same)
}

fn bits(cells: &[Option<f64>]) -> Vec<Option<u64>> {
    cells.iter().map(|cell| cell.map(f64::to_bits)).collect()
}
