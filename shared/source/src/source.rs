use splitsim_feature::Task;
use splitsim_scenes::SceneId;
use splitsim_truth::GroundTruth;

use crate::files::Files;
use crate::imagenet::ImageNet;
use crate::nyu::Nyu;
use crate::voc::Voc;
use crate::{LeftOut, Picture, SourceError, SourceSpec, scenes};

/// A source that has been looked at: its items are known to exist, not yet that they are images.
#[derive(Debug, Clone)]
pub struct Source {
    spec: SourceSpec,
    items: Items,
    /// Classes of the heads that are to be judged.
    heads: Vec<(Task, usize)>,
}

#[derive(Debug, Clone)]
enum Items {
    Scenes { seed: u64, count: usize },
    ImageNet(ImageNet),
    Voc(Voc),
    Nyu(Nyu),
    Files(Files),
}

/// One picture of a source.
#[derive(Debug, Clone)]
pub struct Item {
    /// A name that is unique within the source.
    pub name: String,
    /// The picture.
    pub picture: Picture,
    /// The ground truth for the requested task, if known.
    pub truth: Option<GroundTruth>,
}

impl Source {
    /// Finds the items of a source. Every file that a data set's list names is looked for.
    ///
    /// # Errors
    /// When a path does not exist, a folder holds no image, or a list file is empty or does not fit the
    /// folder.
    ///
    /// A warning tells of pictures in other formats, which are left out.
    pub fn open(spec: &SourceSpec) -> Result<Self, SourceError> {
        let items = match spec {
            SourceSpec::Scenes { seed, count } => Items::Scenes {
                seed: *seed,
                count: *count,
            },
            SourceSpec::ImageNet(set) => Items::ImageNet(ImageNet::open(set)?),
            SourceSpec::Voc(set) => Items::Voc(Voc::open(set)?),
            SourceSpec::Nyu(set) => Items::Nyu(Nyu::open(set)?),
            SourceSpec::Folder(dir) => Items::Files(Files::of_folder(dir)?),
            SourceSpec::Path(path) => Items::Files(Files::of_path(path)?),
        };
        let source = Self {
            spec: spec.clone(),
            items,
            heads: Vec::new(),
        };
        if let Some(left_out) = source.left_out().filter(|left_out| left_out.count() > 0) {
            tracing::warn!("{spec}: {left_out}");
        }
        Ok(source)
    }

    /// Sets the number of classes of each task's head: an item whose truth has a class beyond them
    /// is refused.
    #[must_use]
    pub fn for_heads(mut self, classes: impl IntoIterator<Item = (Task, usize)>) -> Self {
        self.heads.extend(classes);
        self
    }

    /// Pictures of its folder that are not read; `None` of a source without folder.
    #[must_use]
    pub const fn left_out(&self) -> Option<&LeftOut> {
        match &self.items {
            Items::ImageNet(set) => Some(&set.left_out),
            Items::Files(files) => Some(&files.left_out),
            Items::Scenes { .. } | Items::Voc(_) | Items::Nyu(_) => None,
        }
    }

