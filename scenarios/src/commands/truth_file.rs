//! Ground truth as `splitsim scenes render` writes it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use splitsim_feature::Task;
use splitsim_source::{DepthScale, read_depth, read_mask};
use splitsim_text::Text;
use splitsim_truth::GroundTruth;

/// Reads the ground truth of a task: a class number or a scene's JSON, a mask, or a depth map.
pub(super) fn read(task: Task, named: &str, scale: DepthScale) -> Result<GroundTruth> {
    let path = Path::new(named);
    let truth = match task {
        Task::Cls => label(named).map(|label| GroundTruth::Cls { label })?,
        Task::Seg => read_mask(path).map(|mask| GroundTruth::Seg { mask })?,
        Task::Dpt => read_depth(path, scale).map(|depth| GroundTruth::Dpt { depth })?,
    };
    Ok(truth)
}

/// More than the description of any scene has.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;

/// The part of a scene's description that is read.
#[derive(Deserialize)]
struct Description {
    class: u32,
}

fn label(named: &str) -> Result<u32> {
    if let Ok(label) = named.parse() {
        return Ok(label);
    }
    let text = Text::read(Path::new(named), MAX_DESCRIPTION_BYTES)
        .with_context(|| format!("--truth {named}: neither a class number nor a file"))?;
    let description: Description = serde_json::from_str(text.as_str())
        .with_context(|| format!("{named}: not the JSON description of a scene"))?;
    Ok(description.class)
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
        let truth =
            |task, path: &Path| read(task, path.to_str().unwrap(), DepthScale::default()).unwrap();
        let label = u32::from(scene.class);
        let expected = GroundTruth::Cls { label };
        assert_eq!(truth(Task::Cls, &paths.description), expected);
        assert_eq!(
            read(Task::Cls, &label.to_string(), DepthScale::default()).unwrap(),
            expected
        );
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
        let refused = |task| {
            let refused = read(task, path.to_str().unwrap(), DepthScale::default());
            format!("{:#}", refused.unwrap_err())
        };
        assert!(refused(Task::Seg).contains("8-bit grey"));
        assert!(refused(Task::Dpt).contains("16-bit grey"));
        assert!(refused(Task::Cls).contains("colour.png"));
    }
}
