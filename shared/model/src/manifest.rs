use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;

use crate::{
    Architecture, ClsPreprocess, DptPreprocess, FrameSize, ModelError, Package, RangeTable,
    SegPreprocess,
};

/// The content of a `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The package's name, the same as its directory's.
    pub name: String,
    /// A description of the model, in a sentence.
    pub description: String,
    /// Licence of the weights.
    pub licence: String,
    /// The origin of the weights: a command, or file names and digests.
    pub provenance: String,
    /// The backbone.
    pub architecture: Architecture,
    /// Tasks whose head is not in the package: they give features, which no head here can take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_head: Vec<Task>,
    /// The tasks that the model supports.
    pub tasks: Tasks,
}

/// The tasks of a package; at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// Classification.
    pub cls: Option<ClsTask>,
    /// Segmentation.
    pub seg: Option<SegTask>,
    /// Depth.
    pub dpt: Option<DptTask>,
}

/// The settings that all tasks have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskCommon {
    /// The blocks whose raw output is the feature, counted from 1, ascending.
    pub taps: Vec<usize>,
    /// Value range per tap, calibrated over features of this model and task; empty until then.
    #[serde(default, skip_serializing_if = "RangeTable::is_empty")]
    pub ranges: RangeTable,
    /// Parameters per codec, cheapest → richest: for `hevc` the QPs.
    #[serde(default)]
    pub ladders: BTreeMap<String, Vec<f64>>,
    /// Files of codec tables by what they are for, relative to the package, within `codecs/`:
    /// `codebook` is one file, a learned codec's weights are one file per level.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<String>>,
}

/// Classification: backbone norm, class token and mean patch token, one linear layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClsTask {
    /// Taps, ranges, ladders.
    #[serde(flatten)]
    pub common: TaskCommon,
    /// Classes of the linear layer.
    pub classes: usize,
    /// The preprocessing from an image to an input of the network.
    pub preprocess: ClsPreprocess,
}

/// Segmentation: backbone norm, batch norm, 1×1 convolution, bilinear, stitched windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SegTask {
    /// Taps, ranges, ladders.
    #[serde(flatten)]
    pub common: TaskCommon,
    /// Categories, background included.
    pub classes: usize,
    /// The preprocessing from an image to windows.
    pub preprocess: SegPreprocess,
}

/// Depth: four layers, 1×1 convolution to bins, expectation over bin centres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DptTask {
    /// Taps, ranges, ladders.
    #[serde(flatten)]
    pub common: TaskCommon,
    /// Depth bins, linearly spaced.
    pub bins: usize,
    /// Centre of the nearest bin, metres.
    pub min_depth_m: f32,
    /// Centre of the farthest bin, metres.
    pub max_depth_m: f32,
    /// The preprocessing from an image to views.
    pub preprocess: DptPreprocess,
}

impl Tasks {
    /// The common part of a task, if the package has it.
    #[must_use]
    pub fn common(&self, task: Task) -> Option<&TaskCommon> {
        match task {
            Task::Cls => self.cls.as_ref().map(|cls| &cls.common),
            Task::Seg => self.seg.as_ref().map(|seg| &seg.common),
            Task::Dpt => self.dpt.as_ref().map(|dpt| &dpt.common),
        }
    }

    /// Mutable access to the common part, for calibration commands that rewrite a manifest.
    pub fn common_mut(&mut self, task: Task) -> Option<&mut TaskCommon> {
        match task {
            Task::Cls => self.cls.as_mut().map(|cls| &mut cls.common),
            Task::Seg => self.seg.as_mut().map(|seg| &mut seg.common),
            Task::Dpt => self.dpt.as_mut().map(|dpt| &mut dpt.common),
        }
    }

    /// The classes of each task that has classes.
    pub fn classes(&self) -> impl Iterator<Item = (Task, usize)> {
        let cls = self.cls.as_ref().map(|cls| (Task::Cls, cls.classes));
        let seg = self.seg.as_ref().map(|seg| (Task::Seg, seg.classes));
        cls.into_iter().chain(seg)
    }

    /// The tasks that the package has.
    #[must_use]
    pub fn available(&self) -> Vec<Task> {
        Task::ALL
            .into_iter()
            .filter(|&task| self.common(task).is_some())
            .collect()
    }
}

impl Manifest {
    /// Returns `true` if the package has the task and its head.
    #[must_use]
    pub fn has_head(&self, task: Task) -> bool {
        self.tasks.common(task).is_some() && !self.without_head.contains(&task)
    }

