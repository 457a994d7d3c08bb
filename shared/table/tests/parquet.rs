//! Parquet files: what is written reads back, what is damaged is refused.

use proptest::prelude::*;
use splitsim_table::{
    Column, Table, TableError, Values, from_parquet, read_parquet, to_parquet, write_parquet,
};

fn cells<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
    rows: usize,
) -> BoxedStrategy<Vec<Option<T>>> {
    prop::collection::vec(prop::option::of(value), rows).boxed()
}

fn tables() -> impl Strategy<Value = Table> {
    (0usize..40).prop_flat_map(|rows| {
        (
            cells(".{0,6}", rows),
            cells(any::<i64>(), rows),
            cells(
                prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE,
                rows,
            ),
            cells(any::<bool>(), rows),
        )
            .prop_map(|(text, int, float, bool)| {
                Table::new(vec![
                    Column::new("text", Values::Text(text)),
                    Column::new("int", Values::Int(int)),
                    Column::new("float", Values::Float(float)),
                    Column::new("bool", Values::Bool(bool)),
                ])
                .expect("four columns of one length")
            })
    })
}

proptest! {
    #[test]
    fn a_written_table_reads_back(table in tables()) {
        let bytes = to_parquet(&table).unwrap();
        prop_assert_eq!(&to_parquet(&table).unwrap(), &bytes);
        prop_assert_eq!(from_parquet(bytes).unwrap(), table);
    }

    /// Whatever a damaged file reads as, reading it neither panics nor asks for more memory than
    /// there is.
    #[test]
    fn damaged_bytes_do_not_panic(
        table in tables(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = to_parquet(&table).unwrap();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = from_parquet(bytes);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let refused = matches!(from_parquet(bytes), Err(TableError::Parquet { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn a_truncated_file_is_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let table = Table::new(vec![Column::float("x", (0u32..10_000).map(f64::from))]).unwrap();
    write_parquet(&path, &table).unwrap();
    assert_eq!(read_parquet(&path).unwrap(), table);
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = read_parquet(&path).unwrap_err().to_string();
        assert!(
            error.contains("t.parquet: not a readable Parquet table"),
            "{error}"
        );
    }
}

/// More rows than one row group holds.
#[test]
fn row_groups_follow_one_another() {
    let rows = 300_000i64;
    let table = Table::new(vec![Column::int(
        "n",
        (0..rows).map(|n| (n % 3 > 0).then_some(n)),
    )]);
    let table = table.unwrap();
    assert_eq!(from_parquet(to_parquet(&table).unwrap()).unwrap(), table);
}
