//! Ground truth as `splitsim scenes render` writes it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use image::DynamicImage;
use ndarray::Array2;
use serde::Deserialize;
use splitsim_feature::Task;
use splitsim_source::ImageExtent;
use splitsim_truth::{DepthMap, GroundTruth, Mask};

/// Reads what is true for a task: a class number or a scene's JSON, an 8-bit grey mask, or a 16-bit
/// grey depth in millimetres.
pub(super) fn read(task: Task, named: &str) -> Result<GroundTruth> {
    let path = Path::new(named);
    let truth = match task {
        Task::Cls => label(named).map(|label| GroundTruth::Cls { label }),
        Task::Seg => mask(path).map(|mask| GroundTruth::Seg { mask }),
        Task::Dpt => depth(path).map(|depth| GroundTruth::Dpt { depth }),
    };
    truth.with_context(|| format!("--truth {named}"))
}

/// The part of a scene's description that is read.
#[derive(Deserialize)]
struct Description {
    class: u32,
}

fn label(named: &str) -> Result<u32> {
    if let Ok(label) = named.parse() {
        return Ok(label);
    }
    let text = std::fs::read_to_string(named).context("neither a class number nor a file")?;
    let description: Description =
        serde_json::from_str(&text).context("not the JSON description of a scene")?;
    Ok(description.class)
}

fn mask(path: &Path) -> Result<Mask> {
    let DynamicImage::ImageLuma8(grey) = decode(path)? else {
        bail!("a mask is an 8-bit grey picture of class numbers");
    };
    let plane = (grey.height() as usize, grey.width() as usize);
    Ok(Mask::new(Array2::from_shape_vec(plane, grey.into_raw())?)?)
}

fn depth(path: &Path) -> Result<DepthMap> {
    let DynamicImage::ImageLuma16(grey) = decode(path)? else {
        bail!("a depth map is a 16-bit grey picture of millimetres");
    };
    let plane = (grey.height() as usize, grey.width() as usize);
    let metres = grey
        .into_raw()
        .into_iter()
        .map(|millimetres| f32::from(millimetres) / 1000.0);
    let metres = Array2::from_shape_vec(plane, metres.collect())?;
    Ok(DepthMap::new(metres)?)
}

fn decode(path: &Path) -> Result<DynamicImage> {
    let mut reader = image::ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(ImageExtent::MAX_SIDE as u32);
    limits.max_image_height = Some(ImageExtent::MAX_SIDE as u32);
    reader.limits(limits);
    Ok(reader.decode()?)
}

#[cfg(test)]
mod tests {
    use splitsim_scenes::{ImageSize, Quality, SceneId, render_scene, write_scene};

    use super::*;

    #[test]
    fn the_truth_of_a_written_scene_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let id = SceneId { seed: 3, index: 1 };
        let scene = render_scene(id, ImageSize::square(32).unwrap(), Quality::Draft);
        let paths = write_scene(dir.path(), &scene).unwrap();
        let truth = |task, path: &Path| read(task, path.to_str().unwrap()).unwrap();
        let label = u32::from(scene.class);
        let expected = GroundTruth::Cls { label };
        assert_eq!(truth(Task::Cls, &paths.description), expected);
        assert_eq!(read(Task::Cls, &label.to_string()).unwrap(), expected);
        let GroundTruth::Seg { mask } = truth(Task::Seg, &paths.mask) else {
            panic!("expected a mask");
        };
        assert!(mask.view().iter().eq(&scene.mask));
        let GroundTruth::Dpt { depth } = truth(Task::Dpt, &paths.depth) else {
            panic!("expected depth");
        };
        let mut depths = depth.view().into_iter().zip(&scene.depth_m);
        assert!(depths.all(|(read, rendered)| (read - rendered).abs() < 0.001));
    }

    #[test]
    fn another_kind_of_picture_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("colour.png");
        image::RgbImage::new(4, 4).save(&path).unwrap();
        let refused = |task| format!("{:#}", read(task, path.to_str().unwrap()).unwrap_err());
        assert!(refused(Task::Seg).contains("8-bit grey"));
        assert!(refused(Task::Dpt).contains("16-bit grey"));
        assert!(refused(Task::Cls).contains("colour.png"));
    }
}
