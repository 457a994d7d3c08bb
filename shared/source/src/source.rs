use std::path::{Path, PathBuf};

use ndarray::Array2;
use splitsim_feature::Task;
use splitsim_scenes::{ImageSize, Quality, RenderedScene, SceneId, render_scene};
use splitsim_truth::{DepthMap, GroundTruth, Mask};

use crate::{ImageExtent, Picture, SourceError, SourceSpec};

/// Side of a rendered scene, pixels.
const SCENE_SIDE: u32 = 224;

/// A source that has been looked at: its items are known to exist, not yet that they are images.
#[derive(Debug, Clone)]
pub struct Source {
    items: Items,
}

#[derive(Debug, Clone)]
enum Items {
    Scenes { seed: u64, count: usize },
    Files(Vec<PathBuf>),
}

/// One picture of a source.
#[derive(Debug, Clone)]
pub struct Item {
    /// A name that is unique within the source.
    pub name: String,
    /// The picture.
    pub picture: Picture,
    /// What is true of it for the task asked for, if anything is known.
    pub truth: Option<GroundTruth>,
}

impl Source {
    /// Finds the items of a source.
    ///
    /// # Errors
    /// When a path does not exist or a folder holds no image.
    pub fn open(spec: &SourceSpec) -> Result<Self, SourceError> {
        let items = match spec {
            SourceSpec::Scenes { seed, count } => Items::Scenes {
                seed: *seed,
                count: *count,
            },
            SourceSpec::Path(path) => Items::Files(image_files(path)?),
        };
        Ok(Self { items })
    }

    /// How many items there are; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.items {
            Items::Scenes { count, .. } => *count,
            Items::Files(files) => files.len(),
        }
    }

    /// Whether items come with ground truth.
    #[must_use]
    pub const fn has_truth(&self) -> bool {
        matches!(self.items, Items::Scenes { .. })
    }

    /// Reads or renders an item, with what is true of it for `task`.
    ///
    /// # Errors
    /// When `index` is not below [`Self::count`], or a file is no image.
    pub fn item(&self, index: usize, task: Task) -> Result<Item, SourceError> {
        let beyond = || SourceError::Index {
            index,
            count: self.count(),
        };
        match &self.items {
            Items::Scenes { count, .. } if index >= *count => Err(beyond()),
            Items::Scenes { seed, .. } => scene(
                SceneId {
                    seed: *seed,
                    index: index as u64,
                },
                task,
            ),
            Items::Files(files) => {
                let path = files.get(index).ok_or_else(beyond)?;
                let name = path.file_name().unwrap_or(path.as_os_str());
                let name = name.to_string_lossy().into_owned();
                Ok(Item {
                    name,
                    picture: Picture::read(path)?,
                    truth: None,
                })
            }
        }
    }
}

fn scene(id: SceneId, task: Task) -> Result<Item, SourceError> {
    let rendered = render_scene(id, ImageSize::square(SCENE_SIDE)?, Quality::Standard);
    let truth = truth(&rendered, task)?;
    let invalid = |reason: &str| SourceError::Spec {
        text: format!("scene {} of seed {}", id.index, id.seed),
        reason: reason.to_owned(),
    };
    let side = SCENE_SIDE as usize;
    let picture = ImageExtent::new(side, side)
        .and_then(|extent| Picture::from_rgb(extent, rendered.rgb))
        .ok_or_else(|| invalid("the renderer gave no full picture"))?;
    Ok(Item {
        name: format!("scene-{}-{:06}", id.seed, id.index),
        picture,
        truth: Some(truth),
    })
}

fn truth(scene: &RenderedScene, task: Task) -> Result<GroundTruth, SourceError> {
    let side = SCENE_SIDE as usize;
    let plane = (side, side);
    Ok(match task {
        Task::Cls => GroundTruth::Cls {
            label: u32::from(scene.class),
        },
        Task::Seg => {
            let classes = Array2::from_shape_fn(plane, |(y, x)| scene.mask[y * side + x]);
            GroundTruth::Seg {
                mask: Mask::new(classes)?,
            }
        }
        Task::Dpt => {
            let metres = Array2::from_shape_fn(plane, |(y, x)| scene.depth_m[y * side + x]);
            GroundTruth::Dpt {
                depth: DepthMap::new(metres)?,
            }
        }
    })
}

/// The image itself, or the images of a folder in the order of their names.
fn image_files(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if has_image_extension(&file) {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(SourceError::EmptyFolder {
            path: path.to_owned(),
        }),
        false => Ok(files),
    }
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_come_with_the_truth_of_the_task() {
        let source = Source::open(&SourceSpec::Scenes { seed: 3, count: 2 }).unwrap();
        for task in Task::ALL {
            let item = source.item(1, task).unwrap();
            assert_eq!(item.truth.map(|truth| truth.task()), Some(task));
            assert_eq!(item.picture.extent(), ImageExtent::new(224, 224).unwrap());
        }
        assert!(matches!(
            source.item(2, Task::Cls),
            Err(SourceError::Index { .. })
        ));
    }

    #[test]
    fn a_folder_is_its_images_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Source::open(&SourceSpec::Path(dir.path().to_owned())),
            Err(SourceError::EmptyFolder { .. })
        ));
        for name in ["b.PNG", "a.jpg", "readme.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let source = Source::open(&SourceSpec::Path(dir.path().to_owned())).unwrap();
        assert_eq!(source.count(), 2);
        let message = source.item(0, Task::Cls).unwrap_err().to_string();
        assert!(message.contains("a.jpg"), "{message}");
    }
}
