//! The file's marks and tables.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, TransactionBehavior};

use crate::ResultsError;

/// Version of the tables, in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i32 = 4;

/// "spsr", in `PRAGMA application_id`: tells our files from other SQLite databases.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"spsr");

/// The statements that turn each version into the next, beginning with a blank database.
const STEPS: [&str; SCHEMA_VERSION as usize] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

/// The state of a database, by its marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// An empty file, whose creation was interrupted.
    Blank,
    /// Results of an earlier schema; later schemas only add to it.
    Older {
        /// The number of steps done.
        steps: usize,
    },
    /// Results of this schema.
    Results,
}

/// Counts objects that have the name of one of our tables but are not tables of ours: a view may never end, and
/// a virtual table belongs to another program.
const IMPOSTORS: &str = "SELECT count(*) FROM sqlite_schema
    WHERE (type = 'view' OR sql LIKE 'CREATE VIRTUAL%') AND lower(name) IN
    ('runs', 'frames', 'attempts', 'distortions', 'stages', 'link_samples', 'connection_samples')";

/// `true` if a database with our marks is one of ours: its tables are real tables, and the names of their
/// columns are UTF-8.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let impostors: i64 = connection.query_row(IMPOSTORS, [], |row| row.get(0))?;
    let mut statements = connection.prepare("SELECT sql FROM sqlite_schema")?;
    let mut rows = statements.query([])?;
    while let Some(row) = rows.next()? {
        // rusqlite ends the process at the name of a column that is not UTF-8.
        if let ValueRef::Text(sql) = row.get_ref(0)?
            && std::str::from_utf8(sql).is_err()
        {
            return Ok(false);
        }
    }
    Ok(impostors == 0)
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
    let ours = is_ours(connection).map_err(fail)?;
    let path = || path.to_owned();
    match (application, found, tables) {
        (APPLICATION_ID, ..) if !ours => Err(ResultsError::NotResults { path: path() }),
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(Contents::Results),
        (APPLICATION_ID, 1..SCHEMA_VERSION, _) => Ok(Contents::Older {
            steps: found.unsigned_abs() as usize,
        }),
        (APPLICATION_ID, ..) => Err(ResultsError::SchemaVersion {
            path: path(),
            found,
            expected: SCHEMA_VERSION,
        }),
        (0, 0, 0) => Ok(Contents::Blank),
        _ => Err(ResultsError::NotResults { path: path() }),
    }
}

/// Makes the tables that a database lacks, all or nothing. Leaves results as they are.
pub(crate) fn complete(connection: &mut Connection, path: &Path) -> Result<(), ResultsError> {
    if inspect(connection, path)? == Contents::Results {
        return Ok(());
    }
    let fail = |source| ResultsError::of_sqlite(path, "create results", source);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    // Another process may have been faster.
    let done = match inspect(&transaction, path)? {
        Contents::Results => return Ok(()),
        Contents::Older { steps } => steps,
        Contents::Blank => 0,
    };
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step).map_err(fail)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(fail)?;
    transaction
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .map_err(fail)?;
    transaction.commit().map_err(fail)
}
