//! The folder of results: of one scenario and one model, written by one process at a time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use splitsim_durable::{Lock, LockError};
use splitsim_edge::FailedFrame;
use splitsim_policy::Decision;
use splitsim_replay::Recording;
use splitsim_results::{Store, Summary};
use splitsim_text::Text;

use super::provenance::Provenance;
use super::report;
use crate::commands::report::FILE as REPORT;
use crate::ladder::COMPARISON_FILES;
use crate::scenario::Scenario;

/// A folder of results that this process holds.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held as long as the folder is.
    _lock: Lock,
    resolved: String,
    found: Found,
}

/// The scenario that a folder of results belongs to, and the provenance of the results.
pub(crate) struct Owner<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) provenance: &'a Provenance,
    /// Frames of the scenario's source.
    pub(crate) frames: usize,
}

/// The contents of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing.
    Nothing,
    /// Some of the results of this very scenario: they can be resumed.
    Unfinished,
    /// All results of this very scenario.
    Finished,
    /// Results that may be replaced.
    Replaceable,
}

pub(crate) const RESOLVED: &str = "scenario.resolved.toml";
/// The largest file that is read of a folder of results.
pub(super) const MAX_BYTES: u64 = 1 << 28;
const SUMMARY: &str = "summary.json";
pub(super) const EDGES: &str = "edges";
/// Beside an edge's journal: frames that came to nothing.
const FAILED: &str = "failed.json";
pub(crate) const LOCK: &str = ".lock";
/// There while a folder is being cleared: what else is there then is not whole.
const CLEARING: &str = ".clearing";

impl Folder {
    /// Takes hold of a folder, made if it is missing; nothing in it changes.
    ///
    /// # Errors
    /// When another process holds it, or it has other contents than results of this scenario and
    /// model, unless `force` says that other results may be replaced.
    pub(crate) fn open(path: &Path, owner: &Owner<'_>, force: bool) -> Result<Self> {
        let named = || format!("folder {}", path.display());
        fs::create_dir_all(path).with_context(named)?;
        let lock = lock(path)?;
        let found = look(path, owner, force)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
            resolved: resolved(owner.scenario, owner.provenance)?,
            found,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// `true` if every frame of this very scenario is in the results.
    pub(crate) fn is_finished(&self) -> bool {
        self.found == Found::Finished
    }

    /// `true` if the summary and the report, which come last, have been written too.
    pub(super) fn is_told(&self) -> bool {
        [SUMMARY, REPORT]
            .iter()
            .all(|file| self.path.join(file).exists())
    }

    /// The refusal to replace finished results; `more` ends it.
    pub(crate) fn in_the_way(&self, more: &str) -> String {
        format!(
            "{} has all results of this scenario; choose another --out, or replace them with --force{more}",
            self.path.display()
        )
    }

    /// The results file.
    pub(super) fn results(&self) -> PathBuf {
        self.path.join(Store::FILE_NAME)
    }

    /// Returns the folder of an edge's journal.
    pub(super) fn edge(&self, policy: &str, edge: &str) -> PathBuf {
        self.path.join(EDGES).join(policy).join(edge)
    }

    /// Returns the folder of the recorded ladders.
    pub(crate) fn ladders(&self) -> PathBuf {
        self.path.join(Recording::FOLDER)
    }

    /// The frames of which an edge's policy shipped nothing.
    pub(super) fn dropped(&self, policy: &str, edge: &str) -> usize {
        dropped(&self.edge(policy, edge))
    }

    /// Stores which frames of an edge came to nothing, for the report; what an earlier process stored is
    /// replaced, as its frames were tried again.
    pub(super) fn failed(&self, policy: &str, edge: &str, frames: &[FailedFrame]) -> Result<()> {
        let folder = self.edge(policy, edge);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let json = serde_json::to_vec_pretty(frames)?;
        Ok(splitsim_durable::replace(&folder.join(FAILED), json)?)
    }

    /// The resolved scenario with provenance, as it is stored.
    pub(super) fn resolved(&self) -> &str {
        &self.resolved
    }

    /// Clears what is to be replaced and stores the resolved scenario; unfinished results stay.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if self.found == Found::Unfinished {
            return Ok(());
        }
        self.clear()
            .with_context(|| format!("cannot clear {}", self.path.display()))?;
        self.write(RESOLVED, &self.resolved)?;
        self.found = Found::Unfinished;
        Ok(())
    }

    /// Stores the summary.
    pub(super) fn finish(&self, summary: &Summary) -> Result<()> {
        self.write(
            SUMMARY,
            &format!("{}\n", serde_json::to_string_pretty(summary)?),
        )
    }

    /// Stores the report.
    pub(crate) fn report(&self, html: &str) -> Result<()> {
        self.write(REPORT, html)
    }

    /// Removes what belongs to results, and nothing else.
    fn clear(&self) -> std::io::Result<()> {
        splitsim_durable::replace(&self.path.join(CLEARING), "")?;
        let results = Store::FILE_NAME;
        let logs = [format!("{results}-wal"), format!("{results}-shm")];
        let files = [RESOLVED, SUMMARY, REPORT, results].into_iter();
        for file in files.chain(logs.iter().map(String::as_str)) {
            absent_is_fine(fs::remove_file(self.path.join(file)))?;
        }
        for file in COMPARISON_FILES {
            absent_is_fine(fs::remove_file(self.path.join(file)))?;
        }
        for folder in [EDGES, Recording::FOLDER] {
            absent_is_fine(fs::remove_dir_all(self.path.join(folder)))?;
        }
        fs::remove_file(self.path.join(CLEARING))
    }

    /// Whole or not at all.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(splitsim_durable::replace(&self.path.join(name), text)?)
    }
}