    /// The number of items; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.items {
            Items::Scenes { count, .. } => *count,
            Items::ImageNet(set) => set.pictures.len(),
            Items::Voc(set) => set.pictures.len(),
            Items::Nyu(set) => set.pictures.len(),
            Items::Files(files) => files.pictures.len(),
        }
    }

    /// The name of an item, which is unique within the source; `None` from [`Self::count`] on.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<String> {
        match &self.items {
            Items::Scenes { seed, count } => {
                let (seed, index) = (*seed, (index < *count).then_some(index as u64)?);
                Some(scenes::name(SceneId { seed, index }))
            }
            Items::ImageNet(set) => set.name(index).map(str::to_owned),
            Items::Voc(set) => set.name(index).map(str::to_owned),
            Items::Nyu(set) => set.name(index).map(str::to_owned),
            Items::Files(files) => files.name(index),
        }
    }

    /// Returns `true` if the items come with ground truth for a task.
    #[must_use]
    pub const fn has_truth(&self, task: Task) -> bool {
        self.spec.has_truth(task)
    }

    /// The names of the label classes, from class 0 on; `None` if labels are only numbers.
    #[must_use]
    pub fn class_names(&self) -> Option<Vec<String>> {
        match self.items {
            Items::Scenes { .. } => Some((0..).map_while(splitsim_scenes::class_name).collect()),
            Items::ImageNet(_) | Items::Voc(_) | Items::Nyu(_) | Items::Files(_) => None,
        }
    }

    /// Reads or renders an item, with what is true of it for `task`.
    ///
    /// # Errors
    /// When `index` is not below [`Self::count`], a file is no image, a mask or depth map does not fit its
    /// image, or a truth is of a class that its head of [`Self::for_heads`] lacks.
    pub fn item(&self, index: usize, task: Task) -> Result<Item, SourceError> {
        let count = self.count();
        if index >= count {
            return Err(SourceError::Index { index, count });
        }
        let item = match &self.items {
            Items::Scenes { seed, .. } => {
                let (seed, index) = (*seed, index as u64);
                scenes::item(SceneId { seed, index }, task)
            }
            Items::ImageNet(set) => set.item(index, task),
            Items::Voc(set) => set.item(index, task),
            Items::Nyu(set) => set.item(index, task),
            Items::Files(files) => files.item(index),
        }?;
        self.check_classes(&item, index)?;
        Ok(item)
    }

    fn check_classes(&self, item: &Item, index: usize) -> Result<(), SourceError> {
        let Some(truth) = &item.truth else {
            return Ok(());
        };
        let mut heads = self.heads.iter();
        let Some(&(_, classes)) = heads.find(|(task, _)| *task == truth.task()) else {
            return Ok(());
        };
        truth.check_classes(classes).map_err(|source| {
            let origin = match &self.items {
                Items::ImageNet(set) => set.pictures[index].path.display().to_string(),
                Items::Voc(set) => set.pictures[index].mask.display().to_string(),
                Items::Scenes { .. } | Items::Nyu(_) | Items::Files(_) => item.name.clone(),
            };
            SourceError::Truth { origin, source }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::ImageExtent;

    #[test]
    fn scenes_come_with_the_truth_of_the_task() {
        let source = Source::open(&SourceSpec::Scenes { seed: 3, count: 2 }).unwrap();
        for task in Task::ALL {
            let item = source.item(1, task).unwrap();
            assert!(source.has_truth(task));
            assert_eq!(item.truth.map(|truth| truth.task()), Some(task));
            assert_eq!(item.picture.extent(), ImageExtent::new(224, 224).unwrap());
        }
        assert!(matches!(
            source.item(2, Task::Cls),
            Err(SourceError::Index { .. })
        ));
    }

    #[test]
    fn classes_of_scenes_have_names() {
        let source = Source::open(&SourceSpec::Scenes { seed: 3, count: 2 }).unwrap();
        let names = source.class_names().unwrap();
        assert_eq!(names.len(), splitsim_scenes::CLASSES);
        let Some(GroundTruth::Cls { label }) = source.item(1, Task::Cls).unwrap().truth else {
            panic!("a scene has a class");
        };
        let scene = splitsim_scenes::Scene::generate(SceneId { seed: 3, index: 1 });
        let name = splitsim_scenes::class_name(scene.class()).unwrap();
        assert_eq!(names[label as usize], name);
    }

    #[test]
    fn a_folder_is_its_images_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let specs: [fn(PathBuf) -> SourceSpec; 2] = [SourceSpec::Path, SourceSpec::Folder];
        for spec in specs {
            assert!(matches!(
                Source::open(&spec(dir.path().join("missing"))),
                Err(SourceError::Io { .. })
            ));
        }
        let spec = SourceSpec::Path(dir.path().to_owned());
        assert!(matches!(
            Source::open(&spec),
            Err(SourceError::EmptyFolder { .. })
        ));
        for name in ["b.PNG", "a.jpg", "readme.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        for spec in specs {
            let source = Source::open(&spec(dir.path().to_owned())).unwrap();
            assert_eq!((source.count(), source.class_names()), (2, None));
            assert!(!source.has_truth(Task::Cls));
            let message = source.item(0, Task::Cls).unwrap_err().to_string();
            assert!(message.contains("a.jpg"), "{message}");
        }
    }
}
