//! Rendered scenes as a source.

use ndarray::Array2;
use splitsim_feature::Task;
use splitsim_scenes::{ImageSize, Quality, RenderedScene, SceneId, render_scene};
use splitsim_truth::{DepthMap, GroundTruth, Mask, TruthError};

use crate::{ImageExtent, Item, Picture, SourceError};

/// Side of a rendered scene, pixels.
const SIDE: u32 = 224;

/// A scene's name.
pub(crate) fn name(id: SceneId) -> String {
    format!("scene-{}-{:06}", id.seed, id.index)
}

/// Renders a scene, with what is true of it for `task`.
pub(crate) fn item(id: SceneId, task: Task) -> Result<Item, SourceError> {
    let name = name(id);
    let rendered = render_scene(id, ImageSize::square(SIDE)?, Quality::Standard);
    let truth = truth(&rendered, task).map_err(|source| SourceError::Truth {
        origin: name.clone(),
        source,
    })?;
    let side = SIDE as usize;
    let picture = ImageExtent::new(side, side)
        .and_then(|extent| Picture::from_rgb(extent, rendered.rgb))
        .ok_or_else(|| SourceError::Image {
            path: name.clone().into(),
            reason: "the renderer gave no full picture".to_owned(),
        })?;
    Ok(Item {
        name,
        picture,
        truth: Some(truth),
    })
}

fn truth(scene: &RenderedScene, task: Task) -> Result<GroundTruth, TruthError> {
    let side = SIDE as usize;
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
