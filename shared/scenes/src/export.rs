//! Files and overviews of rendered scenes.

use std::fs;
use std::path::{Path, PathBuf};

use png::{BitDepth, ColorType};
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
    rgb_image(scene)?.save(&paths.rgb)?;
    mask_image(scene)?.save(&paths.mask)?;
    depth_image(scene)?.save(&paths.depth)?;
    describe(scene, &paths.description)?;
    Ok(paths)
}

/// Pictures side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSheet {
    width: u32,
    height: u32,
    /// `[height, width, 3]`.
    rgb: Vec<u8>,
}

/// Scenes side by side, `columns` to a row, in cells as large as the largest.
/// Pictures whose planes do not fit their size are left black.
#[must_use]
pub fn contact_sheet(scenes: &[RenderedScene], columns: usize) -> ContactSheet {
    let columns = columns.clamp(1, scenes.len().max(1)) as u32;
    let rows = (scenes.len() as u32).div_ceil(columns);
    let cell_width = scenes.iter().map(|s| s.size.width()).max().unwrap_or(0);
    let cell_height = scenes.iter().map(|s| s.size.height()).max().unwrap_or(0);
    let mut sheet = ContactSheet::black(columns * cell_width, rows * cell_height);
    for (place, scene) in (0_u32..).zip(scenes) {
        if rgb_image(scene).is_ok() {
            let (x, y) = (place % columns * cell_width, place / columns * cell_height);
            sheet.place(scene, x as usize, y as usize);
        }
    }
    sheet
}

impl ContactSheet {
    fn black(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            rgb: vec![0; width as usize * height as usize * 3],
        }
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Red, green and blue at column `x` of row `y`; `None` outside of the sheet.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        let (pixels, _) = self.rgb.as_chunks();
        let inside = x < self.width && y < self.height;
        inside.then(|| pixels[y as usize * self.width as usize + x as usize])
    }

    /// Writes the sheet as a PNG.
    ///
    /// # Errors
    /// When it has no pixels, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SceneError> {
        let image = Image {
            width: self.width,
            height: self.height,
            colour: ColorType::Rgb,
            depth: BitDepth::Eight,
            bytes: &self.rgb,
        };
        image.save(path)
    }

    /// Copies a scene's picture so that its upper left corner comes to `(x, y)`.
    fn place(&mut self, scene: &RenderedScene, x: usize, y: usize) {
        let lines = scene.rgb.chunks_exact(3 * scene.size.width() as usize);
        for (line, row) in lines.zip(y..) {
            let start = 3 * (row * self.width as usize + x);
            self.rgb[start..start + line.len()].copy_from_slice(line);
        }
    }
}

/// The size, sample format and samples of a PNG.
struct Image<B> {
    width: u32,
    height: u32,
    colour: ColorType,
    depth: BitDepth,
    /// Row by row; samples of 16 bits have the greater byte first.
    bytes: B,
}

fn rgb_image(scene: &RenderedScene) -> Result<Image<&[u8]>, SceneError> {
    check_plane(scene, "rgb", scene.rgb.len(), 3)?;
    Ok(Image::of(
        scene,
        ColorType::Rgb,
        BitDepth::Eight,
        &scene.rgb,
    ))
}

fn mask_image(scene: &RenderedScene) -> Result<Image<&[u8]>, SceneError> {
    check_plane(scene, "mask", scene.mask.len(), 1)?;
    Ok(Image::of(
        scene,
        ColorType::Grayscale,
        BitDepth::Eight,
        &scene.mask,
    ))
}

fn depth_image(scene: &RenderedScene) -> Result<Image<Vec<u8>>, SceneError> {
    check_plane(scene, "depth", scene.depth_m.len(), 1)?;
    let millimetres = scene
        .depth_m
        .iter()
        .map(|metres| (metres * 1000.0).round() as u16);
    let bytes = millimetres.flat_map(u16::to_be_bytes).collect();
    Ok(Image::of(
        scene,
        ColorType::Grayscale,
        BitDepth::Sixteen,
        bytes,
    ))
}

/// Refuses a plane that does not hold `channels` values per pixel.
fn check_plane(
    scene: &RenderedScene,
    plane: &'static str,
    found: usize,
    channels: usize,
) -> Result<(), SceneError> {
    let expected = scene.size.pixels() * channels;
    (found == expected)
        .then_some(())
        .ok_or(SceneError::PlaneLength {
            plane,
            found,
            expected,
        })
}

impl<B: AsRef<[u8]>> Image<B> {
    fn of(scene: &RenderedScene, colour: ColorType, depth: BitDepth, bytes: B) -> Self {
        Self {
            width: scene.size.width(),
            height: scene.size.height(),
            colour,
            depth,
            bytes,
        }
    }

    fn save(&self, path: &Path) -> Result<(), SceneError> {
        let png = self.png().map_err(|source| SceneError::Image {
            path: path.to_owned(),
            source,
        })?;
        Ok(splitsim_durable::replace(path, png)?)
    }

    fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, self.width, self.height);
        encoder.set_color(self.colour);
        encoder.set_depth(self.depth);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.bytes.as_ref())?;
        writer.finish()?;
        Ok(png)
    }
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
