//! The file: opening it, and its three writes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::file::OpenFiles;
use crate::schema::{self, Contents};
use crate::{
    AttemptRecord, CloudStages, ConnectionSampleRecord, DistortionRecord, EdgeSettings,
    FrameIdentity, FrameKey, FrameRecord, LinkSampleRecord, ResultsError, RunRecord,
    SettlementRecord, check, insert, sampled,
};

/// The results of one run: an SQLite file with a write-ahead log.
///
/// Each write is one transaction, on the disk when the call returns, and leaves nothing behind
/// when it fails; the store stays usable after any error. Calls block on the disk, so they belong
/// on a thread of their own. Other connections can read meanwhile.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    files: OpenFiles,
}

/// The outcome of a write: the first of its key, or a duplicate.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was stored.
    New,
    /// It was there already, and nothing changed.
    Duplicate,
}

impl Store {
    /// The file's usual name in a run's directory.
    pub const FILE_NAME: &'static str = "results.sqlite";

    /// The longest wait for a file that another process has locked.
    pub const LOCK_WAIT: Duration = Duration::from_secs(5);

    /// Creates a results file; its directory exists.
    ///
    /// # Errors
    /// When the file exists or cannot be created.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        File::create_new(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => ResultsError::Exists {
                path: path.to_owned(),
            },
            _ => ResultsError::Create {
                path: path.to_owned(),
                source,
            },
        })?;
        sync_folder(path)?;
        Self::open_or_create(path)
    }

    /// Opens an existing results file.
    ///
    /// # Errors
    /// When there is none, it is another kind of file, or of a later schema version. One of an earlier
    /// version gets the tables that it lacks.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        let mut connection = connect(path)?;
        match schema::inspect(&connection, path)? {
            Contents::Results => Self::configure(connection, path),
            Contents::Older { .. } => {
                schema::complete(&mut connection, path)?;
                Self::configure(connection, path)
            }
            Contents::Blank => Err(ResultsError::NotResults {
                path: path.to_owned(),
            }),
        }
    }

    /// Opens the results file of a run that resumes, or creates the one of a new run.
    ///
    /// # Errors
    /// As [`Store::create`] and [`Store::open`], and when the file is write-protected.
    pub fn open_or_create(path: &Path) -> Result<Self, ResultsError> {
        // A link that leads nowhere is no file that could be created.
        if !path.exists() && !path.is_symlink() {
            return match Self::create(path) {
                Err(ResultsError::Exists { .. }) => Self::open_or_create(path),
                other => other,
            };
        }
        let mut connection = connect(path)?;
        let fail = |source| ResultsError::of_sqlite(path, "open results", source);
        if connection.is_readonly("main").map_err(fail)? {
            return Err(ResultsError::ReadOnly {
                path: path.to_owned(),
            });
        }
        schema::complete(&mut connection, path)?;
        Self::configure(connection, path)
    }

    /// Checks that the file and its write-ahead log are still where they were opened. SQLite itself continues
    /// to write to files that were removed or replaced, and reports success.
    ///
    /// # Errors
    /// [`ResultsError::Gone`], when the latest writes cannot be found under the path.
    pub fn check_in_place(&self) -> Result<(), ResultsError> {
        self.files.check()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Registers an edge's part of a run. Doing it again, as after a reconnect, changes nothing.
    ///
    /// # Errors
    /// When the run is registered with another policy, task, model, codec, metric, threshold, bound, seed,
    /// source or settings, as far as both are known; when a number is not finite; or when the file refuses.
    pub fn register_run(&mut self, run: &RunRecord) -> Result<Recorded, ResultsError> {
        self.write("register a run", |transaction| {
            insert::run(transaction, run)
        })
    }

    /// Adds settings to a run that was registered without them: by an earlier version, or before its edge's
    /// hello. Settings that it has are kept.
    ///
    /// # Errors
    /// When the file refuses.
    pub fn tell_settings(
        &mut self,
        run_id: &str,
        edge_id: &str,
        settings: &EdgeSettings,
    ) -> Result<(), ResultsError> {
        let told = self.write("note an edge's settings", |transaction| {
            insert::settings(transaction, (run_id, edge_id), settings)
        });
        told.map(|_| ())
    }

    /// Records a frame with everything known of it before the reply.
    ///
    /// A frame that was recorded already, by its [`FrameKey`], is left as it is.
    ///
    /// # Errors
    /// When another frame is recorded under the key ([`ResultsError::FrameConflict`]), the run is not
    /// registered, the shipped attempt is not among the attempts, a number is out of range, or the file
    /// refuses, as when the disk is full ([`ResultsError::Disk`]).
    pub fn record_frame(
        &mut self,
        frame: &FrameRecord,
        attempts: &[AttemptRecord],
        distortion: Option<&DistortionRecord>,
        stages: &CloudStages,
    ) -> Result<Recorded, ResultsError> {
        self.write("record a frame", |transaction| {
            insert::frame(transaction, frame, attempts, distortion, stages)
        })
    }

    /// Returns `true` if a frame is recorded under `key`.
    ///
    /// # Errors
    /// When its number is out of range or the file cannot be read.
    pub fn contains(&self, key: &FrameKey) -> Result<bool, ResultsError> {
        let frame = check::integer("frame", key.frame)?;
        let look_up = || -> rusqlite::Result<bool> {
            self.connection
                .prepare_cached(
                    "SELECT 1 FROM frames JOIN runs USING (run_key)
                     WHERE run_id = ?1 AND edge_id = ?2 AND frame = ?3 AND frames.task = ?4",
                )?
                .exists((&key.run_id, &key.edge_id, frame, key.task.name()))
        };
        look_up().map_err(self.error("look up a frame"))
    }

    /// Returns `true` if this very frame is recorded.
    ///
    /// # Errors
    /// When another one is recorded under its key ([`ResultsError::FrameConflict`]), its number is out of
    /// range, or the file cannot be read.
    pub fn contains_same(
        &self,
        key: &FrameKey,
        identity: &FrameIdentity,
    ) -> Result<bool, ResultsError> {
        match insert::recorded(&self.connection, key) {
            Ok(Some(stored)) => insert::same_frame(key, &stored, identity).map(|()| true),
            Ok(None) => Ok(false),
            Err(insert::InsertError::Record(error)) => Err(error),
            Err(insert::InsertError::Sqlite(source)) => Err(self.error("look up a frame")(source)),
        }
    }

    /// The number of recorded frames.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn frame_count(&self) -> Result<u64, ResultsError> {
        let count = "SELECT count(*) FROM frames";
        self.connection
            .query_row(count, [], |row| crate::logged::count(row.get(0)?))
            .map_err(self.error("count frames"))
    }

    /// Adds the edge's measurements after the reply. The first settlement of a frame is kept.
    ///
    /// # Errors
    /// When the frame is not recorded, a number is out of range, or the file refuses.
    pub fn settle(&mut self, settlement: &SettlementRecord) -> Result<Recorded, ResultsError> {
        self.write("settle a frame", |transaction| {
            insert::settlement(transaction, settlement)
        })
    }

    /// Adds samples of emulated links.
    ///
    /// # Errors
    /// When a number is out of range, or the file refuses.
    pub fn record_link_samples(
        &mut self,
        samples: &[LinkSampleRecord],
    ) -> Result<(), ResultsError> {
        let written = self.write("record link samples", |transaction| {
            sampled::link(transaction, samples)
        });
        written.map(|_| ())
    }

    /// Adds samples of connections.
    ///
    /// # Errors
    /// When a run is not registered, a number is out of range, or the file refuses.
    pub fn record_connection_samples(
        &mut self,
        samples: &[ConnectionSampleRecord],
    ) -> Result<(), ResultsError> {
        let written = self.write("record connection samples", |transaction| {
            sampled::connection(transaction, samples)
        });
        written.map(|_| ())
    }

    /// Closes the file, folding the write-ahead log into it so that one file is left.
    ///
    /// Dropping the store loses nothing either, but reports no error.
    ///
    /// # Errors
    /// When the log cannot be folded in. The records are then safe in the `-wal` file beside the results file.
    pub fn close(self) -> Result<(), ResultsError> {
        let path = self.path;
        self.connection
            .close()
            .map_err(|(_, source)| ResultsError::of_sqlite(&path, "close results", source))
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn error(
        &self,
        operation: &'static str,
    ) -> impl Fn(rusqlite::Error) -> ResultsError + '_ {
        move |source| ResultsError::of_sqlite(&self.path, operation, source)
    }

    fn configure(connection: Connection, path: &Path) -> Result<Self, ResultsError> {
        let fail = |source| ResultsError::of_sqlite(path, "open results", source);
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(fail)?;
        if mode != "wal" {
            return Err(ResultsError::NoWriteAheadLog {
                path: path.to_owned(),
                mode,
            });
        }
        // FULL syncs the log at every commit; fullfsync is what that takes on macOS.
        for (pragma, value) in [
            ("synchronous", "FULL"),
            ("fullfsync", "ON"),
            ("foreign_keys", "ON"),
        ] {
            connection
                .pragma_update(None, pragma, value)
                .map_err(fail)?;
        }
        let files = OpenFiles::of(path).map_err(|_| ResultsError::Gone {
            path: path.to_owned(),
            fate: "removed",
        })?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            files,
        })
    }

    /// Runs one write in a transaction of its own, rolled back unless all of it succeeds.
    fn write(
        &mut self,
        operation: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> Result<Recorded, insert::InsertError>,
    ) -> Result<Recorded, ResultsError> {
        let path = &self.path;
        let fail = |source| ResultsError::of_sqlite(path, operation, source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fail)?;
        let recorded = write(&transaction).map_err(|error| match error {
            insert::InsertError::Record(error) => error,
            insert::InsertError::Sqlite(source) => fail(source),
        })?;
        transaction.commit().map_err(fail)?;
        Ok(recorded)
    }
}

/// Makes a new file's name outlive a loss of power.
#[expect(
    clippy::disallowed_methods,
    reason = "a folder is opened to be synchronised, not to be read"
)]
fn sync_folder(path: &Path) -> Result<(), ResultsError> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|source| ResultsError::Create {
            path: path.to_owned(),
            source,
        })
}

/// Refuses anything but a regular file: SQLite would follow links, and wait for pipes.
fn connect(path: &Path) -> Result<Connection, ResultsError> {
    let path_of = || path.to_owned();
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => {}
        Ok(_) => return Err(ResultsError::NoFile { path: path_of() }),
        Err(_) => return Err(ResultsError::Missing { path: path_of() }),
    }
    let fail = |source| ResultsError::of_sqlite(path, "open results", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(Store::LOCK_WAIT).map_err(fail)?;
    Ok(connection)
}

#[cfg(test)]
mod impostors;
#[cfg(test)]
mod place;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod tests;
