//! A scene: everything in it, before it is drawn at some size.

use serde::Serialize;

use crate::camera::Camera;
use crate::compose;
use crate::label::class_of;
use crate::light::Light;
use crate::object::{Object, ObjectInfo, Role};
use crate::room::Room;

/// The set of scenes and the place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct SceneId {
    /// Names the set.
    pub seed: u64,
    /// Place in the set. Each block of 60 indices holds every class once.
    pub index: u64,
}

/// Size, visibility and position of the main object in a square picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Composition {
    /// Share of the picture where the main object is seen.
    pub coverage: f32,
    /// Share of the main object that clutter leaves in sight.
    pub visible_share: f32,
    /// Distance of the main object's visible centroid from the picture's
    /// centre, in picture sides.
    pub off_centre: f32,
    /// Share of the picture that the most visible clutter object covers.
    pub largest_clutter: f32,
}

/// A furnished room with its light and camera.
#[derive(Debug, Clone)]
pub struct Scene {
    pub(crate) id: SceneId,
    pub(crate) class: u16,
    pub(crate) room: Room,
    pub(crate) camera: Camera,
    pub(crate) light: Light,
    /// The main object first.
    pub(crate) objects: Vec<Object>,
    pub(crate) composition: Composition,
}

impl Scene {
    /// Draws the scene of an id. The same id gives the same scene for ever.
    #[must_use]
    pub fn generate(id: SceneId) -> Self {
        compose::scene(id, class_of(id.seed, id.index))
    }

    /// The class of the main object, see [`class_name`](crate::class_name).
    #[must_use]
    pub const fn class(&self) -> u16 {
        self.class
    }

    /// The id that the scene was drawn from.
    #[must_use]
    pub const fn id(&self) -> SceneId {
        self.id
    }

    /// Size, visibility and position of the main object in the picture.
    #[must_use]
    pub const fn composition(&self) -> Composition {
        self.composition
    }

    /// The objects, the main one first.
    #[must_use]
    pub fn objects(&self) -> Vec<ObjectInfo> {
        let role = |place| {
            if place == 0 {
                Role::Main
            } else {
                Role::Clutter
            }
        };
        self.objects
            .iter()
            .enumerate()
            .map(|(place, object)| object.info(role(place)))
            .collect()
    }
}
