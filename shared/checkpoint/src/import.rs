use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use splitsim_feature::Task;
use splitsim_model::{
    Architecture, ClsTask, DptTask, Manifest, Package, PositionInterpolation, RangeTable, SegTask,
    TaskCommon, Tasks,
};

use crate::backbone::BackboneSource;
use crate::heads::{self, HeadPlan};
use crate::import_error::ImportError;
use crate::naming::Naming;
use crate::planned::PlannedFile;
use crate::template::Template;
use crate::{Checkpoint, Format};

/// The checkpoints of a package to be.
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

/// What the user may decide otherwise than the template.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// The package's name.
    pub name: Option<String>,
    /// How the position embedding is brought to another grid.
    pub position_interpolation: Option<PositionInterpolation>,
    /// Classes of the classification head.
    pub cls_classes: Option<usize>,
    /// Classes of the segmentation head.
    pub seg_classes: Option<usize>,
}

/// A package to be, whose every tensor has been found and fits.
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

/// A file that a package was made of: what `import.json` says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// `backbone`, `cls-head`, `seg-head` or `dpt-head`.
    pub role: &'static str,
    /// The file's name, without its folder.
    pub file: String,
    /// `pth` or `safetensors`.
    pub format: &'static str,
    /// Whose key names a backbone has: `meta` or `hugging-face`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub naming: Option<&'static str>,
    /// Length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
    /// Keys that the package leaves out.
    pub unused: Vec<String>,
}

/// What became of an import.
#[derive(Debug)]
pub struct Imported {
    /// The package, opened.
    pub package: Package,
    /// What it was made of.
    pub sources: Vec<SourceFile>,
}

/// The content of `import.json`.
#[derive(Serialize)]
struct Record<'a> {
    made_by: &'a str,
    template: &'a str,
    sources: &'a [SourceFile],
}

/// Where a package says what it was made of. No part of the package's digest: the same weights make
/// the same package, whatever files they came in.
const RECORD: &str = "import.json";

impl<'a> Import<'a> {
    /// Finds every tensor of the package in the checkpoints and checks that all of them fit.
    ///
    /// Tasks whose head is not given are there for features only.
    ///
    /// # Errors
    /// When the backbone is another than the template's, or a head does not fit it.
    pub fn plan(
        template: &Template,
        sources: &'a Sources,
        choices: &Choices,
    ) -> Result<Self, ImportError> {
        let backbone = BackboneSource::new(&sources.backbone, template)?;
        let mut architecture = template.architecture.clone();
        if let Some(mode) = choices.position_interpolation {
            architecture.position_interpolation = mode;
        }
        let cls = sources
            .cls_head
            .as_ref()
            .map(|head| heads::cls(head, &architecture, &template.cls, choices.cls_classes));
        let seg = sources
            .seg_head
            .as_ref()
            .map(|head| heads::seg(head, &architecture, &template.seg, choices.seg_classes));
        let dpt = sources
            .dpt_head
            .as_ref()
            .map(|head| heads::dpt(head, &architecture, &template.dpt));
        let (cls, seg, dpt) = (cls.transpose()?, seg.transpose()?, dpt.transpose()?);

        let tasks = tasks(template, &architecture, [&cls, &seg, &dpt]);
        let mut files = vec![PlannedFile {
            path: PathBuf::from(Package::BACKBONE),
            tensors: backbone.plan(&architecture)?,
        }];
        let mut notes = vec![SourceNote {
            role: "backbone",
            checkpoint: &sources.backbone,
            naming: Some(backbone.naming()),
            unused: backbone.unused(),
        }];
        let mut without_head = Vec::new();
        for (task, role, checkpoint, head) in [
            (Task::Cls, "cls-head", &sources.cls_head, cls),
            (Task::Seg, "seg-head", &sources.seg_head, seg),
            (Task::Dpt, "dpt-head", &sources.dpt_head, dpt),
        ] {
            let (Some(checkpoint), Some(mut head)) = (checkpoint, head) else {
                without_head.push(task);
                continue;
            };
            // Heads carry the norm of the backbone that they were trained on.
            if matches!(task, Task::Cls | Task::Seg) {
                head.tensors.extend(backbone.norm(&architecture)?);
            }
            files.push(PlannedFile {
                path: Path::new("heads").join(format!("{task}.safetensors")),
                tensors: head.tensors,
            });
            notes.push(SourceNote {
                role,
                checkpoint,
                naming: None,
                unused: head.unused,
            });
        }
        let name = choices
            .name
            .clone()
            .unwrap_or_else(|| template.name.clone());
        let manifest = Manifest {
            name,
            description: template.description.clone(),
            licence: template.licence.clone(),
            provenance: format!(
                "imported with template {}; {RECORD} names the files and their digests",
                template.name
            ),
            architecture,
            tasks,
            without_head,
        };
        Ok(Self {
            template: template.name.clone(),
            manifest,
            files,
            sources: notes,
        })
    }

