//! A data set's features.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use splitsim_feature::Task;

const ORIGINALS: &str = "org_feat";
const COMPRESSED: &str = "compressed_feat";
/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 12;

/// Original and compressed features.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// By task and name.
    pub(super) originals: BTreeMap<(Task, String), PathBuf>,
    /// By codec and task: the levels, in natural order of their names.
    compressed: BTreeMap<(String, Task), Vec<Level>>,
}

/// The files of one level, by feature.
#[derive(Debug)]
pub(super) struct Level {
    /// As its folder is called.
    pub(super) label: String,
    pub(super) features: BTreeMap<String, Compressed>,
}

/// One compressed feature.
#[derive(Debug, Default, Clone)]
pub(super) struct Compressed {
    pub(super) reconstruction: Option<PathBuf>,
    pub(super) bitstream: Option<PathBuf>,
}

impl Files {
    pub(super) fn find(paths: &[PathBuf]) -> Result<Self> {
        let mut originals = BTreeMap::new();
        let mut compressed = Vec::new();
        for path in paths.iter().filter(|path| path.is_dir()) {
            for file in walk(path)? {
                match within(&file, ORIGINALS) {
                    Some(parts) => originals.extend(original(&parts, &file)),
                    None => compressed
                        .extend(within(&file, COMPRESSED).map(|parts| (parts, file.clone()))),
                }
            }
        }
        let mut files = Self {
            originals,
            compressed: BTreeMap::new(),
        };
        let mut levels: BTreeMap<(String, Task), BTreeMap<String, Level>> = BTreeMap::new();
        for (parts, file) in &compressed {
            if let Some(found) = files.compressed_of(parts, file) {
                let of_group = levels.entry((found.codec, found.task)).or_default();
                let level = of_group.entry(found.level.clone()).or_insert(Level {
                    label: found.level,
                    features: BTreeMap::new(),
                });
                level
                    .features
                    .entry(found.name)
                    .or_default()
                    .take(found.kind, file);
            }
        }
        files.compressed = levels
            .into_iter()
            .map(|(group, levels)| (group, in_natural_order(levels.into_values().collect())))
            .collect();
        Ok(files)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.compressed.is_empty()
    }

    /// Codecs and tasks with compressed features.
    pub(super) fn groups(&self) -> Vec<(&str, Task)> {
        let groups = self.compressed.keys();
        groups
            .map(|(codec, task)| (codec.as_str(), *task))
            .collect()
    }

    pub(super) fn levels(&self, codec: &str, task: Task) -> &[Level] {
        let levels = self.compressed.get(&(codec.to_owned(), task));
        levels.map_or(&[], Vec::as_slice)
    }

    /// Lists the deviations from a set with this many features per task and levels per codec.
    pub(super) fn gaps(&self, features: usize, levels: usize) -> Vec<String> {
        let mut gaps = Vec::new();
        let tasks: BTreeSet<Task> = self.compressed.keys().map(|(_, task)| *task).collect();
        for task in tasks {
            let actual = self
                .originals
                .keys()
                .filter(|(other, _)| *other == task)
                .count();
            if actual != features {
                gaps.push(format!(
                    "{ORIGINALS}/{task}: {actual} features of {features}"
                ));
            }
        }
        for ((codec, task), found) in &self.compressed {
            if found.len() != levels {
                gaps.push(format!(
                    "{codec} {task}: {} levels of {levels}",
                    found.len()
                ));
            }
            for level in found
                .iter()
                .filter(|level| level.features.len() != features)
            {
                let actual = level.features.len();
                gaps.push(format!(
                    "{codec} {task} {}: {actual} features of {features}",
                    level.label
                ));
            }
            let names: BTreeSet<&String> = found
                .iter()
                .flat_map(|level| level.features.keys())
                .collect();
            let orphans = names
                .into_iter()
                .filter(|name| !self.originals.contains_key(&(*task, (*name).clone())));
            gaps.extend(orphans.map(|name| format!("{codec} {task} {name}: no original feature")));
        }
        gaps
    }

    /// The folders between task and file are the level; without such, what the file's name has beyond the
    /// original's.
    fn compressed_of(&self, parts: &[String], file: &Path) -> Option<Found> {
        let kind = match file.extension()?.to_str()? {
            "npy" => Kind::Reconstruction,
            "bin" | "splf" => Kind::Bitstream,
            _ => return None,
        };
        let (codec, rest) = parts.split_first()?;
        let place = rest.iter().position(|part| task_of(part).is_some())?;
        let task = task_of(&rest[place])?;
        let stem = file.file_stem()?.to_str()?.to_owned();
        let folders: Vec<&str> = rest
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != place)
            .map(|(_, part)| part.as_str())
            .collect();
        let (name, level) = match folders.is_empty() {
            false => (stem, folders.join("/")),
            true => self.divided(task, stem),
        };
        Some(Found {
            codec: codec.clone(),
            task,
            level,
            name,
            kind,
        })
    }

    fn divided(&self, task: Task, stem: String) -> (String, String) {
        let names = self.originals.keys().filter(|(other, _)| *other == task);
        let names = names.map(|(_, name)| name.as_str());
        let longest = names
            .filter(|name| stem.starts_with(name))
            .max_by_key(|name| name.len());
        match longest {
            Some(name) => {
                let level = stem[name.len()..].trim_start_matches(['_', '-', '.']);
                (name.to_owned(), level.to_owned())
            }
            None => (stem, String::new()),
        }
    }
}

