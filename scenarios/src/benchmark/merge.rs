//! The set of all shards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use splitsim_table::Table;

use super::folder::{Summary, read_set, write_set};
use super::{Identity, Manifest, Shard};

/// Joins the shards of a set into `out`, in the order of a set that is built at once.
///
/// # Errors
/// When a shard is missing, there twice, of another set or not complete, or something cannot be read or
/// written; nothing is written then.
pub(crate) fn merge(shards: &[PathBuf], out: &Path) -> Result<Manifest> {
    let mut sets: BTreeMap<Shard, (Manifest, Table)> = BTreeMap::new();
    for root in shards {
        let (manifest, rows) = read_set(root)?;
        check_same(sets.values().next().map(|(first, _)| first), &manifest)
            .with_context(|| root.display().to_string())?;
        let shard = manifest.shard;
        if sets.insert(shard, (manifest, rows)).is_some() {
            bail!("{}: shard {shard} is there twice", root.display());
        }
    }
    let of = sets.keys().next().context("no shards")?.of();
    let absent: Vec<String> = Shard::all(of)
        .filter(|shard| !sets.contains_key(shard))
        .map(|shard| shard.to_string())
        .collect();
    ensure!(
        absent.is_empty(),
        "shards are missing: {}; build them with --shard",
        absent.join(", ")
    );
    let mut sets = sets.into_values();
    let (first, mut rows) = sets.next().context("no shards")?;
    let (mut features, mut missing) = (first.features, first.missing);
    for (manifest, more) in sets {
        features += manifest.features;
        missing.extend(manifest.missing);
        rows.append(more)?;
    }
    let rows = ordered(&rows, &first.identity)?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let summary = Summary {
        identity: first.identity,
        shard: Shard::WHOLE,
        features,
        missing,
    };
    write_set(out, &rows, summary)
}

fn check_same(first: Option<&Manifest>, other: &Manifest) -> Result<()> {
    let Some(first) = first else {
        return Ok(());
    };
    ensure!(
        first.shard.of() == other.shard.of(),
        "shard {} does not go with shard {}",
        other.shard,
        first.shard
    );
    let differences = first.identity.differences(&other.identity)?;
    ensure!(
        differences.is_empty(),
        "a shard of another set: {}",
        differences.join("; ")
    );
    Ok(())
}

/// By task, picture, codec and level, tasks and codecs as the set names them.
fn ordered(rows: &Table, identity: &Identity) -> Result<Table> {
    let tasks: Vec<&str> = identity.tasks.iter().map(|task| task.name()).collect();
    let codecs: Vec<&str> = identity
        .codecs
        .iter()
        .map(|codec| codec.codec.name())
        .collect();
    let place = |known: &[&str], cell: &Option<String>| {
        let cell = cell.as_deref();
        known.iter().position(|known| Some(*known) == cell)
    };
    let (task, codec) = (rows.texts("task")?, rows.texts("codec")?);
    let (index, level) = (rows.ints("index")?, rows.ints("level")?);
    let mut order: Vec<usize> = (0..rows.rows()).collect();
    order.sort_by_key(|&row| {
        (
            place(&tasks, &task[row]),
            index[row],
            place(&codecs, &codec[row]),
            level[row],
        )
    });
    Ok(rows.take(&order))
}
