//! A shape of some material, placed in the room.

use rand::RngExt;
use serde::Serialize;

use crate::geometry::{Ball, Extent, Hit, Ray, Shape};
use crate::label::{MATERIALS, SHAPES};
use crate::texture::Surface;
use crate::vec3::{Vec3, vec3};

/// The role of an object in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The object that gives the picture its class.
    Main,
    /// Anything else.
    Clutter,
}

/// Description of one object of a scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectInfo {
    /// Main object or clutter.
    pub role: Role,
    /// Name of the shape, one of [`SHAPES`].
    pub shape: &'static str,
    /// Name of the material, one of [`MATERIALS`].
    pub material: &'static str,
    /// The middle of the object's foot in the room, metres (`y` up).
    pub position_m: [f32; 3],
    /// Height, metres.
    pub height_m: f32,
    /// Turn about the vertical axis, radians.
    pub yaw_rad: f32,
}

/// A placed object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) shape: Shape,
    pub(crate) surface: Surface,
    foot: Vec3,
    scale: f32,
    turn: Turn,
    bounds: Bounds,
}

/// Two balls about an object.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Holds the whole object.
    whole: Ball,
    /// Has about the object's bulk.
    bulk: Ball,
}

/// A turn about the vertical axis.
#[derive(Debug, Clone, Copy)]
struct Turn {
    yaw: f32,
    sin: f32,
    cos: f32,
}

/// A hit on an object, in both frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectHit {
    pub(crate) t: f32,
    pub(crate) normal: Vec3,
    pub(crate) local_point: Vec3,
    pub(crate) local_normal: Vec3,
}

