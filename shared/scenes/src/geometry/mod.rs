//! Intersections of rays with the ten shapes.
//!
//! Shapes live in a frame of their own: they stand on `y = 0`, are centred on
//! the vertical axis and are about one unit tall.

mod polynomial;
mod solid;
mod torus;

use crate::vec3::{Vec3, vec3};
pub(crate) use solid::cylinder as solid_cylinder;
use solid::{Aabb, Convex};

/// A half-line; the direction need not have unit length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ray {
    pub(crate) origin: Vec3,
    pub(crate) direction: Vec3,
}

impl Ray {
    pub(crate) fn at(&self, t: f32) -> Vec3 {
        self.origin + self.direction * t
    }

    /// Returns `true` if the ray can meet a ball at all.
    pub(crate) fn meets(&self, ball: Ball) -> bool {
        let to = ball.centre - self.origin;
        let beyond = to.length_squared() - ball.radius * ball.radius;
        let along = to.dot(self.direction);
        beyond <= 0.0 || (along > 0.0 && beyond * self.direction.length_squared() <= along * along)
    }
}

/// A ball about something, metres.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ball {
    pub(crate) centre: Vec3,
    pub(crate) radius: f32,
}

impl Ball {
    /// Returns `true` if the ball meets the segment from `start` along `way`, a
    /// vector whose squared length has the reciprocal `inverse`.
    pub(crate) fn meets_segment(&self, start: Vec3, way: Vec3, inverse: f32) -> bool {
        let to = self.centre - start;
        let nearest = (to.dot(way) * inverse).clamp(0.0, 1.0);
        (to - way * nearest).length_squared() <= self.radius * self.radius
    }
}

/// The nearest crossing of a ray into a surface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Ray parameter.
    pub(crate) t: f32,
    /// Outward normal of unit length.
    pub(crate) normal: Vec3,
}

/// Hits nearer than this parameter are the ray's own start.
pub(crate) const T_MIN: f32 = 1e-4;

/// One of the ten shapes, in the order of [`SHAPES`](crate::SHAPES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Sphere,
    Cube,
    Cylinder,
    Cone,
    Torus,
    Pyramid,
    Capsule,
    Cross,
    Table,
    Stairs,
}

/// The size of a shape as the composer needs it, in the shape's own units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Height above the floor.
    pub(crate) height: f32,
    /// Radius of the circle on the floor that holds the whole shape.
    pub(crate) footprint: f32,
    /// Radius about half height of a ball that holds the whole shape.
    pub(crate) bound: f32,
    /// Half the width of the level top that other things may stand on, if any.
    pub(crate) top: Option<f32>,
}

const CUBE: [Aabb; 1] = [Aabb::new([-0.45, 0.0, -0.45], [0.45, 0.9, 0.45])];
const CROSS: [Aabb; 2] = [
    Aabb::new([-0.17, 0.0, -0.17], [0.17, 1.0, 0.17]),
    Aabb::new([-0.5, 0.33, -0.17], [0.5, 0.67, 0.17]),
];
const TABLE: [Aabb; 5] = [
    Aabb::new([-0.52, 0.64, -0.52], [0.52, 0.8, 0.52]),
    Aabb::new([-0.5, 0.0, -0.5], [-0.34, 0.64, -0.34]),
    Aabb::new([0.34, 0.0, -0.5], [0.5, 0.64, -0.34]),
    Aabb::new([-0.5, 0.0, 0.34], [-0.34, 0.64, 0.5]),
    Aabb::new([0.34, 0.0, 0.34], [0.5, 0.64, 0.5]),
];
const STAIRS: [Aabb; 3] = [
    Aabb::new([-0.5, 0.0, -0.36], [0.5, 0.3, 0.36]),
    Aabb::new([-0.167, 0.3, -0.36], [0.5, 0.6, 0.36]),
    Aabb::new([0.167, 0.6, -0.36], [0.5, 0.9, 0.36]),
];
const CYLINDER: (f32, f32) = (0.38, 1.0);
const CONE: (f32, f32) = (0.5, 1.1);
const PYRAMID: (f32, f32) = (0.52, 1.0);
const CAPSULE: (f32, f32) = (0.28, 1.2);

impl Shape {
    pub(crate) const ALL: [Self; 10] = [
        Self::Sphere,
        Self::Cube,
        Self::Cylinder,
        Self::Cone,
        Self::Torus,
        Self::Pyramid,
        Self::Capsule,
        Self::Cross,
        Self::Table,
        Self::Stairs,
    ];

    /// The shape's place in [`SHAPES`](crate::SHAPES).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn extent(self) -> Extent {
        let (height, footprint, bound, top) = match self {
            Self::Sphere => (1.0, 0.5, 0.5, None),
            Self::Cube => (0.9, 0.64, 0.78, Some(0.45)),
            Self::Cylinder => (CYLINDER.1, CYLINDER.0, 0.63, Some(0.27)),
            Self::Cone => (CONE.1, CONE.0, 0.75, None),
            Self::Torus => (torus::HEIGHT, 0.53, 0.53, None),
            Self::Pyramid => (PYRAMID.1, 0.74, 0.9, None),
            Self::Capsule => (CAPSULE.1, CAPSULE.0, 0.601, None),
            Self::Cross => (1.0, 0.53, 0.57, None),
            Self::Table => (0.8, 0.74, 0.84, Some(0.5)),
            Self::Stairs => (0.9, 0.62, 0.77, None),
        };
        Extent {
            height,
            footprint,
            bound,
            top,
        }
    }

    /// The nearest hit beyond [`T_MIN`] of a ray that starts outside the shape.
    pub(crate) fn intersect(self, ray: &Ray) -> Option<Hit> {
        match self {
            Self::Sphere => solid::sphere(ray, vec3(0.0, 0.5, 0.0), 0.5),
            Self::Cube => solid::boxes(ray, &CUBE),
            Self::Cylinder => solid::cylinder(ray, CYLINDER.0, CYLINDER.1),
            Self::Cone => solid::cone(ray, CONE.0, CONE.1),
            Self::Torus => torus::intersect(ray),
            Self::Pyramid => Convex::pyramid(PYRAMID.0, PYRAMID.1).intersect(ray),
            Self::Capsule => solid::capsule(ray, CAPSULE.0, CAPSULE.1),
            Self::Cross => solid::boxes(ray, &CROSS),
            Self::Table => solid::boxes(ray, &TABLE),
            Self::Stairs => solid::boxes(ray, &STAIRS),
        }
    }
}

#[cfg(test)]
mod tests;
