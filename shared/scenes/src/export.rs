//! Files and overviews of rendered scenes.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageBuffer, ImageFormat, Luma, RgbImage};
use serde::Serialize;

use crate::{Composition, ObjectInfo, RenderedScene, SceneError, SceneId, class_name};

/// The files of one written scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenePaths {
    /// 8-bit RGB picture.
    pub rgb: PathBuf,
    /// 8-bit grey mask of shapes.
    pub mask: PathBuf,
    /// 16-bit grey depth in millimetres.
    pub depth: PathBuf,
    /// Description as JSON.
    pub description: PathBuf,
}

impl ScenePaths {
    /// The files of the scene with this index in `dir`.
    #[must_use]
    pub fn of(dir: &Path, index: u64) -> Self {
        let file = |ending: &str| dir.join(format!("{index:06}.{ending}"));
        Self {
            rgb: file("png"),
            mask: file("mask.png"),
            depth: file("depth.png"),
            description: file("json"),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> [&Path; 4] {
        let Self {
            rgb,
            mask,
            depth,
            description,
        } = self;
        [rgb, mask, depth, description]
    }
}

#[derive(Serialize)]
struct Description<'a> {
    id: SceneId,
    class: u16,
    class_name: Option<String>,
    width: u32,
    height: u32,
    composition: Composition,
    objects: &'a [ObjectInfo],
}

/// Writes `NNNNNN.png`, `NNNNNN.mask.png`, `NNNNNN.depth.png` (16-bit,
/// millimetres) and `NNNNNN.json` into `dir`, where `NNNNNN` is the scene's
/// index. The directory is made if it is missing.
///
/// # Errors
///
/// If a plane does not fit the size, or a file cannot be encoded or written.
pub fn write_scene(dir: &Path, scene: &RenderedScene) -> Result<ScenePaths, SceneError> {
    fs::create_dir_all(dir).map_err(|source| SceneError::Io {
        path: dir.to_owned(),
        source,
    })?;
    let paths = ScenePaths::of(dir, scene.id.index);
    save(&rgb_image(scene)?, &paths.rgb)?;
    save(&mask_image(scene)?, &paths.mask)?;
    save(&depth_image(scene)?, &paths.depth)?;
    describe(scene, &paths.description)?;
    Ok(paths)
}

/// Scenes side by side, `columns` to a row, in cells as large as the largest.
/// Pictures whose planes do not fit their size are left black.
#[must_use]
pub fn contact_sheet(scenes: &[RenderedScene], columns: usize) -> RgbImage {
    let columns = columns.clamp(1, scenes.len().max(1)) as u32;
    let rows = (scenes.len() as u32).div_ceil(columns);
    let cell_width = scenes.iter().map(|s| s.size.width()).max().unwrap_or(0);
    let cell_height = scenes.iter().map(|s| s.size.height()).max().unwrap_or(0);
    let mut sheet = RgbImage::new(columns * cell_width, rows * cell_height);
    for (place, scene) in (0_u32..).zip(scenes) {
        if let Ok(picture) = rgb_image(scene) {
            let x = i64::from(place % columns * cell_width);
            let y = i64::from(place / columns * cell_height);
            image::imageops::replace(&mut sheet, &picture, x, y);
        }
    }
    sheet
}

fn rgb_image(scene: &RenderedScene) -> Result<RgbImage, SceneError> {
    plane(scene, "rgb", scene.rgb.clone(), 3)
}

fn mask_image(scene: &RenderedScene) -> Result<GrayImage, SceneError> {
    plane(scene, "mask", scene.mask.clone(), 1)
}

fn depth_image(scene: &RenderedScene) -> Result<ImageBuffer<Luma<u16>, Vec<u16>>, SceneError> {
    let millimetres = scene
        .depth_m
        .iter()
        .map(|metres| (metres * 1000.0).round() as u16)
        .collect();
    plane(scene, "depth", millimetres, 1)
}

/// An image of one of the scene's planes.
fn plane<P: image::Pixel>(
    scene: &RenderedScene,
    plane: &'static str,
    values: Vec<P::Subpixel>,
    channels: usize,
) -> Result<ImageBuffer<P, Vec<P::Subpixel>>, SceneError> {
    let (width, height) = (scene.size.width(), scene.size.height());
    let (found, expected) = (values.len(), scene.size.pixels() * channels);
    ImageBuffer::from_vec(width, height, values)
        .filter(|_| found == expected)
        .ok_or(SceneError::PlaneLength {
            plane,
            found,
            expected,
        })
}

fn save<P>(picture: &ImageBuffer<P, Vec<P::Subpixel>>, path: &Path) -> Result<(), SceneError>
where
    P: image::PixelWithColorType,
    [P::Subpixel]: image::EncodableLayout,
{
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|source| SceneError::Image {
            path: path.to_owned(),
            source,
        })?;
    Ok(splitsim_durable::replace(path, png.into_inner())?)
}

fn describe(scene: &RenderedScene, path: &Path) -> Result<(), SceneError> {
    let description = Description {
        id: scene.id,
        class: scene.class,
        class_name: class_name(scene.class),
        width: scene.size.width(),
        height: scene.size.height(),
        composition: scene.composition,
        objects: &scene.objects,
    };
    let text =
        serde_json::to_vec_pretty(&description).map_err(|source| SceneError::Description {
            path: path.to_owned(),
            source,
        })?;
    Ok(splitsim_durable::replace(path, text)?)
}