    /// What the package will say of itself.
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

    /// Writes the package into `dir`, the manifest last, and opens it. `progress` hears how many more
    /// of [`Self::work_bytes`] are done. At most a tensor is in memory at a time.
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
        // A package that is cut off while it is being replaced is no package.
        let manifest = dir.join(Package::MANIFEST);
        if manifest.exists() {
            std::fs::remove_file(&manifest).map_err(io(&manifest))?;
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
        std::fs::write(&path, text + "\n").map_err(io(&path))?;
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

/// The manifest's tasks; heads tell taps and classes, the template what they do not.
fn tasks(
    template: &Template,
    architecture: &Architecture,
    [cls, seg, dpt]: [&Option<HeadPlan<'_>>; 3],
) -> Tasks {
    let last = vec![architecture.depth];
    let usual = |classes: &[usize]| classes.first().copied().unwrap_or_default();
    let outputs = |head: &Option<HeadPlan<'_>>, classes: &[usize]| {
        head.as_ref()
            .map_or_else(|| usual(classes), |head| head.outputs)
    };
    let taps = |head: &Option<HeadPlan<'_>>, usual: &Vec<usize>| {
        head.as_ref()
            .map_or_else(|| usual.clone(), |head| head.taps.clone())
    };
    Tasks {
        cls: Some(ClsTask {
            common: TaskCommon {
                ranges: published(&template.cls.ranges, &last, &taps(cls, &last)),
                taps: taps(cls, &last),
                ladders: template.cls.ladders.clone(),
                tables: BTreeMap::new(),
            },
            classes: outputs(cls, &template.cls.classes),
            preprocess: template.cls.preprocess,
        }),
        seg: Some(SegTask {
            common: TaskCommon {
                ranges: published(&template.seg.ranges, &last, &last),
                taps: last.clone(),
                ladders: template.seg.ladders.clone(),
                tables: BTreeMap::new(),
            },
            classes: outputs(seg, &template.seg.classes),
            preprocess: template.seg.preprocess,
        }),
        dpt: Some(DptTask {
            common: TaskCommon {
                ranges: published(
                    &template.dpt.ranges,
                    &template.dpt.taps,
                    &taps(dpt, &template.dpt.taps),
                ),
                taps: taps(dpt, &template.dpt.taps),
                ladders: template.dpt.ladders.clone(),
                tables: BTreeMap::new(),
            },
            bins: template.dpt.bins,
            min_depth_m: template.dpt.min_depth_m,
            max_depth_m: template.dpt.max_depth_m,
            preprocess: template.dpt.preprocess,
        }),
    }
}

/// The published ranges of those of `published_taps` that are tapped; none when one is missing.
fn published(ranges: &RangeTable, published_taps: &[usize], taps: &[usize]) -> RangeTable {
    let range = |tap| {
        let index = published_taps
            .iter()
            .position(|published| published == tap)?;
        ranges.0.get(index).copied()
    };
    RangeTable(
        taps.iter()
            .map(range)
            .collect::<Option<_>>()
            .unwrap_or_default(),
    )
}
