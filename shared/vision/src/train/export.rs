//! From trained tensors to a model package.

use std::collections::BTreeMap;
use std::path::Path;

use splitsim_feature::Task;
use splitsim_model::{Manifest, Package, Tasks};
use tch::{Kind, Tensor};

use super::{TrainConfig, init, manifest, model};
use crate::{VisionError, Weights, weights};

/// The entries of a package's manifest that the training configuration does not determine.
#[derive(Debug, Clone)]
pub struct PackageNote {
    /// The package's name.
    pub name: String,
    /// A description of the model, in a sentence.
    pub description: String,
    /// Licence of the weights.
    pub licence: String,
    /// The origin of the weights, such as the command that made them.
    pub provenance: String,
}

/// Writes a package of `f16` weights whose value ranges and ladders are not calibrated yet.
///
/// # Errors
/// When a file cannot be written.
pub fn export(
    config: &TrainConfig,
    tensors: &BTreeMap<String, Tensor>,
    note: PackageNote,
    dir: &Path,
) -> Result<Package, VisionError> {
    let heads = dir.join("heads");
    let io = |source| VisionError::Io {
        path: heads.clone(),
        source,
    };
    std::fs::create_dir_all(&heads).map_err(io)?;
    write(&dir.join(Package::BACKBONE), model::backbone_part(tensors))?;
    for task in Task::ALL {
        let file = heads.join(format!("{task}.safetensors"));
        write(&file, model::part(tensors, &format!("{task}.")))?;
    }
    let manifest = Manifest {
        name: note.name,
        description: note.description,
        licence: note.licence,
        provenance: note.provenance,
        architecture: config.architecture.clone(),
        without_head: Vec::new(),
        tasks: Tasks {
            cls: Some(manifest::cls_task(config)),
            seg: Some(manifest::seg_task(config)),
            dpt: Some(manifest::dpt_task(config)),
        },
    };
    manifest.write(dir)?;
    Ok(Package::open(dir)?)
}

/// Writes a package with random weights: right in every shape, useless in every answer.
///
/// For tests of what surrounds a model.
///
/// # Errors
/// When a file cannot be written.
pub fn random_package(config: &TrainConfig, dir: &Path) -> Result<Package, VisionError> {
    let note = PackageNote {
        name: "random".to_owned(),
        description: "random weights".to_owned(),
        licence: "CC0-1.0".to_owned(),
        provenance: format!("seed {}", config.seed),
    };
    export(config, &init::weights(config)?, note, dir)
}

fn write(path: &Path, part: Weights) -> Result<(), VisionError> {
    weights::write(path, &part.into_tensors(), Kind::Half)
}
