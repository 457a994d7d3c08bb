use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use splitsim_feature::{Task, npy};
use splitsim_source::{DepthScale, read_depth, read_mask};
use splitsim_text::Text;
use splitsim_truth::GroundTruth;

use super::Original;
use crate::CloudError;

/// Originals in files, found by the name of a frame's source. The layout is described at
/// [`CloudConfig::references`](crate::CloudConfig::references).
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// Classes of the heads that are judged.
    heads: Vec<(Task, usize)>,
}

/// Why a file that is there cannot be used, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unusable(String);

/// What `splitsim scenes render` says of a scene, as far as it matters here.
#[derive(Deserialize)]
struct Description {
    id: Option<SceneId>,
    class: Option<u32>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct SceneId {
    seed: u64,
    index: u64,
}

/// More than a label or the description of any scene has.
const MAX_TEXT_BYTES: u64 = 1 << 20;

impl Directory {
    pub(crate) fn open(root: &Path, heads: Vec<(Task, usize)>) -> Result<Self, CloudError> {
        match root.is_dir() {
            true => Ok(Self {
                root: root.to_owned(),
                heads,
            }),
            false => Err(CloudError::References {
                path: root.to_owned(),
            }),
        }
    }

    /// What is known of a source for a task. A file that is missing or cannot be used counts as not
    /// known; of the latter there is a warning.
    pub(crate) fn find(&self, source: &str, task: Task) -> Original {
        let stems = self.stems(source);
        let feature = first(&stems, "npy", |path| {
            npy::read(path).map_err(|error| unusable(path, &error))
        });
        let truth = match task {
            Task::Cls => first(&stems, "label.txt", label)
                .or_else(|| first(&stems, "json", class).flatten())
                .map(|label| GroundTruth::Cls { label }),
            Task::Seg => first(&stems, "mask.png", |path| mask(path, self.classes(task))),
            Task::Dpt => first(&stems, "depth.png", depth),
        };
        Original {
            feature,
            truth,
            picture: None,
        }
    }

    fn classes(&self, task: Task) -> Option<usize> {
        let mut heads = self.heads.iter();
        heads
            .find(|(of, _)| *of == task)
            .map(|(_, classes)| *classes)
    }

    /// Where the files of a source may lie, without their endings.
    fn stems(&self, source: &str) -> Vec<PathBuf> {
        // The name comes from an edge: it must not lead out of the directory.
        let mut components = Path::new(source).components();
        let (Some(Component::Normal(name)), None) = (components.next(), components.next()) else {
            return Vec::new();
        };
        let mut stems = vec![self.root.join(name)];
        if let Some(stem) = Path::new(name).file_stem().filter(|stem| *stem != name) {
            stems.push(self.root.join(stem));
        }
        stems.extend(self.scene_stem(source));
        stems
    }

    /// Scenes are rendered to files that are named by their index alone, so their seed is checked.
    fn scene_stem(&self, source: &str) -> Option<PathBuf> {
        let (seed, number) = source.strip_prefix("scene-")?.split_once('-')?;
        let expected = SceneId {
            seed: seed.parse().ok()?,
            index: number.parse().ok()?,
        };
        let stem = self.root.join(number);
        let path = with_ending(&stem, "json");
        if !path.is_file() {
            return None;
        }
        match describe(&path) {
            Ok(Description { id: Some(id), .. }) if id == expected => Some(stem),
            Ok(_) => {
                tracing::warn!(source, path = %path.display(), "reference is of another scene");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "reference cannot be used");
                None
            }
        }
    }
}

/// The first of the files that is there.
fn first<T>(
    stems: &[PathBuf],
    ending: &str,
    read: impl Fn(&Path) -> Result<T, Unusable>,
) -> Option<T> {
    let path = stems
        .iter()
        .map(|stem| with_ending(stem, ending))
        .find(|path| path.is_file())?;
    read(&path)
        .inspect_err(|error| tracing::warn!(%error, "reference cannot be used"))
        .ok()
}

