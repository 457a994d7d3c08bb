//! Placing a camera, a main object, clutter and a lamp so that the picture
//! keeps the rules of its class.

mod clutter;
mod lamp;
mod stage;

use crate::label::stream;
use crate::scene::{Scene, SceneId};
use clutter::Arrangement;
use stage::Stage;

/// Draws the scene `id`, whose main object has `class`.
pub(crate) fn scene(id: SceneId, class: u16) -> Scene {
    let mut rng = stream(id.seed, id.index, *b"scene draw v1   ");
    let stage = Stage::draw(class, &mut rng);
    let light = lamp::draw(&stage, &mut rng);
    let (objects, composition) = Arrangement::around(&stage).filled(&mut rng);
    Scene {
        id,
        class,
        room: stage.room,
        camera: stage.camera,
        light,
        objects,
        composition,
    }
}
