use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use splitsim_durable::{PICTURE_ENDINGS, encode_name, picture_stem};
use splitsim_feature::{Task, npy};
use splitsim_proto::Digest;
use splitsim_source::{DepthScale, Picture, read_depth, read_mask};
use splitsim_text::Text;
use splitsim_truth::GroundTruth;

use super::Original;
use crate::CloudError;
use crate::seldom::seldom;

/// Originals in files, found by the name of a frame's source.
///
/// Files are called as `splitsim features extract` calls them: after the whole name, `room.jpg.npy`, or after a
/// picture's name without its ending, `room.npy`. A name without ending may be meant for `room.jpg` and for
/// `room.png`: it is of the first that asks for it, and of none where files of another picture lie beside it.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// Classes of the heads that are judged.
    heads: Vec<(Task, usize)>,
    /// The owning source of each name without ending; `None` where it is ambiguous. The map has at most as many
    /// entries as there are names with files.
    owners: Mutex<BTreeMap<String, Option<String>>>,
}

/// The reason why an existing file cannot be used, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unusable(String);

/// The fields needed here of the JSON file that `splitsim scenes render` writes for a scene.
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
const FEATURE: &str = "npy";
const LABEL: &str = "label.txt";
const MASK: &str = "mask.png";
const DEPTH: &str = "depth.png";

impl Directory {
    pub(crate) fn open(root: &Path, heads: Vec<(Task, usize)>) -> Result<Self, CloudError> {
        match root.is_dir() {
            true => Ok(Self {
                root: root.to_owned(),
                heads,
                owners: Mutex::default(),
            }),
            false => Err(CloudError::References {
                path: root.to_owned(),
            }),
        }
    }

    /// Finds the original feature and truth of a source for a task. A file that is missing or unusable counts as
    /// absent; an unusable one causes a warning. Nothing is returned where the directory holds the source's picture
    /// and its digest differs from `picture`, the frame's.
    pub(crate) fn find(&self, source: &str, task: Task, picture: Option<Digest>) -> Original {
        if self.is_of_another_picture(source, picture) {
            return Original {
                feature: None,
                truth: None,
                picture: None,
            };
        }
        let feature = self.read(source, FEATURE, |path| {
            npy::read(path).map_err(|error| unusable(path, &error))
        });
        let truth = match task {
            Task::Cls => self
                .read(source, LABEL, label)
                .or_else(|| self.read(source, "json", class).flatten())
                .map(|label| GroundTruth::Cls { label }),
            Task::Seg => self.read(source, MASK, |path| mask(path, self.classes(task))),
            Task::Dpt => self.read(source, DEPTH, depth),
        };
        Original {
            feature,
            truth,
            picture,
        }
    }

    fn is_of_another_picture(&self, source: &str, expected: Option<Digest>) -> bool {
        let path = self.root.join(encode_name(source));
        let Some(expected) = expected.filter(|_| path.is_file()) else {
            return false;
        };
        let is_other =
            Picture::read(&path).is_ok_and(|picture| Digest::new(picture.digest()) != expected);
        if is_other {
            let path = path.display();
            seldom!(warn, source, %path, "references are of another picture of this name");
        }
        is_other
    }

    fn read<T>(
        &self,
        source: &str,
        ending: &str,
        read: impl Fn(&Path) -> Result<T, Unusable>,
    ) -> Option<T> {
        let path = self.file(source, ending)?;
        read(&path)
            .inspect_err(|error| seldom!(warn, %error, "reference cannot be used"))
            .ok()
    }

    fn classes(&self, task: Task) -> Option<usize> {
        let mut heads = self.heads.iter();
        heads
            .find(|(of, _)| *of == task)
            .map(|(_, classes)| *classes)
    }

    /// The file of a source with this ending, if there is one. A name in an encoding does not lead out of the
    /// directory.
    fn file(&self, source: &str, ending: &str) -> Option<PathBuf> {
        let is_there = |stem: PathBuf| Some(with_ending(&stem, ending)).filter(|it| it.is_file());
        let whole = is_there(self.root.join(encode_name(source)));
        let short = picture_stem(source);
        whole
            .or_else(|| {
                let file = is_there(self.root.join(encode_name(short)))?;
                (short == source || self.is_of(short, source)).then_some(file)
            })
            .or_else(|| is_there(self.scene_stem(source)?))
    }

    /// `true` if files named after a picture's name without its ending belong to this source.
    fn is_of(&self, short: &str, source: &str) -> bool {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = owners.entry(short.to_owned()).or_insert_with(|| {
            let other = self.other_picture(short, source);
            other.is_none().then(|| source.to_owned())
        });
        let is_owner = owner.as_deref() == Some(source);
        if !is_owner {
            seldom!(
                warn,
                source,
                "reference '{short}' may be of another picture: name it '{source}', with its ending"
            );
        }
        is_owner
    }

