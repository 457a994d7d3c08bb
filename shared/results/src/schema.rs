//! The file's marks and tables.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::ResultsError;

/// Version of the tables, in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i32 = 1;

/// "spsr", in `PRAGMA application_id`: tells our files from other SQLite databases.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"spsr");

const TABLES: &str = include_str!("schema.sql");

/// What a database is to us.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing yet: a file whose creation was interrupted.
    Blank,
    /// Results of this schema.
    Results,
}

/// Looks at the marks of a database, without changing it.
pub(crate) fn inspect(connection: &Connection, path: &Path) -> Result<Contents, ResultsError> {
    let fail = |source| ResultsError::of_sqlite(path, "open results", source);
    let read = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let application: i32 = read("application_id").map_err(fail)?;
    let found: i32 = read("user_version").map_err(fail)?;
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection
        .query_row(count, [], |row| row.get(0))
        .map_err(fail)?;
    let path = || path.to_owned();
    match (application, found, tables) {
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(Contents::Results),
        (APPLICATION_ID, ..) => Err(ResultsError::SchemaVersion {
            path: path(),
            found,
            expected: SCHEMA_VERSION,
        }),
        (0, 0, 0) => Ok(Contents::Blank),
        _ => Err(ResultsError::NotResults { path: path() }),
    }
}

/// Makes the tables of a blank database, all or nothing. Leaves results as they are.
pub(crate) fn initialise(connection: &mut Connection, path: &Path) -> Result<(), ResultsError> {
    let fail = |source| ResultsError::of_sqlite(path, "create results", source);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    // Another process may have been faster.
    if inspect(&transaction, path)? == Contents::Results {
        return Ok(());
    }
    transaction.execute_batch(TABLES).map_err(fail)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(fail)?;
    transaction
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .map_err(fail)?;
    transaction.commit().map_err(fail)
}
