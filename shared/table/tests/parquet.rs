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

    /// Reading a damaged file neither panics nor requests more memory than there is, whatever it
    /// reads as.
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

/// A file of another tool, written by `golden/generate.py`.
fn golden(name: &str) -> Result<Table, TableError> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    read_parquet(&folder.join(format!("{name}.parquet")))
}

/// As `golden/generate.py` has them.
const CODECS: [Option<&str>; 6] = [
    Some("hevc"),
    Some("hevc"),
    Some("vvc"),
    None,
    Some("hevc"),
    Some(""),
];
const LEVELS: [i64; 6] = [0, 1, 2, 3, 4, -5];
const SCORES: [Option<f64>; 6] = [Some(0.5), None, Some(-1.25), Some(1e-9), None, Some(3.0)];
const PASSED: [Option<bool>; 6] = [Some(true), None, Some(false), Some(true), None, Some(false)];

#[test]
fn files_that_other_tools_write_are_read() {
    let names = [
        "pandas-default",
        "pandas-gzip",
        "pandas-zstd",
        "pandas-none",
        "pandas-category",
        "fastparquet-default",
        "pyarrow-small-types",
        "pyarrow-page-v2",
        "polars-default",
        "duckdb-default",
    ];
    for name in names {
        let table = golden(name).unwrap();
        let texts = CODECS.map(|text| text.map(str::to_owned));
        assert_eq!(table.texts("codec").unwrap(), texts, "{name}");
        assert_eq!(table.ints("level").unwrap(), LEVELS.map(Some), "{name}");
        assert_eq!(table.bools("passed").unwrap(), PASSED, "{name}");
        // The small types are of 32 bits, which DuckDB took them from.
        let narrow = name.starts_with("pyarrow") || name.starts_with("duckdb");
        let scores = SCORES.map(|score| match narrow {
            true => score.map(|score| f64::from(score as f32)),
            false => score,
        });
        assert_eq!(table.floats("score").unwrap(), scores, "{name}");
        if let Ok(nothing) = table.texts("nothing") {
            assert_eq!(nothing, [const { None }; 6], "{name}");
        } else {
            assert!(name.starts_with("fastparquet"), "{name}");
        }
    }
}

#[test]
fn what_is_no_table_of_ours_is_refused_by_name() {
    let check = |name: &str, parts: &[&str]| {
        let message = golden(name).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "no '{part}' in: {message}");
        }
    };
    check(
        "pandas-timestamps",
        &["column 'when'", "Timestamp", "leave it out"],
    );
    check("pyarrow-lz4", &["'codec'", "LZ4", "snappy, zstd or gzip"]);
    check("pyarrow-beyond", &["18446744073709551615 is beyond"]);
    let unsigned = golden("pyarrow-unsigned").unwrap();
    assert_eq!(
        unsigned.ints("level").unwrap(),
        [Some(i64::from(u32::MAX)), None]
    );
}

/// A page of ten bytes that declares a gigabyte costs nothing: it is refused first.
#[test]
fn a_page_does_not_declare_more_than_it_can_hold() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let whole = std::fs::read(folder.join("pandas-default.parquet")).unwrap();
    // The first page's header: type 2 (a dictionary), then its size uncompressed as a zigzag varint.
    assert_eq!(whole[4..7], [0x15, 0x04, 0x15]);
    assert!(whole[7] < 0x80, "a size of one byte");
    let mut bytes = whole.clone();
    bytes.splice(7..8, [0xfe, 0xff, 0xff, 0xff, 0x07]);
    let error = from_parquet(bytes).unwrap_err().to_string();
    assert!(error.contains("declares"), "{error}");
}

#[test]
fn what_is_no_file_is_refused() {
    let message = read_parquet(std::path::Path::new("/dev/null"))
        .unwrap_err()
        .to_string();
    assert_eq!(message, "/dev/null: a device, expected a regular file");
}