impl Object {
    pub(crate) fn new(shape: Shape, surface: Surface, foot: Vec3, scale: f32, yaw: f32) -> Self {
        let (sin, cos) = yaw.sin_cos();
        Self {
            shape,
            surface,
            foot,
            scale,
            turn: Turn { yaw, sin, cos },
            bounds: Bounds::of(shape, foot, scale),
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        self.shape.extent()
    }

    /// The middle of the foot.
    pub(crate) fn foot(&self) -> Vec3 {
        self.foot
    }

    /// Metres per unit of the shape.
    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    /// Puts the object elsewhere, in another size.
    pub(crate) fn place(&mut self, foot: Vec3, scale: f32) {
        self.foot = foot;
        self.scale = scale;
        self.bounds = Bounds::of(self.shape, foot, scale);
    }

    /// The point at half height.
    pub(crate) fn middle(&self) -> Vec3 {
        self.bounds.whole.centre
    }

    /// A ball that holds the object.
    pub(crate) fn bound(&self) -> Ball {
        self.bounds.whole
    }

    /// A ball of about the object's bulk.
    pub(crate) fn bulk(&self) -> Ball {
        self.bounds.bulk
    }

    /// Radius on the floor, metres.
    pub(crate) fn footprint(&self) -> f32 {
        self.extent().footprint * self.scale
    }

    /// Height, metres.
    pub(crate) fn height(&self) -> f32 {
        self.extent().height * self.scale
    }

    fn to_local(&self, ray: &Ray) -> Ray {
        let inverse = 1.0 / self.scale;
        let Turn { sin, cos, .. } = self.turn;
        Ray {
            origin: (ray.origin - self.foot).yawed(-sin, cos) * inverse,
            direction: ray.direction.yawed(-sin, cos) * inverse,
        }
    }

    fn local_hit(&self, ray: &Ray) -> Option<(Ray, Hit)> {
        if !ray.meets(self.bounds.whole) {
            return None;
        }
        let local = self.to_local(ray);
        let hit = self.shape.intersect(&local)?;
        Some((local, hit))
    }

    /// The ray parameter of the nearest hit.
    pub(crate) fn distance(&self, ray: &Ray) -> Option<f32> {
        self.local_hit(ray).map(|(_, hit)| hit.t)
    }

    pub(crate) fn intersect(&self, ray: &Ray) -> Option<ObjectHit> {
        let (local, hit) = self.local_hit(ray)?;
        Some(ObjectHit {
            t: hit.t,
            normal: hit.normal.yawed(self.turn.sin, self.turn.cos),
            local_point: local.at(hit.t),
            local_normal: hit.normal,
        })
    }

    /// Returns `true` if the object stands between the ray's start and
    /// parameter 1.
    pub(crate) fn blocks(&self, ray: &Ray) -> bool {
        self.distance(ray).is_some_and(|t| t < 1.0)
    }

    pub(crate) fn info(&self, role: Role) -> ObjectInfo {
        ObjectInfo {
            role,
            shape: SHAPES[self.shape.index()],
            material: MATERIALS[self.surface.material.index()],
            position_m: self.foot.to_array(),
            height_m: self.height(),
            yaw_rad: self.turn.yaw,
        }
    }
}

impl Bounds {
    fn of(shape: Shape, foot: Vec3, scale: f32) -> Self {
        let extent = shape.extent();
        let centre = foot + vec3(0.0, extent.height * 0.5 * scale, 0.0);
        let ball = |radius| Ball { centre, radius };
        Self {
            whole: ball(extent.bound * scale),
            bulk: ball(extent.height * scale * 0.45),
        }
    }
}

/// A turn that shows a shape from a telling side to a camera in the direction
/// `towards` (radians, 0 along `z`).
pub(crate) fn telling_yaw(shape: Shape, towards: f32, rng: &mut impl RngExt) -> f32 {
    let either = if rng.random() { 1.0 } else { -1.0 };
    let turn = match shape {
        Shape::Torus | Shape::Cross => rng.random_range(0.05..0.75),
        Shape::Stairs => rng.random_range(0.1..0.65),
        Shape::Cube | Shape::Table | Shape::Pyramid => rng.random_range(0.3..0.78),
        Shape::Sphere | Shape::Cylinder | Shape::Cone | Shape::Capsule => {
            rng.random_range(0.0..3.1)
        }
    };
    towards + either * turn
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::camera::Camera;
    use crate::size::ImageSize;
    use crate::texture::Material;

    fn object(shape: Shape, foot: Vec3, scale: f32, yaw: f32) -> Object {
        let surface = Surface::draw(Material::Plain, &mut ChaCha8Rng::seed_from_u64(0));
        Object::new(shape, surface, foot, scale, yaw)
    }

    #[test]
    fn a_sphere_ahead_is_one_radius_nearer_than_its_middle() {
        let sphere = object(Shape::Sphere, vec3(0.4, 0.2, -1.0), 0.6, 1.0);
        let camera = Camera::look_at(vec3(0.0, 1.6, 1.2), sphere.middle(), 0.5);
        let distance = (sphere.middle() - camera.origin).length();
        let size = ImageSize::square(64).expect("a valid size");
        let ray = camera.view(size).ray(32.0, 32.0);
        let depth = sphere.distance(&ray).expect("a hit");
        assert!((depth - (distance - 0.3)).abs() < 1e-5);
    }

    #[test]
    fn a_turned_cube_shows_its_edge() {
        let cube = object(Shape::Cube, Vec3::ZERO, 1.0, std::f32::consts::FRAC_PI_4);
        let ray = Ray {
            origin: vec3(1e-4, 0.3, 3.0),
            direction: vec3(0.0, 0.0, -1.0),
        };
        let hit = cube.intersect(&ray).expect("a hit");
        let edge = 0.45 * std::f32::consts::SQRT_2;
        assert!((hit.t - (3.0 - edge)).abs() < 1e-3);
        let slanted = std::f32::consts::FRAC_1_SQRT_2;
        assert!((hit.normal - vec3(slanted, 0.0, slanted)).length() < 1e-4);
    }

    #[test]
    fn moving_and_scaling_moves_the_bounds() {
        let mut cone = object(Shape::Cone, Vec3::ZERO, 1.0, 0.0);
        cone.place(vec3(1.0, 0.5, 2.0), 0.5);
        assert!((cone.middle() - vec3(1.0, 0.775, 2.0)).length() < 1e-6);
        assert!((cone.bound().radius - 0.375).abs() < 1e-6);
    }
}
