//! The room, the main object in it and the camera that looks at it.

use std::f32::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::camera::Camera;
use crate::colour::hsv;
use crate::geometry::Shape;
use crate::label::split_class;
use crate::object::{Object, telling_yaw};
use crate::probe::Layer;
use crate::room::{Podium, Room, Rug};
use crate::texture::{Material, Surface};
use crate::vec3::{Vec3, vec3};

/// Drawings of the main object before the last one is taken as it is.
const TRIES: usize = 96;
/// Rounds that fit the main object's scale to its target coverage.
const SCALE_ROUNDS: usize = 5;

/// A camera, the main object it looks at and the stand below.
pub(super) struct Stage {
    pub(super) room: Room,
    pub(super) camera: Camera,
    pub(super) main: Object,
    /// The main object on its own.
    pub(super) layer: Layer,
    /// Direction from the main object to the camera, radians about the vertical
    /// axis.
    pub(super) towards: f32,
}

impl Stage {
    /// Draws stages until the main object of `class` sits well in the picture.
    pub(super) fn draw(class: u16, rng: &mut ChaCha8Rng) -> Self {
        let mut stage = Self::draw_any(class, rng);
        for _ in 1..TRIES {
            if stage.is_good() {
                break;
            }
            stage = Self::draw_any(class, rng);
        }
        stage
    }

    fn draw_any(class: u16, rng: &mut ChaCha8Rng) -> Self {
        let (shape, material) = split_class(class);
        let (shape, material) = (Shape::ALL[shape], Material::ALL[material]);
        let mut room = Room::draw(rng);
        let towards = rng.random_range(0.0..TAU);
        let distance = rng.random_range(1.4..2.4);
        let away = vec3(towards.sin(), 0.0, towards.cos());
        // Off the middle, so that the camera is far enough from the wall behind it.
        let place = away * rng.random_range(-1.2..0.2)
            + vec3(away.z, 0.0, -away.x) * rng.random_range(-0.5..0.5);
        let stand = stand_height(rng);
        let surface = Surface::draw(material, rng);
        let yaw = telling_yaw(shape, towards, rng);
        let mut main = Object::new(shape, surface, place + Vec3::UP * stand, 0.5, yaw);
        let shot = Shot::draw(away, distance, rng);
        let target = rng.random_range(0.115..0.215);
        let (camera, layer) = fit_scale(&mut main, &shot, target);
        furnish(&mut room, &main, stand, rng);
        Self {
            room,
            camera,
            main,
            layer,
            towards,
        }
    }
    fn is_good(&self) -> bool {
        let sight = self.layer.sight();
        (0.105..0.23).contains(&sight.coverage)
            && sight.off_centre < 0.12
            && !self.layer.touches_border()
            && (0.2..1.0).contains(&self.main.scale())
            && self.camera.origin.y < self.room.height - 0.25
            && self.room.contains(self.camera.origin, 0.5)
            && self
                .room
                .contains(self.main.foot(), self.main.footprint() + 0.05)
    }
}

/// The camera's position and aim relative to the main object.
struct Shot {
    /// Direction from the main object to the camera, level and of unit length.
    away: Vec3,
    distance: f32,
    /// Radians above the main object.
    elevation: f32,
    tan_half: f32,
    /// Offset of the main object from the picture's centre, in picture sides.
    aim: (f32, f32),
}

impl Shot {
    fn draw(away: Vec3, distance: f32, rng: &mut ChaCha8Rng) -> Self {
        Self {
            away,
            distance,
            elevation: rng.random_range(0.16..0.62),
            tan_half: rng.random_range(0.38..0.58),
            aim: (rng.random_range(-0.09..0.09), rng.random_range(-0.08..0.08)),
        }
    }

    fn camera(&self, main: &Object) -> Camera {
        let (sin, cos) = self.elevation.sin_cos();
        let middle = main.middle();
        let origin = middle + (self.away * cos + Vec3::UP * sin) * self.distance;
        let straight = Camera::look_at(origin, middle, self.tan_half);
        let side = 2.0 * self.tan_half * self.distance;
        let shift = straight.right * (self.aim.0 * side) + straight.up * (self.aim.1 * side);
        Camera::look_at(origin, middle + shift, self.tan_half)
    }
}

/// Height of the stand below the main object, metres; 0 for none.
fn stand_height(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random_bool(0.3) {
        rng.random_range(0.05..0.14)
    } else {
        0.0
    }
}

/// Scales the main object until it covers about `target` of the picture.
fn fit_scale(main: &mut Object, shot: &Shot, target: f32) -> (Camera, Layer) {
    let mut camera = shot.camera(main);
    let mut layer = Layer::of(&camera, main);
    for _ in 0..SCALE_ROUNDS {
        let coverage = layer.sight().coverage.max(0.004);
        let scale = (main.scale() * (target / coverage).sqrt()).clamp(0.15, 1.2);
        main.place(main.foot(), scale);
        camera = shot.camera(main);
        layer = Layer::of(&camera, main);
    }
    (camera, layer)
}

/// Puts a stand and perhaps a rug below the main object.
fn furnish(room: &mut Room, main: &Object, stand: f32, rng: &mut ChaCha8Rng) {
    let floor = vec3(main.foot().x, 0.0, main.foot().z);
    if stand > 0.0 {
        room.podium = Some(Podium {
            middle: floor,
            radius: main.footprint() * rng.random_range(1.08..1.3),
            height: stand,
            colour: hsv(
                rng.random(),
                rng.random_range(0.0..0.2),
                rng.random_range(0.55..0.92),
            ),
        });
    }
    if rng.random_bool(0.35) {
        let half = main.footprint() * rng.random_range(1.5..2.4);
        room.rug = Some(Rug::draw(floor, half, rng));
    }
}
