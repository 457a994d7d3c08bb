//! PASCAL VOC's segmentation data: `JPEGImages`, `SegmentationClass` and a list file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_truth::GroundTruth;

use crate::format::is_picture;
use crate::list::{Line, List, inside, picture_name};
use crate::{DataSetSpec, ImageExtent, Item, Picture, SourceError, mask};

/// The list of the validation pictures, in VOC's own layout.
const VALIDATION: &str = "ImageSets/Segmentation/val.txt";
const IMAGES: &str = "JPEGImages";
const MASKS: &str = "SegmentationClass";
/// Endings that a picture is looked for under.
const ENDINGS: [&str; 6] = [".jpg", ".JPG", ".jpeg", ".JPEG", ".png", ".PNG"];

/// Pictures with masks in the order of the list file.
#[derive(Debug, Clone)]
pub(crate) struct Voc {
    list: PathBuf,
    pub(crate) pictures: Vec<Masked>,
}

#[derive(Debug, Clone)]
pub(crate) struct Masked {
    name: String,
    line: usize,
    image: PathBuf,
    pub(crate) mask: PathBuf,
}

impl Voc {
    /// A line of the list is a picture's NAME, its file's name or its path: the picture is
    /// `JPEGImages/NAME.jpg`, its mask `SegmentationClass/NAME.png`. Two paths are picture and mask. Of
    /// several pictures of a NAME the line must say which.
    pub(crate) fn open(spec: &DataSetSpec) -> Result<Self, SourceError> {
        let list = List::read(spec.list_or(VALIDATION))?;
        let mut names = HashSet::new();
        let mut pictures = Vec::with_capacity(list.lines.len());
        for line in &list.lines {
            let masked = masked(&spec.dir, &list, line)?;
            if !names.insert(masked.name.clone()) {
                return Err(list.refuse(line, format!("'{}' stands twice", masked.name)));
            }
            pictures.push(masked);
        }
        Ok(Self {
            list: list.path,
            pictures,
        })
    }

    pub(crate) fn name(&self, index: usize) -> Option<&str> {
        self.pictures
            .get(index)
            .map(|picture| picture.name.as_str())
    }

    pub(crate) fn item(&self, index: usize, task: Task) -> Result<Item, SourceError> {
        let masked = &self.pictures[index];
        let picture = Picture::read(&masked.image)?;
        let truth = match task {
            Task::Seg => Some(self.truth(masked, picture.extent())?),
            Task::Cls | Task::Dpt => None,
        };
        Ok(Item {
            name: masked.name.clone(),
            picture,
            truth,
        })
    }

    fn truth(&self, masked: &Masked, image: ImageExtent) -> Result<GroundTruth, SourceError> {
        let (mask, extent) = mask::read(&masked.mask)?;
        if extent != image {
            return Err(SourceError::TruthExtent {
                list: self.list.clone(),
                line: masked.line,
                truth: masked.mask.clone(),
                truth_extent: extent,
                image: masked.image.clone(),
                image_extent: image,
            });
        }
        Ok(GroundTruth::Seg { mask })
    }
}

/// The picture and the mask that a line means.
fn masked(dir: &Path, list: &List, line: &Line) -> Result<Masked, SourceError> {
    let of = |named: &str, image: Result<PathBuf, String>, mask: PathBuf| {
        let image = image.map_err(|reason| list.refuse(line, reason))?;
        Ok(Masked {
            name: picture_name(named),
            line: line.number,
            image: list.file(line, image)?,
            mask: list.file(line, mask)?,
        })
    };
    let whole = line.text.as_str();
    let is_there = |named| picture_of(dir, named).map_or(true, |path| path.is_file());
    match line.fields().as_slice() {
        // A name may hold blanks.
        [_, _, ..] if is_there(whole) => of(whole, picture_of(dir, whole), mask_of(dir, whole)),
        [named] => of(named, picture_of(dir, named), mask_of(dir, named)),
        [image, mask] if image.contains('/') && mask.contains('/') => {
            of(image, Ok(inside(dir, image)), inside(dir, mask))
        }
        _ => Err(list.refuse(line, "expected one name per line")),
    }
}

/// The picture of a name, a file name or a path with or without ending. VOC's own are `.jpg`. The error is the
/// reason why none can be chosen.
fn picture_of(dir: &Path, named: &str) -> Result<PathBuf, String> {
    let is_path = named.contains('/');
    if is_picture(Path::new(named)) {
        let exact = match is_path {
            true => inside(dir, named),
            false => dir.join(IMAGES).join(named),
        };
        if is_path || exact.is_file() {
            return Ok(exact);
        }
    }
    let stem = match is_path {
        true => inside(dir, named),
        false => dir.join(IMAGES).join(picture_name(named)),
    };
    let with = |ending: &str| {
        let mut path = stem.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    match different_files(ENDINGS.map(with)).as_slice() {
        [] => Ok(with(ENDINGS[0])),
        [only] => Ok(only.clone()),
        [one, other, ..] => Err(format!(
            "both {} and {} are there; name the one that is meant with its ending",
            one.display(),
            other.display()
        )),
    }
}

/// The paths that are files, each file once: names that differ in case may denote the same file.
fn different_files(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let is_new = |path: &PathBuf| {
        path.is_file() && seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))
    };
    paths.into_iter().filter(is_new).collect()
}

fn mask_of(dir: &Path, named: &str) -> PathBuf {
    dir.join(MASKS).join(format!("{}.png", picture_name(named)))
}
