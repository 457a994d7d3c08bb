use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use splitsim_feature::Task;
use splitsim_model::{Architecture, Manifest, Package, PositionInterpolation};

use crate::backbone::BackboneSource;
use crate::heads::{self, HeadPlan};
use crate::import_error::ImportError;
use crate::naming::Naming;
use crate::planned::PlannedFile;
use crate::tasks::tasks;
use crate::template::Template;
use crate::{Checkpoint, Format};

/// The checkpoints that a package is made of.
#[derive(Debug)]
pub struct Sources {
    /// The backbone.
    pub backbone: Checkpoint,
    /// The classification head.
    pub cls_head: Option<Checkpoint>,
    /// The segmentation head.
    pub seg_head: Option<Checkpoint>,
    /// The depth head.
    pub dpt_head: Option<Checkpoint>,
}

/// The user's choices in place of the template's.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// The package's name.
    pub name: Option<String>,
    /// The method by which the position embedding is resampled to another grid.
    pub position_interpolation: Option<PositionInterpolation>,
    /// Classes of the classification head.
    pub cls_classes: Option<usize>,
    /// Classes of the segmentation head.
    pub seg_classes: Option<usize>,
}

/// A planned package: every tensor has been found and fits.
#[derive(Debug)]
pub struct Import<'a> {
    template: String,
    manifest: Manifest,
    files: Vec<PlannedFile<'a>>,
    sources: Vec<SourceNote<'a>>,
}

#[derive(Debug)]
struct SourceNote<'a> {
    role: &'static str,
    checkpoint: &'a Checkpoint,
    naming: Option<Naming>,
    unused: Vec<String>,
}

/// A file that a package was made of, as recorded in `import.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// `backbone`, `cls-head`, `seg-head` or `dpt-head`.
    pub role: &'static str,
    /// The file's name, without its folder.
    pub file: String,
    /// `pth` or `safetensors`.
    pub format: &'static str,
    /// The naming of a backbone's keys: `meta`, `hugging-face` or `timm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub naming: Option<&'static str>,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
    /// Keys that the package leaves out.
    pub unused: Vec<String>,
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// The package, opened.
    pub package: Package,
    /// The files that it was made of.
    pub sources: Vec<SourceFile>,
}

/// The content of `import.json`.
#[derive(Serialize)]
struct Record<'a> {
    made_by: &'a str,
    template: &'a str,
    sources: &'a [SourceFile],
}

/// The file in a package that records its sources. It is not part of the package's digest: the same weights
/// make the same package, whatever files they came in.
const RECORD: &str = "import.json";

impl<'a> Import<'a> {
    /// Finds every tensor of the package in the checkpoints and checks that all of them fit.
    ///
    /// Without a head, a task provides features only.
    ///
    /// # Errors
    /// When the backbone is another than the template's, or a head does not fit it.
    pub fn plan(
        template: &Template,
        sources: &'a Sources,
        choices: &Choices,
    ) -> Result<Self, ImportError> {
        let backbone = BackboneSource::new(&sources.backbone, template)?;
        let architecture = Architecture {
            position_interpolation: choices
                .position_interpolation
                .unwrap_or(template.architecture.position_interpolation),
            ..template.architecture.clone()
        };
        let heads = heads(template, &architecture, sources, choices)?;
        let manifest = Manifest {
            name: choices.name.as_ref().unwrap_or(&template.name).clone(),
            description: template.description.clone(),
            licence: template.licence.clone(),
            provenance: format!(
                "imported with template {}; {RECORD} names the files and their digests",
                template.name
            ),
            tasks: tasks(template, &architecture, &heads),
            without_head: Task::ALL
                .into_iter()
                .filter(|task| !heads.contains_key(task))
                .collect(),
            architecture,
        };
        let mut import = Self {
            template: template.name.clone(),
            files: vec![PlannedFile {
                path: PathBuf::from(Package::BACKBONE),
                tensors: backbone.plan(&manifest.architecture)?,
            }],
            sources: vec![SourceNote {
                role: "backbone",
                checkpoint: &sources.backbone,
                naming: Some(backbone.naming()),
                unused: backbone.unused(),
            }],
            manifest,
        };
        for (task, head) in heads {
            import.add_head(task, head, &backbone)?;
        }
        Ok(import)
    }

