//! Random weights in a released model's shape: the `.pth` file and the package imported from it.

use std::path::{Path, PathBuf};

use splitsim_checkpoint::synthetic::{self, Wrapping, write_pth};
use splitsim_checkpoint::{Checkpoint, Choices, Import, Sources, Template};
use splitsim_model::Architecture;

use crate::Outcome;

pub(crate) struct Files {
    pub(crate) name: String,
    pub(crate) architecture: Architecture,
    folder: PathBuf,
}

impl Files {
    pub(crate) fn write(template: &Template, work: &Path) -> Outcome<Self> {
        let files = Self {
            name: template.name.clone(),
            architecture: template.architecture.clone(),
            folder: work.join(&template.name),
        };
        std::fs::create_dir_all(&files.folder)?;
        let shapes = synthetic::backbone(&template.architecture);
        write_pth(&files.checkpoint(), &shapes, Wrapping::Bare, 1)?;
        let sources = Sources {
            backbone: Checkpoint::open(&files.checkpoint())?,
            cls_head: None,
            seg_head: None,
            dpt_head: None,
        };
        let plan = Import::plan(template, &sources, &Choices::default())?;
        plan.write(&files.package(), &mut |_| ())?;
        Ok(files)
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.folder.join("backbone.pth")
    }

    pub(crate) fn package(&self) -> PathBuf {
        self.folder.join("package")
    }

    /// A file for the features of one side.
    pub(crate) fn feature(&self, side: &str) -> PathBuf {
        self.folder.join(format!("{side}.f32"))
    }

    pub(crate) fn remove(self) -> Outcome<()> {
        Ok(std::fs::remove_dir_all(self.folder)?)
    }
}
