//! The files of a training run's folder: finished levels, and one checkpoint.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use splitsim_model::Digest;
use splitsim_text::Text;
use tch::{Kind, Tensor};

use super::plateau::Plateau;
use super::{Figures, TrainConfig, TrainingSet};
use crate::{HyperpriorError, Parameters};

/// A training's folder.
pub(super) struct Ladder {
    dir: PathBuf,
}

/// The position in the training at which a checkpoint was written, and the best validation so far.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) level: usize,
    pub(super) step: usize,
    pub(super) plateau: Plateau,
    pub(super) best: Option<Figures>,
}

const CONFIG: &str = "config.json";
const PICTURES: &str = "pictures.json";
const NOTE: &str = "checkpoint.json";
/// The largest note or configuration that is read.
const MAX_NOTE_BYTES: u64 = 1 << 20;
/// The largest checkpoint that is read: parameters of the widest level, with the optimiser's moments.
const MAX_FILE_BYTES: u64 = 1 << 32;

impl Ladder {
    /// Makes the folder, or takes the one of the same configuration.
    pub(super) fn open(dir: &Path, config: &TrainConfig) -> Result<Self, HyperpriorError> {
        std::fs::create_dir_all(dir).map_err(io(dir))?;
        let ladder = Self {
            dir: dir.to_owned(),
        };
        match ladder.read_json::<TrainConfig>(CONFIG)? {
            None => ladder.write_json(CONFIG, config)?,
            Some(found) if found == *config => {}
            Some(_) => {
                return Err(HyperpriorError::Training(format!(
                    "{} holds a training of another configuration; use another folder or remove it",
                    dir.display()
                )));
            }
        }
        Ok(ladder)
    }

    /// Refuses a folder whose levels were trained on other pictures: they would pass for trained on these.
    pub(super) fn require(&self, set: &TrainingSet) -> Result<(), HyperpriorError> {
        let digest = set.digest();
        match self.read_json::<Digest>(PICTURES)? {
            None => self.write_json(PICTURES, &digest),
            Some(found) if found == digest => Ok(()),
            Some(_) => Err(HyperpriorError::Training(format!(
                "{} holds a training on other pictures, or of another model; use another folder or \
                 remove it",
                self.dir.display()
            ))),
        }
    }

    /// The parameters of a level that was trained to its end.
    pub(super) fn finished(&self, level: usize) -> Result<Option<Parameters>, HyperpriorError> {
        if self.dir.join(level_file(level)).exists() {
            return read_level(&self.dir, level).map(Some);
        }
        Ok(None)
    }

    /// Stores a level that is trained, and forgets the checkpoint.
    pub(super) fn finish(
        &self,
        level: usize,
        parameters: &Parameters,
    ) -> Result<(), HyperpriorError> {
        let tensors: Vec<(String, Tensor)> = parameters
            .tensors()
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
            .collect();
        write(&self.dir.join(level_file(level)), &tensors)?;
        self.remove_checkpoints(None);
        let note = self.dir.join(NOTE);
        match std::fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&note)(error)),
            _ => Ok(()),
        }
    }

    /// The note of the checkpoint, if it belongs to this level.
    pub(super) fn checkpoint(&self, level: usize) -> Result<Option<Note>, HyperpriorError> {
        let note = self.read_json::<Note>(NOTE)?;
        Ok(note.filter(|note| note.level == level))
    }

    /// The tensors of the checkpoint of a step.
    pub(super) fn saved(&self, step: usize) -> Result<BTreeMap<String, Tensor>, HyperpriorError> {
        read(&self.dir.join(checkpoint_file(step)))
    }

    pub(super) fn save(
        &self,
        note: &Note,
        tensors: &[(String, Tensor)],
    ) -> Result<(), HyperpriorError> {
        write(&self.dir.join(checkpoint_file(note.step)), tensors)?;
        self.write_json(NOTE, note)?;
        self.remove_checkpoints(Some(note.step));
        Ok(())
    }

    /// Old checkpoints only cost disk space: failing to remove one is no reason to stop.
    fn remove_checkpoints(&self, but: Option<usize>) {
        let kept = but.map(checkpoint_file);
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let tensors = name.starts_with("checkpoint-");
            if tensors && kept.as_ref() != Some(&name) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, HyperpriorError> {
        let path = self.dir.join(name);
        let Some(text) = Text::read_if_there(&path, MAX_NOTE_BYTES)? else {
            return Ok(None);
        };
        serde_json::from_str(text.as_str())
            .map(Some)
            .map_err(|error| damaged(&path, error))
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), HyperpriorError> {
        let path = self.dir.join(name);
        let text = serde_json::to_string_pretty(value).map_err(|error| damaged(&path, error))?;
        Ok(splitsim_durable::replace(&path, text)?)
    }
}

/// The parameters of a finished level in a training's folder.
pub(super) fn read_level(dir: &Path, level: usize) -> Result<Parameters, HyperpriorError> {
    let path = dir.join(level_file(level));
    Parameters::from_state_dict(&path.display().to_string(), read(&path)?)
}

fn level_file(level: usize) -> String {
    format!("level-{level:03}.safetensors")
}

fn checkpoint_file(step: usize) -> String {
    format!("checkpoint-{step:07}.safetensors")
}

fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, HyperpriorError> {
    let bytes = splitsim_text::read(path, MAX_FILE_BYTES)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(path, error))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(path, format!("'{name}' is {:?}", view.dtype())));
        }
        let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
        tensors.insert(
            name,
            Tensor::f_from_data_size(view.data(), &shape, Kind::Float)?,
        );
    }
    Ok(tensors)
}

fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), HyperpriorError> {
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let tensor = tensor.f_detach()?.f_contiguous()?;
        let mut bytes = vec![0; tensor.numel() * Kind::Float.elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        let shape = tensor
            .size()
            .into_iter()
            .map(|side| side as usize)
            .collect();
        stored.push((name, shape, bytes));
    }
    let mut views = BTreeMap::new();
    for (name, shape, bytes) in &stored {
        let shape: &Vec<usize> = shape;
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.insert((*name).clone(), view.map_err(|error| damaged(path, error))?);
    }
    let bytes = safetensors::serialize(views, None).map_err(|error| damaged(path, error))?;
    Ok(splitsim_durable::replace(path, &bytes)?)
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> HyperpriorError {
    let path = path.to_owned();
    move |source| HyperpriorError::Io { path, source }
}

fn damaged(path: &Path, reason: impl ToString) -> HyperpriorError {
    HyperpriorError::File {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
