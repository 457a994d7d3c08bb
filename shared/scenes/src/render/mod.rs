//! Ray tracing: colour and ground truth for every pixel.

mod row;
mod shade;
mod trace;

use rayon::prelude::*;

use crate::object::ObjectInfo;
use crate::scene::{Composition, Scene, SceneId};
use crate::size::ImageSize;
use row::Tracer;

/// Rays per pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quality {
    /// One colour sample per pixel.
    Draft,
    /// Two by two colour samples per pixel.
    #[default]
    Standard,
}

impl Quality {
    /// Shadow rays to a lamp with an extent, per colour sample.
    const fn shadow_rays(self) -> u32 {
        match self {
            Self::Draft => 6,
            Self::Standard => 3,
        }
    }
}

/// A picture with its ground truth. Planes are row-major from the top left.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedScene {
    /// The scene that is shown.
    pub id: SceneId,
    /// Size of every plane.
    pub size: ImageSize,
    /// Class of the main object, see [`class_name`](crate::class_name).
    pub class: u16,
    /// Interleaved 8-bit RGB, three bytes a pixel.
    pub rgb: Vec<u8>,
    /// Per pixel 0 for the room, else one more than the shape's index.
    pub mask: Vec<u8>,
    /// Per pixel 0 for the room, else one more than the material's index.
    pub material: Vec<u8>,
    /// Per pixel 1 on the main object, else 0.
    pub main: Vec<u8>,
    /// Depth of the pixel's centre along the optical axis, metres.
    pub depth_m: Vec<f32>,
    /// The objects, the main one first.
    pub objects: Vec<ObjectInfo>,
    /// Size, visibility and position of the main object in the picture.
    pub composition: Composition,
}

/// Generates and renders one scene.
#[must_use]
pub fn render_scene(id: SceneId, size: ImageSize, quality: Quality) -> RenderedScene {
    Scene::generate(id).render(size, quality)
}

impl Scene {
    /// Renders the scene, its rows in parallel on the current rayon pool. The
    /// ground truth is that of each pixel's centre.
    #[must_use]
    pub fn render(&self, size: ImageSize, quality: Quality) -> RenderedScene {
        let width = size.width() as usize;
        let pixels = size.pixels();
        let mut picture = RenderedScene {
            id: self.id,
            size,
            class: self.class,
            rgb: vec![0; pixels * 3],
            mask: vec![0; pixels],
            material: vec![0; pixels],
            main: vec![0; pixels],
            depth_m: vec![0.0; pixels],
            objects: self.objects(),
            composition: self.composition,
        };
        let tracer = Tracer {
            scene: self,
            view: self.camera.view(size),
            quality,
        };
        let labels = picture
            .mask
            .par_chunks_mut(width)
            .zip(picture.material.par_chunks_mut(width))
            .zip(picture.main.par_chunks_mut(width))
            .zip(picture.depth_m.par_chunks_mut(width));
        let colours = picture.rgb.par_chunks_mut(width * 3);
        (0_u32..size.height())
            .into_par_iter()
            .zip(colours.zip(labels))
            .for_each(|(y, (rgb, (((mask, material), main), depth)))| {
                let row = tracer.row(y);
                for (x, rgb) in rgb.chunks_exact_mut(3).enumerate() {
                    let pixel = row.pixel(x as u32);
                    rgb.copy_from_slice(&pixel.rgb);
                    mask[x] = pixel.mask;
                    material[x] = pixel.material;
                    main[x] = pixel.main;
                    depth[x] = pixel.depth_m;
                }
            });
        picture
    }
}
