//! A set on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use splitsim_durable::{Lock, LockError, remove_stale, replace};
use splitsim_model::Digest;
use splitsim_table::{Column, Table, read_parquet, to_parquet, write_parquet};
use splitsim_text::Text;

use super::rows::TIME;
use super::{Identity, Shard};

/// The table of rows in a set's folder.
pub(crate) const ROWS: &str = "rows.parquet";
const MANIFEST: &str = "manifest.json";
/// The largest manifest that is read: it lists every feature of a set.
const MAX_MANIFEST_BYTES: u64 = 1 << 28;
const PARTS: &str = "parts";
const LOCK: &str = ".lock";

/// The manifest of a set: everything about it except its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The inputs that the rows depend on.
    pub(crate) identity: Identity,
    /// The shard of the set that this is; `1/1` if it is the whole set.
    pub(crate) shard: Shard,
    /// Original features, of all tasks.
    pub(crate) features: usize,
    /// Compressed features.
    pub(crate) rows: usize,
    /// Compressed features that could not be made.
    pub(crate) failed: usize,
    /// Original features that are missing, with the reasons.
    pub(crate) missing: Vec<String>,
    /// Digest of the rows without their times: equal for every build of the set.
    pub(crate) content: String,
    /// Digest of `rows.parquet`.
    pub(crate) file: String,
}

/// The folder of a set that is being built. No other process builds in it meanwhile.
pub(crate) struct SetFolder {
    root: PathBuf,
    /// Released when it is closed, also by a crash.
    _lock: Lock,
}

impl SetFolder {
    /// Makes the folder, or opens an existing one.
    ///
    /// # Errors
    /// When it cannot be made, or another process builds in it.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let parts = root.join(PARTS);
        std::fs::create_dir_all(&parts).with_context(|| parts.display().to_string())?;
        let lock = Lock::take(&root.join(LOCK)).map_err(|error| match error {
            LockError::Held { holder, .. } => anyhow!(
                "{} is being built by another process, {holder}; wait for it, or choose another --out",
                root.display()
            ),
            LockError::File(error) => error.into(),
        })?;
        remove_stale(root)?;
        remove_stale(&parts)?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    /// Refuses a folder whose finished set is another one.
    ///
    /// # Errors
    /// Names what differs, or says that there are rows of something else.
    pub(crate) fn require(&self, identity: &Identity, shard: Shard) -> Result<()> {
        let remedy = "choose another --out, or replace it with --force";
        let (manifest, root) = (self.root.join(MANIFEST), self.root.display());
        if !manifest.exists() {
            let rows = self.root.join(ROWS).exists();
            ensure!(!rows, "{root} has rows that no build made; {remedy}");
            return Ok(());
        }
        let there = read_manifest(&self.root)?;
        let mut differences = identity.differences(&there.identity)?;
        if there.shard != shard {
            differences.push(format!("shard is {}, not {shard}", there.shard));
        }
        ensure!(
            differences.is_empty(),
            "{root} has another set: {}; {remedy}",
            differences.join("; ")
        );
        Ok(())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The part of that name, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(super) fn part(&self, name: &str) -> Result<Option<Table>> {
        let path = self.root.join(PARTS).join(name);
        match path.is_file() {
            true => Ok(Some(read_parquet(&path)?)),
            false => Ok(None),
        }
    }

    pub(super) fn put(&self, name: &str, part: &Table) -> Result<()> {
        Ok(write_parquet(&self.root.join(PARTS).join(name), part)?)
    }

    /// Writes the rows, then what they are.
    pub(super) fn finish(&self, rows: &Table, set: Summary) -> Result<Manifest> {
        write_set(&self.root, rows, set)
    }
}

/// A manifest without what follows from the rows.
pub(super) struct Summary {
    pub(super) identity: Identity,
    pub(super) shard: Shard,
    pub(super) features: usize,
    pub(super) missing: Vec<String>,
}

pub(super) fn write_set(root: &Path, rows: &Table, set: Summary) -> Result<Manifest> {
    let bytes = to_parquet(rows)?;
    let Summary {
        identity,
        shard,
        features,
        missing,
    } = set;
    let manifest = Manifest {
        identity,
        shard,
        features,
        rows: rows.rows(),
        failed: rows.texts("error")?.iter().flatten().count(),
        missing,
        content: content_digest(rows)?,
        file: Digest::of(&bytes).to_string(),
    };
    replace(&root.join(ROWS), &bytes)?;
    let json = format!("{}\n", serde_json::to_string_pretty(&manifest)?);
    replace(&root.join(MANIFEST), json)?;
    Ok(manifest)
}

/// The digest of rows without the columns of times.
pub(crate) fn content_digest(rows: &Table) -> Result<String> {
    let columns = rows.columns().iter();
    let lasting: Vec<Column> = columns
        .filter(|column| !column.name().ends_with(TIME))
        .cloned()
        .collect();
    Ok(Digest::of(&to_parquet(&Table::new(lasting)?)?).to_string())
}

/// Reads rows: a Parquet file, or the folder of a set.
///
/// # Errors
/// When there are none, or they cannot be read.
pub(crate) fn read_rows(path: &Path) -> Result<Table> {
    let file = match path.is_dir() {
        true => path.join(ROWS),
        false => path.to_owned(),
    };
    ensure!(
        file.is_file(),
        "no {}: make it with 'splitsim cfqa build' or 'splitsim cfqa import'",
        file.display()
    );
    Ok(read_parquet(&file)?)
}

/// Reads a set, and checks that its rows are those of its manifest.
///
/// # Errors
/// When something is missing or damaged, or the two do not belong together.
pub(crate) fn read_set(root: &Path) -> Result<(Manifest, Table)> {
    let manifest = read_manifest(root)?;
    let rows = read_rows(root)?;
    ensure!(
        content_digest(&rows)? == manifest.content,
        "{}: {ROWS} is not the one that {MANIFEST} describes, build it again",
        root.display()
    );
    Ok((manifest, rows))
}

fn read_manifest(root: &Path) -> Result<Manifest> {
    let path = root.join(MANIFEST);
    let text = Text::read(&path, MAX_MANIFEST_BYTES)?;
    serde_json::from_str(text.as_str()).with_context(|| path.display().to_string())
}
