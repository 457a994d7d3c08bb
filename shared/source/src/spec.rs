use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use splitsim_feature::Task;

use crate::{DepthScale, SourceError};

/// A source as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// `scenes:SEED:COUNT`: rendered scenes `0..COUNT` of a seed, with ground truth.
    Scenes {
        /// The scenes' seed.
        seed: u64,
        /// The number of scenes.
        count: usize,
    },
    /// `imagenet:DIR`: a folder of pictures, or of folders of them, with a label file; its list is
    /// `DIR/labels.txt` unless named.
    ImageNet(DataSetSpec),
    /// `voc:DIR`: PASCAL VOC with segmentation masks; its list is
    /// `DIR/ImageSets/Segmentation/val.txt` unless named.
    Voc(DataSetSpec),
    /// `nyu:DIR`: NYU Depth v2; its list is `DIR/nyu_test.txt` unless named.
    Nyu(DataSetSpec),
    /// `folder:DIR`: the pictures of a folder in the order of their names; without ground truth.
    Folder(PathBuf),
    /// A picture, or a folder as [`Self::Folder`]; without ground truth.
    Path(PathBuf),
}

/// A data set on disk: `DIR`, `DIR?list=FILE`, and of depth maps also `DIR?depth-scale=SAMPLES` or
/// `DIR?list=FILE&depth-scale=SAMPLES`, samples per metre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSetSpec {
    /// The data set's folder.
    pub dir: PathBuf,
    /// The file that names its pictures, where it is not at the data set's usual place.
    pub list: Option<PathBuf>,
    /// The unit of its depth maps, where it has any.
    pub depth_scale: DepthScale,
}

const SCENES: &str = "scenes:";
const IMAGENET: &str = "imagenet:";
const VOC: &str = "voc:";
const NYU: &str = "nyu:";
const FOLDER: &str = "folder:";
const LIST: &str = "?list=";
const DEPTH_SCALE: &str = "depth-scale=";
/// The most scenes one source may have.
const MAX_SCENES: usize = 10_000_000;

impl SourceSpec {
    /// `true` if pictures of this source come with ground truth for a task.
    #[must_use]
    pub const fn has_truth(&self, task: Task) -> bool {
        match self {
            Self::Scenes { .. } => true,
            Self::ImageNet(_) => matches!(task, Task::Cls),
            Self::Voc(_) => matches!(task, Task::Seg),
            Self::Nyu(_) => matches!(task, Task::Dpt),
            Self::Folder(_) | Self::Path(_) => false,
        }
    }
}

impl DataSetSpec {
    /// The list file: the one named, or the usual one of the data set.
    pub(crate) fn list_or(&self, usual: &str) -> PathBuf {
        let usual = || self.dir.join(usual);
        self.list.clone().unwrap_or_else(usual)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (dir, list) = match text.split_once(LIST) {
            Some((_, "")) => return Err("the list file's name is empty"),
            Some((dir, list)) => (dir, Some(PathBuf::from(list))),
            None => (text, None),
        };
        let dir = folder(dir)?;
        Ok(Self {
            dir,
            list,
            depth_scale: DepthScale::default(),
        })
    }

    /// Like [`Self::parse`], with an optional `depth-scale=SAMPLES` at the end.
    fn parse_with_depth(text: &str) -> Result<Self, &'static str> {
        let Some((rest, samples)) = text.rsplit_once(DEPTH_SCALE) else {
            return Self::parse(text);
        };
        let rest = rest
            .strip_suffix(['?', '&'])
            .ok_or("depth-scale is set off by '?', or after a list by '&'")?;
        let samples = samples
            .parse()
            .map_err(|_| "the depth scale is no whole number of samples per metre, 1 or more")?;
        Ok(Self {
            depth_scale: DepthScale::PerMetre(samples),
            ..Self::parse(rest)?
        })
    }
}

impl FromStr for SourceSpec {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = if let Some(numbers) = text.strip_prefix(SCENES) {
            scenes(numbers)
        } else if let Some(set) = text.strip_prefix(IMAGENET) {
            DataSetSpec::parse(set).map(Self::ImageNet)
        } else if let Some(set) = text.strip_prefix(VOC) {
            DataSetSpec::parse(set).map(Self::Voc)
        } else if let Some(set) = text.strip_prefix(NYU) {
            DataSetSpec::parse_with_depth(set).map(Self::Nyu)
        } else if let Some(dir) = text.strip_prefix(FOLDER) {
            folder(dir).map(Self::Folder)
        } else if text.is_empty() {
            Err("it is empty")
        } else {
            Ok(Self::Path(PathBuf::from(text)))
        };
        parsed.map_err(|reason| SourceError::Spec {
            text: text.to_owned(),
            reason: reason.to_owned(),
        })
    }
}

fn folder(dir: &str) -> Result<PathBuf, &'static str> {
    match dir {
        "" => Err("the folder's name is empty"),
        dir => Ok(PathBuf::from(dir)),
    }
}

fn scenes(numbers: &str) -> Result<SourceSpec, &'static str> {
    let (seed, count) = numbers
        .split_once(':')
        .ok_or("scenes need a seed and a count")?;
    let seed = seed.parse().map_err(|_| "the seed is no whole number")?;
    let count = count.parse().map_err(|_| "the count is no whole number")?;
    if !(1..=MAX_SCENES).contains(&count) {
        return Err("the count must be between 1 and 10,000,000");
    }
    Ok(SourceSpec::Scenes { seed, count })
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |f: &mut fmt::Formatter<'_>, kind: &str, set: &DataSetSpec| {
            write!(f, "{kind}{}", set.dir.display())?;
            let list = set.list.as_deref().map(Path::display);
            let mark = if list.is_some() { '&' } else { '?' };
            list.map_or(Ok(()), |list| write!(f, "{LIST}{list}"))?;
            match set.depth_scale {
                DepthScale::Millimetres => Ok(()),
                DepthScale::PerMetre(samples) => write!(f, "{mark}{DEPTH_SCALE}{samples}"),
            }
        };
        match self {
            Self::Scenes { seed, count } => write!(f, "{SCENES}{seed}:{count}"),
            Self::ImageNet(spec) => set(f, IMAGENET, spec),
            Self::Voc(spec) => set(f, VOC, spec),
            Self::Nyu(spec) => set(f, NYU, spec),
            Self::Folder(dir) => write!(f, "{FOLDER}{}", dir.display()),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_reads_back_from_its_text() {
        for text in [
            "scenes:7:24",
            "pictures/room.png",
            "folder:pictures",
            "imagenet:/data/val?list=/data/labels.txt",
            "voc:VOC2012",
            "nyu:/data/nyu?list=few.txt",
            "nyu:/data/nyu?depth-scale=5000",
            "nyu:/data/nyu?list=few.txt&depth-scale=256",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_list_is_at_its_usual_place_unless_named() {
        let list = |text| DataSetSpec::parse(text).unwrap().list_or("labels.txt");
        assert_eq!(list("val"), Path::new("val/labels.txt"));
        assert_eq!(list("val?list=of/100.txt"), Path::new("of/100.txt"));
    }

    #[test]
    fn half_a_spec_is_refused_with_what_is_missing() {
        for (text, reason) in [
            ("scenes:7", "a seed and a count"),
            ("scenes:x:24", "seed is no whole number"),
            ("scenes:7:0", "between 1 and"),
            ("", "empty"),
            ("voc:", "the folder's name is empty"),
            ("nyu:d?list=", "the list file's name is empty"),
            ("nyu:d?depth-scale=0", "no whole number of samples"),
            ("nyu:d,depth-scale=5", "set off by '?'"),
        ] {
            let message = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