    fn add_head(
        &mut self,
        task: Task,
        mut head: HeadPlan<'a>,
        backbone: &BackboneSource<'a>,
    ) -> Result<(), ImportError> {
        // Heads carry the norm of the backbone that they were trained on.
        let (role, normed) = match task {
            Task::Cls => ("cls-head", true),
            Task::Seg => ("seg-head", true),
            Task::Dpt => ("dpt-head", false),
        };
        if normed {
            let norm = backbone.norm(&self.manifest.architecture)?;
            head.tensors.extend(norm);
        }
        self.files.push(PlannedFile {
            path: head_file(task),
            tensors: head.tensors,
        });
        self.sources.push(SourceNote {
            role,
            checkpoint: head.checkpoint,
            naming: None,
            unused: head.unused,
        });
        Ok(())
    }

    /// The manifest that the package will have.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes that [`Self::write`] reads and writes, for a progress bar.
    #[must_use]
    pub fn work_bytes(&self) -> u64 {
        let read = self.sources.iter().map(|note| note.checkpoint.file_bytes());
        let written = self.files.iter().map(PlannedFile::data_bytes);
        read.sum::<u64>() + written.sum::<u64>()
    }

    /// Writes the package into `dir`, the manifest last, and opens it. `progress` is called with the further
    /// bytes of [`Self::work_bytes`] that are done. At most one tensor is in memory at a time.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write(self, dir: &Path, progress: &mut dyn FnMut(u64)) -> Result<Imported, ImportError> {
        let heads = dir.join("heads");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| ImportError::Io { path, source }
        };
        std::fs::create_dir_all(&heads).map_err(io(&heads))?;
        // A package that is cut off while it is being replaced is no package, and heads that the new
        // one lacks are not left behind.
        let stale = self.manifest.without_head.iter().copied().map(head_file);
        for file in std::iter::once(PathBuf::from(Package::MANIFEST)).chain(stale) {
            let path = dir.join(file);
            if path.exists() {
                std::fs::remove_file(&path).map_err(io(&path))?;
            }
        }
        let sources = self
            .sources
            .iter()
            .map(|note| note.to_file(progress))
            .collect::<Result<Vec<_>, _>>()?;
        for file in self.files {
            file.write(dir, progress)?;
        }
        let record = Record {
            made_by: concat!("splitsim ", env!("CARGO_PKG_VERSION")),
            template: &self.template,
            sources: &sources,
        };
        let path = dir.join(RECORD);
        let text = serde_json::to_string_pretty(&record).map_err(|error| ImportError::Header {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        splitsim_durable::replace(&path, text + "\n")?;
        self.manifest.write(dir)?;
        Ok(Imported {
            package: Package::open(dir)?,
            sources,
        })
    }
}

impl SourceNote<'_> {
    fn to_file(&self, progress: &mut dyn FnMut(u64)) -> Result<SourceFile, ImportError> {
        let name = self.checkpoint.path().file_name().unwrap_or_default();
        Ok(SourceFile {
            role: self.role,
            file: name.to_string_lossy().into_owned(),
            format: Format::name(self.checkpoint.format()),
            naming: self.naming.map(Naming::name),
            bytes: self.checkpoint.file_bytes(),
            sha256: self.checkpoint.sha256(progress)?,
            unused: self.unused.clone(),
        })
    }
}

/// The heads that are given, each of which fits.
fn heads<'a>(
    template: &Template,
    architecture: &Architecture,
    sources: &'a Sources,
    choices: &Choices,
) -> Result<BTreeMap<Task, HeadPlan<'a>>, ImportError> {
    let mut plans = BTreeMap::new();
    if let Some(head) = &sources.cls_head {
        let plan = heads::cls(head, architecture, &template.cls, choices.cls_classes)?;
        plans.insert(Task::Cls, plan);
    }
    if let Some(head) = &sources.seg_head {
        let plan = heads::seg(head, architecture, &template.seg, choices.seg_classes)?;
        plans.insert(Task::Seg, plan);
    }
    if let Some(head) = &sources.dpt_head {
        let plan = heads::dpt(head, architecture, &template.dpt)?;
        plans.insert(Task::Dpt, plan);
    }
    Ok(plans)
}

/// A head's file within a package.
fn head_file(task: Task) -> PathBuf {
    Path::new("heads").join(format!("{task}.safetensors"))
}
