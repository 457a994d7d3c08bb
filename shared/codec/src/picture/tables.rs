use splitsim_feature::Task;
use splitsim_model::{Digest, Package, RangeTable};

use super::Codebook;
use crate::CodecError;

/// The tables that the picture stage of a model and task takes from the model package.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// The model's name, for messages.
    pub model: String,
    /// The task.
    pub task: Task,
    /// Layers of a feature.
    pub layers: usize,
    /// The calibrated value range of every layer; empty where the model is not calibrated.
    pub ranges: RangeTable,
    /// The codebook, if the package has one.
    pub codebook: Option<Codebook>,
}

impl Tables {
    /// The name of codebooks in a manifest's `tables`.
    pub const CODEBOOK: &'static str = "codebook";

    /// The tables of a package's task.
    ///
    /// # Errors
    /// When the package lacks the task, or its codebook cannot be read or is not for its layers.
    pub fn of(package: &Package, task: Task) -> Result<Self, CodecError> {
        let common = package.task(task)?.common();
        let layers = common.taps.len();
        let path = package
            .table_paths(task, Self::CODEBOOK)?
            .into_iter()
            .next();
        let codebook = path.map(|path| {
            let opened = Codebook::open(&path)
                .and_then(|codebook| codebook.check_layers(layers).map(|()| codebook));
            opened.map_err(|source| CodecError::CodebookFile { path, source })
        });
        Ok(Self {
            model: package.manifest().name.clone(),
            task,
            layers,
            ranges: common.ranges.clone(),
            codebook: codebook.transpose()?,
        })
    }

    /// The digest of all that a decoder takes from here.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let ranges = self.ranges.digest();
        match &self.codebook {
            None => ranges,
            Some(codebook) => {
                let codebook = codebook.digest();
                Digest::of(&[ranges.bytes().as_slice(), codebook.bytes()].concat())
            }
        }
    }
}
