//! PASCAL VOC's segmentation data: `JPEGImages`, `SegmentationClass` and a list file.

use std::collections::HashSet;
use std::path::PathBuf;

use splitsim_feature::Task;
use splitsim_truth::GroundTruth;

use crate::list::List;
use crate::{DataSetSpec, ImageExtent, Item, Picture, SourceError, mask};

/// The list of the validation pictures, in VOC's own layout.
const VALIDATION: &str = "ImageSets/Segmentation/val.txt";

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
    mask: PathBuf,
}

impl Voc {
    /// A line of the list is a picture's NAME: `JPEGImages/NAME.jpg` and `SegmentationClass/NAME.png`.
    pub(crate) fn open(spec: &DataSetSpec) -> Result<Self, SourceError> {
        let list = List::read(spec.list_or(VALIDATION))?;
        let mut names = HashSet::new();
        let mut pictures = Vec::with_capacity(list.lines.len());
        for line in &list.lines {
            let [name] = line.words.as_slice() else {
                return Err(list.refuse(line, "expected one name per line"));
            };
            if !names.insert(name) {
                return Err(list.refuse(line, format!("'{name}' stands twice")));
            }
            let image = spec.dir.join("JPEGImages").join(format!("{name}.jpg"));
            let mask = spec
                .dir
                .join("SegmentationClass")
                .join(format!("{name}.png"));
            pictures.push(Masked {
                name: name.clone(),
                line: line.number,
                image: list.file(line, image)?,
                mask: list.file(line, mask)?,
            });
        }
        Ok(Self {
            list: list.path,
            pictures,
        })
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
