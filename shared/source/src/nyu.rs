//! NYU Depth v2 in the layout of the Monocular-Depth-Estimation-Toolbox, which DINOv2 and FCM-LM use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use ndarray::Array2;
use splitsim_feature::Task;
use splitsim_truth::{DepthCrop, DepthMap, GroundTruth};

use crate::list::{List, stem};
use crate::{DataSetSpec, ImageExtent, Item, Picture, SourceError, decode};

/// The list of the test pictures.
const TEST: &str = "nyu_test.txt";
/// Depth samples per metre.
const SAMPLES_PER_METRE: f32 = 1000.0;

/// Pictures with depth in the order of the list file.
#[derive(Debug, Clone)]
pub(crate) struct Nyu {
    list: PathBuf,
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
            let ([image, depth] | [image, depth, _]) = line.words.as_slice() else {
                return Err(list.refuse(line, "expected IMAGE DEPTH or IMAGE DEPTH FOCAL"));
            };
            // Some lists begin their paths with a slash and mean the data set's folder.
            let inside = |path: &str| spec.dir.join(path.trim_start_matches('/'));
            let image = list.file(line, inside(image))?;
            let depth = list.file(line, inside(depth))?;
            let name = scene_and_stem(&image);
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
            pictures,
        })
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
        let (depth, extent) = read_depth(&measured.depth)?;
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

/// `SCENE_STEM`, as FCM-LM names its features: stems alone repeat between scenes.
fn scene_and_stem(image: &Path) -> String {
    let scene = image.parent().and_then(Path::file_name);
    match scene {
        Some(scene) => format!("{}_{}", scene.to_string_lossy(), stem(image)),
        None => stem(image),
    }
}

/// A 16-bit grey PNG of millimetres.
fn read_depth(path: &Path) -> Result<(DepthMap, ImageExtent), SourceError> {
    let failed = |reason: &str| SourceError::Image {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let DynamicImage::ImageLuma16(samples) = decode::samples(path)? else {
        return Err(failed("a depth map is a 16-bit grey PNG of millimetres"));
    };
    let (width, height) = (samples.width() as usize, samples.height() as usize);
    let extent = ImageExtent::new(width, height).ok_or_else(|| failed("an empty image"))?;
    let metres = samples
        .into_raw()
        .into_iter()
        .map(|sample| f32::from(sample) / SAMPLES_PER_METRE)
        .collect();
    let metres = Array2::from_shape_vec((height, width), metres)
        .map_err(|error| failed(&error.to_string()))?;
    let depth = DepthMap::new(metres).map_err(|source| SourceError::Truth {
        origin: path.display().to_string(),
        source,
    })?;
    Ok((depth, extent))
}
