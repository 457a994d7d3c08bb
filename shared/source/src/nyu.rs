//! NYU Depth v2 in the layout of the Monocular-Depth-Estimation-Toolbox, which DINOv2 and FCM-LM use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_truth::{DepthCrop, GroundTruth};

use crate::list::{List, inside, picture_name};
use crate::{DataSetSpec, DepthScale, ImageExtent, Item, Picture, SourceError, depth};

/// The list of the test pictures.
const TEST: &str = "nyu_test.txt";

/// Pictures with depth in the order of the list file.
#[derive(Debug, Clone)]
pub(crate) struct Nyu {
    list: PathBuf,
    scale: DepthScale,
    pub(crate) pictures: Vec<Measured>,
}

#[derive(Debug, Clone)]
pub(crate) struct Measured {
    name: String,
    line: usize,
    image: PathBuf,
    depth: PathBuf,
}

impl Nyu {
    /// A line of the list is `IMAGE DEPTH` or `IMAGE DEPTH FOCAL`, relative to the folder.
    pub(crate) fn open(spec: &DataSetSpec) -> Result<Self, SourceError> {
        let list = List::read(spec.list_or(TEST))?;
        let mut images_by_name: HashMap<String, PathBuf> = HashMap::new();
        let mut pictures = Vec::with_capacity(list.lines.len());
        for line in &list.lines {
            let (&[image, depth] | &[image, depth, _]) = line.fields().as_slice() else {
                return Err(list.refuse(line, "expected IMAGE DEPTH or IMAGE DEPTH FOCAL"));
            };
            let image = list.file(line, inside(&spec.dir, image))?;
            let depth = list.file(line, inside(&spec.dir, depth))?;
            let name = scene_and_name(&image);
            if let Some(first) = images_by_name.insert(name.clone(), image.clone()) {
                return Err(SourceError::SameName {
                    name,
                    first,
                    second: image,
                });
            }
            pictures.push(Measured {
                name,
                line: line.number,
                image,
                depth,
            });
        }
        Ok(Self {
            list: list.path,
            scale: spec.depth_scale,
            pictures,
        })
    }

    pub(crate) fn name(&self, index: usize) -> Option<&str> {
        self.pictures
            .get(index)
            .map(|picture| picture.name.as_str())
    }

    pub(crate) fn item(&self, index: usize, task: Task) -> Result<Item, SourceError> {
        let measured = &self.pictures[index];
        let picture = Picture::read(&measured.image)?;
        let truth = match task {
            Task::Dpt => Some(self.truth(measured, picture.extent())?),
            Task::Cls | Task::Seg => None,
        };
        Ok(Item {
            name: measured.name.clone(),
            picture,
            truth,
        })
    }

    /// The measured depth inside the Eigen crop: outside of it no published figure is taken, so there
    /// it counts as not measured.
    fn truth(&self, measured: &Measured, image: ImageExtent) -> Result<GroundTruth, SourceError> {
        let (depth, extent) = depth::read(&measured.depth, self.scale)?;
        if extent != image {
            return Err(SourceError::TruthExtent {
                list: self.list.clone(),
                line: measured.line,
                truth: measured.depth.clone(),
                truth_extent: extent,
                image: measured.image.clone(),
                image_extent: image,
            });
        }
        let depth = DepthCrop::Eigen.apply(&depth);
        let depth = depth.map_err(|source| SourceError::Truth {
            origin: measured.depth.display().to_string(),
            source,
        })?;
        Ok(GroundTruth::Dpt { depth })
    }
}

/// `SCENE_NAME`, as FCM-LM names its features: pictures' names alone repeat between scenes.
fn scene_and_name(image: &Path) -> String {
    let name = picture_name(image);
    let scene = image.parent().and_then(Path::file_name);
    match scene {
        Some(scene) => format!("{}_{name}", scene.to_string_lossy()),
        None => name,
    }
}