struct Found {
    codec: String,
    task: Task,
    level: String,
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Reconstruction,
    Bitstream,
}

impl Compressed {
    fn take(&mut self, kind: Kind, file: &Path) {
        let slot = match kind {
            Kind::Reconstruction => &mut self.reconstruction,
            Kind::Bitstream => &mut self.bitstream,
        };
        *slot = Some(file.to_owned());
    }
}

fn original(parts: &[String], file: &Path) -> Option<((Task, String), PathBuf)> {
    let task = parts.iter().find_map(|part| task_of(part))?;
    let npy = file.extension().is_some_and(|extension| extension == "npy");
    let name = file.file_stem()?.to_str()?.to_owned();
    npy.then(|| ((task, name), file.to_owned()))
}

/// `cls`, or the released scripts' `dinov2_cls`.
fn task_of(folder: &str) -> Option<Task> {
    folder.rsplit('_').next()?.parse().ok()
}

/// The folders between one called `root` and the file.
fn within(file: &Path, root: &str) -> Option<Vec<String>> {
    let parts: Vec<String> = file
        .parent()?
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let place = parts.iter().rposition(|part| part == root)?;
    Some(parts[place + 1..].to_vec())
}

/// The files in a folder and the folders in it, by name; a file as it is.
pub(super) fn walk(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = vec![(path.to_owned(), 0)];
    while let Some((path, depth)) = waiting.pop() {
        if !path.is_dir() {
            files.push(path);
        } else if depth <= MAX_DEPTH {
            let named = || path.display().to_string();
            for entry in std::fs::read_dir(&path).with_context(named)? {
                waiting.push((entry.with_context(named)?.path(), depth + 1));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn in_natural_order(mut levels: Vec<Level>) -> Vec<Level> {
    levels.sort_by(|one, other| natural(&one.label, &other.label));
    levels
}

/// By the numbers in the names first: QP2 before QP10, as the released scripts go.
fn natural(one: &str, other: &str) -> Ordering {
    let (numbers, others) = (numbers(one), numbers(other));
    let pairs = numbers.iter().zip(&others);
    let by_number = pairs
        .map(|(a, b)| a.total_cmp(b))
        .find(|ordering| ordering.is_ne());
    by_number.unwrap_or_else(|| one.cmp(other))
}

fn numbers(text: &str) -> Vec<f64> {
    let digits = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
    }

    #[test]
    fn released_layouts_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        touch(
            dir.path(),
            &[
                "org_feat/cls/a.npy",
                "org_feat/cls/b.npy",
                "compressed_feat/hm/cls/QP10/a.bin",
                "compressed_feat/hm/cls/QP10/a.npy",
                "compressed_feat/hm/cls/QP2/a.bin",
                "compressed_feat/vtm/uniform0_bitdepth10/dinov2_cls/QP4/a.bin",
                "compressed_feat/hyper/cls/a_lambda0.5.npy",
                "compressed_feat/hyper/cls/b_lambda0.5.npy",
                "compressed_feat/hm/cls/readme.md",
            ],
        );
        let files = Files::find(&[dir.path().to_owned()]).unwrap();
        assert_eq!(
            files.groups(),
            [("hm", Task::Cls), ("hyper", Task::Cls), ("vtm", Task::Cls)]
        );
        let labels: Vec<&str> = files
            .levels("hm", Task::Cls)
            .iter()
            .map(|level| level.label.as_str())
            .collect();
        assert_eq!(labels, ["QP2", "QP10"]);
        let ten = &files.levels("hm", Task::Cls)[1].features["a"];
        assert!(ten.reconstruction.is_some() && ten.bitstream.is_some());
        let flat = &files.levels("hyper", Task::Cls)[0];
        assert_eq!((flat.label.as_str(), flat.features.len()), ("lambda0.5", 2));
        assert_eq!(
            files.gaps(2, 1),
            [
                "hm cls: 2 levels of 1",
                "hm cls QP2: 1 features of 2",
                "hm cls QP10: 1 features of 2",
                "vtm cls uniform0_bitdepth10/QP4: 1 features of 2"
            ]
        );
    }

    #[test]
    fn numbers_order_levels() {
        let ordered = |one, other| natural(one, other).is_lt();
        assert!(ordered("QP2", "QP10"));
        assert!(ordered("lambda0.001_e800", "lambda0.01_e800"));
        assert!(ordered("a", "b"));
    }
}