/// Takes hold of a folder of results.
///
/// # Errors
/// When another process holds it, or its lock is a link.
pub(crate) fn lock(folder: &Path) -> Result<Lock> {
    let taken = Lock::take(&folder.join(LOCK)).map_err(|error| match error {
        LockError::Held { holder, .. } => anyhow!(
            "{} is being written by another splitsim, {holder}; wait for it, or choose another --out",
            folder.display()
        ),
        LockError::File(error) => error.into(),
    })?;
    splitsim_durable::remove_stale(folder)?;
    Ok(taken)
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The scenario file that says everything, with the provenance that is read over.
pub(crate) fn resolved(scenario: &Scenario, provenance: &Provenance) -> Result<String> {
    #[derive(Serialize)]
    struct Tail<'a> {
        provenance: &'a Provenance,
    }
    let tail = toml::to_string(&Tail { provenance })?;
    Ok(format!("{}\n{tail}", scenario.to_toml()))
}

/// The provenance of the results in a folder, which must be of this scenario and model; `None` where
/// there are no results. `remedy` ends the sentence of a refusal.
///
/// # Errors
/// Names what differs, or says that the resolved scenario there is damaged.
pub(crate) fn require_same(
    path: &Path,
    scenario: &Scenario,
    model_digest: &str,
    remedy: &str,
) -> Result<Option<Provenance>> {
    let file = path.join(RESOLVED);
    let Some(stored) = Text::read_if_there(&file, MAX_BYTES)? else {
        return Ok(None);
    };
    let damaged = || format!("{} is damaged; {remedy}", file.display());
    let (there, provenance) = split(stored.as_str()).with_context(damaged)?;
    let mut differences = differing_keys(&there, &scenario.to_toml().parse()?);
    if provenance.model_digest != model_digest {
        differences.push("the model's weights or manifest".to_owned());
    }
    if !differences.is_empty() {
        bail!(
            "{} has the results of another scenario or model, which differs in: {}; {remedy}",
            path.display(),
            differences.join(", ")
        );
    }
    Ok(Some(provenance))
}

fn look(path: &Path, owner: &Owner<'_>, force: bool) -> Result<Found> {
    if path.join(CLEARING).exists() {
        return Ok(Found::Replaceable);
    }
    if force && path.join(RESOLVED).exists() {
        return Ok(Found::Replaceable);
    }
    let remedy = "choose another --out, or replace them with --force";
    let digest = &owner.provenance.model_digest;
    let Some(provenance) = require_same(path, owner.scenario, digest, remedy)? else {
        return look_without(path);
    };
    if is_finished(path, owner) {
        return Ok(Found::Finished);
    }
    let differences = owner.provenance.differences(&provenance);
    if !differences.is_empty() {
        bail!(
            "{} has unfinished results made with other software: {}; choose another --out, or start \
             over with --force",
            path.display(),
            differences.join(", ")
        );
    }
    Ok(Found::Unfinished)
}

/// A folder without a resolved scenario may be used if it is empty.
fn look_without(path: &Path) -> Result<Found> {
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let name = entry?.file_name();
        if name != LOCK {
            bail!(
                "{} is not empty and has no results of splitsim (found {}); choose another --out",
                path.display(),
                name.display()
            );
        }
    }
    Ok(Found::Nothing)
}

fn split(stored: &str) -> Result<(toml::Table, Provenance)> {
    let mut table: toml::Table = stored.parse()?;
    let provenance = table.remove("provenance").context("no [provenance]")?;
    Ok((table, provenance.try_into()?))
}

fn differing_keys(there: &toml::Table, now: &toml::Table) -> Vec<String> {
    let changed = there
        .iter()
        .filter(|(key, value)| now.get(*key) != Some(*value));
    let added = now.iter().filter(|(key, _)| !there.contains_key(*key));
    changed.chain(added).map(|(key, _)| key.clone()).collect()
}

