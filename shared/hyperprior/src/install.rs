//! Trained levels become part of a model package.

use std::collections::BTreeSet;
use std::path::PathBuf;

use splitsim_codec::CodecId;
use splitsim_feature::Task;
use splitsim_model::{Manifest, Package};

use crate::{HyperpriorError, Parameters, Precision, write_level};

/// The folder of codec tables in a package.
const FOLDER: &str = "codecs";

/// One level to be installed.
#[derive(Debug)]
pub struct TrainedLevel {
    /// Its λ.
    pub lambda: f64,
    /// The trained parameters.
    pub parameters: Parameters,
}

/// Writes levels into a package as the ladder of `codec` for `tasks`, cheapest first, in place of
/// an existing one, and returns their files.
///
/// # Errors
/// When an entropy model cannot be made of the parameters, or a file cannot be written.
pub fn install(
    package: &Package,
    codec: CodecId,
    tasks: &[Task],
    levels: &[TrainedLevel],
    precision: Precision,
) -> Result<Vec<PathBuf>, HyperpriorError> {
    let prefix = match (codec, tasks) {
        (CodecId::HyperpriorTask, [task]) => format!("{codec}-{task}"),
        _ => codec.to_string(),
    };
    let folder = package.root().join(FOLDER);
    let write = |level: &TrainedLevel| write_level(&level.parameters, precision, &folder, &prefix);
    let paths: Vec<PathBuf> = levels.iter().map(write).collect::<Result<_, _>>()?;
    let mut manifest = package.manifest().clone();
    let before = files(&manifest);
    for &task in tasks {
        let Some(common) = manifest.tasks.common_mut(task) else {
            continue;
        };
        let lambdas = levels.iter().map(|level| level.lambda).collect();
        common.ladders.insert(codec.name().to_owned(), lambdas);
        let names = paths.iter().filter_map(|path| path.file_name());
        let names = names.map(|name| format!("{FOLDER}/{}", name.to_string_lossy()));
        common
            .tables
            .insert(codec.name().to_owned(), names.collect());
    }
    manifest.write(package.root())?;
    let after = files(&manifest);
    for replaced in before.difference(&after) {
        let path = package.root().join(replaced);
        std::fs::remove_file(&path).map_err(|source| HyperpriorError::Io { path, source })?;
    }
    Ok(paths)
}

/// Every table file that a manifest lists.
fn files(manifest: &Manifest) -> BTreeSet<String> {
    let commons = Task::ALL
        .into_iter()
        .filter_map(|task| manifest.tasks.common(task));
    let listed = commons.flat_map(|common| common.tables.values().flatten());
    listed.cloned().collect()
}