    /// Writes the manifest into a package's directory, replacing an existing one.
    ///
    /// # Errors
    /// When the manifest contradicts itself or the file cannot be written.
    pub fn write(&self, root: &Path) -> Result<(), ModelError> {
        let path = root.join(Package::MANIFEST);
        if let Some(reason) = self.inconsistency() {
            return Err(ModelError::Inconsistent { path, reason });
        }
        let text = toml::to_string_pretty(self).map_err(|error| ModelError::Manifest {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(splitsim_durable::replace(&path, text)?)
    }

    /// Returns the first contradiction in the manifest, if any, by the names of its keys.
    #[must_use]
    pub fn inconsistency(&self) -> Option<String> {
        if self.tasks.available().is_empty() {
            return Some("no task: add [tasks.cls], [tasks.seg] or [tasks.dpt]".to_owned());
        }
        self.architecture
            .inconsistency()
            .or_else(|| {
                Task::ALL
                    .into_iter()
                    .find_map(|task| self.task_inconsistency(task))
            })
            .or_else(|| self.preprocess_inconsistency())
    }

    fn task_inconsistency(&self, task: Task) -> Option<String> {
        let common = self.tasks.common(task)?;
        let depth = self.architecture.depth;
        let ascending = common.taps.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = common.taps.iter().all(|tap| (1..=depth).contains(tap));
        if common.taps.is_empty() || !ascending || !inside {
            return Some(format!(
                "tasks.{task}.taps {:?} must ascend within 1..={depth}",
                common.taps
            ));
        }
        if !common.ranges.is_empty() && common.ranges.0.len() != common.taps.len() {
            let (ranges, taps) = (common.ranges.0.len(), common.taps.len());
            return Some(format!(
                "tasks.{task}.ranges has {ranges} entries for {taps} taps"
            ));
        }
        let fault = common
            .ladders
            .iter()
            .find(|(_, ladder)| !ladder.iter().all(|p| p.is_finite()));
        if let Some((codec, _)) = fault {
            return Some(format!(
                "tasks.{task}.ladders.{codec}: a parameter is not finite"
            ));
        }
        let (name, file) = common.tables.iter().find_map(|(name, files)| {
            let outside = files.iter().find(|file| !is_table_path(file));
            outside.map(|file| (name, file))
        })?;
        Some(format!(
            "tasks.{task}.tables.{name}: '{file}' is not a file within codecs/"
        ))
    }

    fn preprocess_inconsistency(&self) -> Option<String> {
        let patch = self.architecture.patch;
        let cls = self.tasks.cls.as_ref().and_then(|cls| {
            let ClsPreprocess { resize, crop, .. } = cls.preprocess;
            (crop == 0 || crop > resize || !crop.is_multiple_of(patch)).then(|| {
                format!("tasks.cls.preprocess: crop {crop} must be a multiple of patch {patch}, at most resize {resize}")
            })
        });
        let seg = self.tasks.seg.as_ref().and_then(|seg| {
            let SegPreprocess { long_side, short_side, window, stride, .. } = seg.preprocess;
            let sizes = [long_side, short_side, window, stride];
            (sizes.contains(&0) || stride > window || short_side > long_side).then(|| {
                "tasks.seg.preprocess: sides, window and stride must be positive, stride at most window, short-side at most long-side".to_owned()
            })
        });
        let dpt = self.tasks.dpt.as_ref().and_then(|dpt| {
            let depths = 0.0 < dpt.min_depth_m
                && dpt.min_depth_m < dpt.max_depth_m
                && dpt.max_depth_m.is_finite();
            if dpt.bins < 2 || !depths {
                return Some(
                    "tasks.dpt: at least two bins and 0 < min-depth-m < max-depth-m".to_owned(),
                );
            }
            let FrameSize { height, width } = dpt.preprocess.resize?;
            (height.min(width) < patch).then(|| {
                format!("tasks.dpt.preprocess: resize to {height}x{width} is smaller than a patch of {patch}")
            })
        });
        cls.or(seg).or(dpt)
    }
}

/// Returns `true` if a path leads into the package's `codecs/` and stays there.
fn is_table_path(file: &str) -> bool {
    let mut components = Path::new(file).components();
    components.next() == Some(Component::Normal("codecs".as_ref()))
        && components.clone().next().is_some()
        && components.all(|component| matches!(component, Component::Normal(_)))
}