    /// A picture of the same name but for its ending, which lies in the directory or has files there.
    fn other_picture(&self, short: &str, source: &str) -> Option<String> {
        let endings = PICTURE_ENDINGS.iter();
        let endings = endings.flat_map(|ending| [(*ending).to_owned(), ending.to_uppercase()]);
        let mut names = endings.map(|ending| format!("{short}.{ending}"));
        names.find(|name| {
            let stem = self.root.join(encode_name(name));
            let files = [FEATURE, LABEL, MASK, DEPTH].map(|ending| with_ending(&stem, ending));
            name != source && (stem.is_file() || files.iter().any(|file| file.is_file()))
        })
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
                seldom!(warn, source, path = %path.display(), "reference is of another scene");
                None
            }
            Err(error) => {
                seldom!(warn, %error, "reference cannot be used");
                None
            }
        }
    }
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

        let found = directory.find("kitchen.png", Task::Cls, None);
        assert_eq!(found.feature, Some(feature));
        assert_eq!(found.truth, Some(GroundTruth::Cls { label: 17 }));
        let mask = Mask::new(ndarray::array![[3, 255]]).unwrap();
        let found = directory.find("kitchen.png", Task::Seg, None);
        assert_eq!(found.truth, Some(GroundTruth::Seg { mask }));
        let depth = DepthMap::new(ndarray::array![[1.5], [0.0]]).unwrap();
        let found = directory.find("kitchen.png", Task::Dpt, None);
        assert_eq!(found.truth, Some(GroundTruth::Dpt { depth }));
    }

    #[test]
    fn a_rendered_scene_is_found_only_under_its_own_seed() {
        let (dir, directory) = directory();
        let id = splitsim_scenes::SceneId { seed: 7, index: 12 };
        let size = ImageSize::square(32).unwrap();
        let scene = render_scene(id, size, Quality::Standard);
        write_scene(dir.path(), &scene).unwrap();

        let found = directory.find("scene-7-000012", Task::Cls, None).truth;
        let label = u32::from(scene.class);
        assert_eq!(found, Some(GroundTruth::Cls { label }));
        let Some(GroundTruth::Dpt { depth }) =
            directory.find("scene-7-000012", Task::Dpt, None).truth
        else {
            panic!("no depth found");
        };
        let worst = (depth.view().iter().zip(&scene.depth_m))
            .map(|(read, rendered)| (read - rendered).abs())
            .fold(0.0, f32::max);
        assert!(worst <= 0.000_51, "{worst}");
        assert_eq!(
            directory.find("scene-8-000012", Task::Cls, None).truth,
            None
        );
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
            assert_eq!(
                directory.find(source, Task::Cls, None).truth,
                None,
                "{source}"
            );
        }
    }

    impl Directory {
        fn label(&self, source: &str) -> Option<u32> {
            match self.find(source, Task::Cls, None).truth {
                Some(GroundTruth::Cls { label }) => Some(label),
                _ => None,
            }
        }
    }

    fn write_labels(dir: &TempDir, labels: &[(&str, &str)]) {
        for (name, label) in labels {
            fs::write(dir.path().join(format!("{name}.label.txt")), label).unwrap();
        }
    }

    /// As `splitsim features extract` names its files.
    #[test]
    fn every_name_has_the_file_that_is_named_after_it() {
        let (dir, directory) = directory();
        let long = "x".repeat(300) + ".png";
        let sources = [
            "frame.0", "frame.1", "50%.png", "~a.png", ".b.png", "n/c.png", "d.png", "d.jpg", &long,
        ];
        let files = splitsim_durable::file_names(&sources).unwrap();
        for (label, file) in files.iter().enumerate() {
            write_labels(&dir, &[(file, &label.to_string())]);
        }
        for (label, source) in sources.iter().enumerate() {
            assert_eq!(directory.label(source), Some(label as u32), "{source}");
        }
    }

    #[test]
    fn files_of_another_name_are_not_taken() {
        let (dir, directory) = directory();
        // Neither a picture's ending nor the name: nothing tells whose it would be.
        write_labels(&dir, &[("frame", "1"), ("25", "2")]);
        for source in ["frame.0", "frame.1", "frame.v2.0", "%25"] {
            assert_eq!(directory.label(source), None, "{source}");
        }
        // The first that asks has it, and keeps it.
        write_labels(&dir, &[("room", "3")]);
        assert_eq!(directory.label("room.jpg"), Some(3));
        assert_eq!(directory.label("room.png"), None);
        assert_eq!(directory.label("room.jpg"), Some(3));
        // Files of another picture are there.
        write_labels(&dir, &[("hall", "4"), ("hall.JPG", "5")]);
        assert_eq!(directory.label("hall.png"), None);
        assert_eq!(directory.label("hall.JPG"), Some(5));
        // Both pictures are there.
        write_labels(&dir, &[("attic", "6")]);
        for name in ["attic.png", "attic.jpeg"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(directory.label("attic.png"), None);
        assert_eq!(directory.label("attic.jpeg"), None);
        write_labels(&dir, &[("attic.png", "7")]);
        assert_eq!(directory.label("attic.png"), Some(7));
    }

    #[test]
    fn truths_beside_another_picture_of_the_name_are_not_taken() {
        let (dir, directory) = directory();
        let path = dir.path().join("a.png");
        image::RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]))
            .save(&path)
            .unwrap();
        write_labels(&dir, &[("a", "1")]);
        let own = Digest::new(Picture::read(&path).unwrap().digest());
        let truth = |digest| directory.find("a.png", Task::Cls, digest).truth;
        assert_eq!(truth(Some(own)), Some(GroundTruth::Cls { label: 1 }));
        assert_eq!(truth(Some(Digest::new([7; 32]))), None);
        // Edges that tell no digest are believed.
        assert_eq!(truth(None), Some(GroundTruth::Cls { label: 1 }));
    }

    #[test]
    fn what_cannot_be_used_counts_as_not_known() {
        let (dir, directory) = directory();
        for file in ["a.npy", "a.label.txt", "a.mask.png", "a.depth.png"] {
            fs::write(dir.path().join(file), "nonsense").unwrap();
        }
        for task in Task::ALL {
            let found = directory.find("a", task, None);
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
            directory.find("a", Task::Seg, None).truth
        };
        assert!(write(4).is_some());
        assert_eq!(write(5), None);
    }
}