/// `true` if every frame of every policy and task is in the results; `false` if they cannot be read.
fn is_finished(path: &Path, owner: &Owner<'_>) -> bool {
    let dropped = |policy: &str, edge: &str| dropped(&path.join(EDGES).join(policy).join(edge));
    Summary::of_file(&path.join(Store::FILE_NAME))
        .is_ok_and(|summary| report::missing(owner.scenario, owner.frames, &summary, dropped) == 0)
}

/// The frames of which an edge's policy shipped nothing.
pub(super) fn dropped(edge: &Path) -> usize {
    let decided = splitsim_edge::read_decisions(edge).unwrap_or_default();
    let dropped = decided.iter().filter(|frame| frame.end == Decision::Drop);
    dropped
        .map(|frame| frame.frame)
        .collect::<BTreeSet<_>>()
        .len()
}

/// The frames of an edge that came to nothing, with the reasons; none where nothing says so.
pub(super) fn failed(edge: &Path) -> Vec<(u64, String)> {
    let stored = splitsim_text::read(&edge.join(FAILED), MAX_BYTES).unwrap_or_default();
    let frames: Vec<FailedFrame> = serde_json::from_slice(&stored).unwrap_or_default();
    frames
        .into_iter()
        .map(|one| (one.frame, one.reason))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::provenance::Host;

    fn provenance() -> Provenance {
        let text = || "x".to_owned();
        Provenance {
            splitsim: text(),
            model_digest: text(),
            libtorch: text(),
            ffmpeg: text(),
            begun_at: text(),
            host: Host {
                system: text(),
                kernel: text(),
                architecture: text(),
                processor: text(),
                cores: 2,
                memory: text(),
            },
        }
    }

    fn scenario(settings: &[&str]) -> Scenario {
        let dir = tempfile::tempdir().unwrap();
        let config = splitsim_vision::train::TrainConfig::miniature();
        let package = splitsim_vision::train::random_package(&config, dir.path()).unwrap();
        let text = "name = 'a'\nframes = 2\n[[policies]]\nname = 'p'\nkind = 'always'\nlevel = 0";
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        crate::scenario::parse(text, &settings)
            .unwrap()
            .resolve(&package)
            .unwrap()
    }

    fn open(path: &Path, settings: &[&str], force: bool) -> Result<Folder> {
        open_as(path, settings, force, &provenance())
    }

    fn open_as(
        path: &Path,
        settings: &[&str],
        force: bool,
        provenance: &Provenance,
    ) -> Result<Folder> {
        let owner = Owner {
            scenario: &scenario(settings),
            provenance,
            frames: 2,
        };
        Folder::open(path, &owner, force)
    }

    fn refused(result: Result<Folder>, part: &str) {
        let message = format!("{:#}", result.unwrap_err());
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn unfinished_results_are_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = open(dir.path(), &[], false).unwrap();
        assert_eq!(folder.found, Found::Nothing);
        folder.begin().unwrap();
        fs::write(dir.path().join(SUMMARY), "{}").unwrap();
        refused(
            open(dir.path(), &[], false),
            "being written by another splitsim",
        );
        drop(folder);
        let mut folder = open(dir.path(), &[], false).unwrap();
        assert_eq!(folder.found, Found::Unfinished);
        folder.begin().unwrap();
        assert!(dir.path().join(SUMMARY).exists());
    }

    #[test]
    fn other_results_are_not_mixed_in() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), &[], false).unwrap().begin().unwrap();
        refused(
            open(dir.path(), &["frames=3", "seed=9"], false),
            "differs in: seed, frames; choose",
        );
        let mut other_model = provenance();
        other_model.model_digest = "y".to_owned();
        refused(
            open_as(dir.path(), &[], false, &other_model),
            "the model's weights",
        );
        let mut other_torch = provenance();
        other_torch.libtorch = "y".to_owned();
        refused(
            open_as(dir.path(), &[], false, &other_torch),
            "libtorch (there 'x', now 'y')",
        );
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        fs::create_dir_all(dir.path().join(EDGES)).unwrap();
        let mut folder = open(dir.path(), &["frames=3"], true).unwrap();
        folder.begin().unwrap();
        assert!(dir.path().join("notes.txt").exists());
        assert!(!dir.path().join(EDGES).exists());
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        refused(open(dir.path(), &[], true), "found notes.txt");
    }

    #[test]
    fn half_cleared_results_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), &[], false).unwrap().begin().unwrap();
        fs::write(dir.path().join(CLEARING), "").unwrap();
        let mut folder = open(dir.path(), &[], false).unwrap();
        assert_eq!(folder.found, Found::Replaceable);
        folder.begin().unwrap();
        assert!(!dir.path().join(CLEARING).exists());
    }
}
