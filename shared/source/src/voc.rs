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
    /// `JPEGImages/NAME.jpg`, its mask `SegmentationClass/NAME.png`. Two paths are picture and mask.
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
    let of = |named: &str, image: PathBuf, mask: PathBuf| {
        Ok(Masked {
            name: picture_name(named),
            line: line.number,
            image: list.file(line, image)?,
            mask: list.file(line, mask)?,
        })
    };
    let whole = line.text.as_str();
    match line.fields().as_slice() {
        // A name may hold blanks.
        [_, _, ..] if picture_of(dir, whole).is_file() => {
            of(whole, picture_of(dir, whole), mask_of(dir, whole))
        }
        [named] => of(named, picture_of(dir, named), mask_of(dir, named)),
        [image, mask] if image.contains('/') && mask.contains('/') => {
            of(image, inside(dir, image), inside(dir, mask))
        }
        _ => Err(list.refuse(line, "expected one name per line")),
    }
}

/// The picture of a name, a file name or a path with or without ending. VOC's own are `.jpg`.
fn picture_of(dir: &Path, named: &str) -> PathBuf {
    if named.contains('/') && is_picture(Path::new(named)) {
        return inside(dir, named);
    }
    let stem = match named.contains('/') {
        true => inside(dir, named),
        false => dir.join(IMAGES).join(picture_name(named)),
    };
    let with = |ending: &str| {
        let mut path = stem.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    let found = ENDINGS
        .iter()
        .map(|ending| with(ending))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| with(ENDINGS[0]))
}

fn mask_of(dir: &Path, named: &str) -> PathBuf {
    dir.join(MASKS).join(format!("{}.png", picture_name(named)))
}
