use rusqlite::Connection;

use super::*;
use crate::samples::store;

/// Made by hand, a table may be replaced by a view that never ends.
#[test]
fn a_view_in_place_of_a_table_is_refused_at_once() {
    let (dir, store) = store();
    let path = store.path().to_owned();
    store.close().unwrap();
    Store::open(&path).unwrap().close().unwrap();
    let other = Connection::open(&path).unwrap();
    let endless = "PRAGMA foreign_keys = OFF;
        DROP TABLE distortions;
        CREATE VIEW distortions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS frame_key, 1.0 AS distortion FROM n;";
    other.execute_batch(endless).unwrap();
    drop(other);
    for open in [Store::open, Store::open_or_create] {
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, ResultsError::NotResults { .. }));
    }
    drop(dir);
}
