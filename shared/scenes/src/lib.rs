//! Procedural rooms with ground truth for classification, segmentation and depth.
//!
//! A [`SceneId`] names one picture for ever: [`Scene::generate`] draws a room,
//! its light, a camera, one *main object* (whose shape and material are the
//! [class](class_name)) and some clutter, and [`Scene::render`] ray-traces the
//! picture together with exact per-pixel labels. All randomness comes from the
//! id, so the bytes do not depend on the number of threads.
//!
//! Lengths are metres, `y` points up, colours are linear RGB until a picture is
//! encoded.

mod camera;
mod colour;
mod compose;
mod error;
mod export;
mod geometry;
mod label;
mod light;
mod noise;
mod object;
mod probe;
mod render;
mod room;
mod scene;
mod size;
mod texture;
mod vec3;

pub use error::SceneError;
pub use export::{ContactSheet, ScenePaths, contact_sheet, write_scene};
pub use label::{CLASSES, MASK_CLASSES, MATERIALS, SHAPES, class_name};
pub use object::{ObjectInfo, Role};
pub use render::{Quality, RenderedScene, render_scene};
pub use scene::{Composition, Scene, SceneId};
pub use size::ImageSize;