fn with_ending(stem: &Path, ending: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn label(path: &Path) -> Result<u32, Unusable> {
    let text = Text::read(path, MAX_TEXT_BYTES).map_err(|error| Unusable(error.to_string()))?;
    let label = text.as_str().trim();
    label
        .parse()
        .map_err(|_| unusable(path, &"expected the index of a class"))
}

fn class(path: &Path) -> Result<Option<u32>, Unusable> {
    describe(path).map(|description| description.class)
}

fn describe(path: &Path) -> Result<Description, Unusable> {
    let text = Text::read(path, MAX_TEXT_BYTES).map_err(|error| Unusable(error.to_string()))?;
    serde_json::from_str(text.as_str()).map_err(|error| unusable(path, &error))
}

/// A mask of classes that the head has.
fn mask(path: &Path, classes: Option<usize>) -> Result<GroundTruth, Unusable> {
    let mask = read_mask(path).map_err(|error| Unusable(error.to_string()))?;
    let truth = GroundTruth::Seg { mask };
    classes
        .map_or(Ok(()), |classes| truth.check_classes(classes))
        .map_err(|error| unusable(path, &error))?;
    Ok(truth)
}

fn depth(path: &Path) -> Result<GroundTruth, Unusable> {
    let depth = read_depth(path, DepthScale::default());
    let depth = depth.map_err(|error| Unusable(error.to_string()))?;
    Ok(GroundTruth::Dpt { depth })
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> Unusable {
    Unusable(format!("{}: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{GrayImage, ImageBuffer, Luma};
    use splitsim_feature::{Feature, FeatureShape};
    use splitsim_scenes::{ImageSize, Quality, render_scene, write_scene};
    use splitsim_truth::{DepthMap, Mask};
    use tempfile::TempDir;

    use super::*;

    fn directory() -> (TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::open(dir.path(), vec![(Task::Seg, 5)]).unwrap();
        (dir, directory)
    }

    #[test]
    fn files_are_found_by_the_name_of_the_source() {
        let (dir, directory) = directory();
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let file = fs::File::create(dir.path().join("kitchen.npy")).unwrap();
        npy::write(file, &feature).unwrap();
        fs::write(dir.path().join("kitchen.png.label.txt"), "17\n").unwrap();
        GrayImage::from_raw(2, 1, vec![3, 255])
            .unwrap()
            .save(dir.path().join("kitchen.mask.png"))
            .unwrap();
        ImageBuffer::<Luma<u16>, _>::from_raw(1, 2, vec![1500u16, 0])
            .unwrap()
            .save(dir.path().join("kitchen.depth.png"))
            .unwrap();

        let found = directory.find("kitchen.png", Task::Cls);
        assert_eq!(found.feature, Some(feature));
        assert_eq!(found.truth, Some(GroundTruth::Cls { label: 17 }));
        let mask = Mask::new(ndarray::array![[3, 255]]).unwrap();
        let found = directory.find("kitchen.png", Task::Seg);
        assert_eq!(found.truth, Some(GroundTruth::Seg { mask }));
        let depth = DepthMap::new(ndarray::array![[1.5], [0.0]]).unwrap();
        let found = directory.find("kitchen.png", Task::Dpt);
        assert_eq!(found.truth, Some(GroundTruth::Dpt { depth }));
    }

    #[test]
    fn a_rendered_scene_is_found_only_under_its_own_seed() {
        let (dir, directory) = directory();
        let id = splitsim_scenes::SceneId { seed: 7, index: 12 };
        let size = ImageSize::square(32).unwrap();
        let scene = render_scene(id, size, Quality::Standard);
        write_scene(dir.path(), &scene).unwrap();

        let found = directory.find("scene-7-000012", Task::Cls).truth;
        let label = u32::from(scene.class);
        assert_eq!(found, Some(GroundTruth::Cls { label }));
        let Some(GroundTruth::Dpt { depth }) = directory.find("scene-7-000012", Task::Dpt).truth
        else {
            panic!("no depth found");
        };
        let worst = (depth.view().iter().zip(&scene.depth_m))
            .map(|(read, rendered)| (read - rendered).abs())
            .fold(0.0, f32::max);
        assert!(worst <= 0.000_51, "{worst}");
        assert_eq!(directory.find("scene-8-000012", Task::Cls).truth, None);
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_directory() {
        let (dir, _) = directory();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(dir.path().join("secret.label.txt"), "3").unwrap();
        let directory = Directory::open(&inner, Vec::new()).unwrap();
        let absolute = dir.path().join("secret").display().to_string();
        for source in ["../secret", &absolute, "inner/../../secret", ".."] {
            assert_eq!(directory.find(source, Task::Cls).truth, None, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_used_counts_as_not_known() {
        let (dir, directory) = directory();
        for file in ["a.npy", "a.label.txt", "a.mask.png", "a.depth.png"] {
            fs::write(dir.path().join(file), "nonsense").unwrap();
        }
        for task in Task::ALL {
            let found = directory.find("a", task);
            assert_eq!((found.feature, found.truth), (None, None), "{task}");
        }
    }

    /// Otherwise the pixels would be left out, and the rest would stand for all.
    #[test]
    fn a_mask_of_another_data_set_counts_as_not_known() {
        let (dir, directory) = directory();
        let write = |class| {
            let mask = GrayImage::from_raw(2, 1, vec![class, 255]).unwrap();
            mask.save(dir.path().join("a.mask.png")).unwrap();
            directory.find("a", Task::Seg).truth
        };
        assert!(write(4).is_some());
        assert_eq!(write(5), None);
    }
}
