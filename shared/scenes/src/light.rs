//! The lamp, the light all around, and what shades them.

use crate::geometry::Ball;
use crate::vec3::{Vec3, vec3};

/// The light of a room.
#[derive(Debug, Clone)]
pub(crate) struct Light {
    /// Middle of the lamp.
    pub(crate) position: Vec3,
    /// Radius of the lamp, metres; 0 casts hard shadows.
    pub(crate) radius: f32,
    /// Strength and tint of the lamp at `reference` metres.
    pub(crate) key: Vec3,
    /// Distance at which the lamp has its nominal strength, metres.
    pub(crate) reference: f32,
    /// Light from above on what faces up.
    pub(crate) sky: Vec3,
    /// Light from the floor on what faces down.
    pub(crate) bounce: Vec3,
}

impl Light {
    /// Light from all around on a surface.
    pub(crate) fn ambient(&self, normal: Vec3) -> Vec3 {
        self.bounce.lerp(self.sky, normal.y * 0.5 + 0.5)
    }

    /// The lamp's light on a surface that faces it, `distance_squared` away.
    pub(crate) fn key_at(&self, distance_squared: f32) -> Vec3 {
        const SOFTENING: f32 = 1.5;
        let reference = self.reference * self.reference + SOFTENING;
        self.key * (reference / (distance_squared + SOFTENING))
    }

    /// A point of the lamp as seen from `point`, for two numbers in `0..1`.
    pub(crate) fn sample(&self, point: Vec3, around: f32, outward: f32) -> Vec3 {
        if self.radius == 0.0 {
            return self.position;
        }
        let axis = (self.position - point).normalized();
        let side = axis.cross(vec3(0.3, 0.1, 0.95)).normalized();
        let (sin, cos) = (around * std::f32::consts::TAU).sin_cos();
        let arm = self.radius * outward.sqrt();
        self.position + (side * cos + axis.cross(side) * sin) * arm
    }
}

/// Share of the surroundings that a ball leaves open to a surface.
pub(crate) fn ball_occlusion(point: Vec3, normal: Vec3, ball: Ball) -> f32 {
    /// Solid angles below this share are not worth the sum.
    const NEGLIGIBLE: f32 = 0.02;
    let to = ball.centre - point;
    let radius2 = ball.radius * ball.radius;
    let distance2 = to.length_squared().max(radius2);
    if radius2 <= NEGLIGIBLE * distance2 {
        return 1.0;
    }
    let facing = (normal.dot(to) / distance2.sqrt() * 0.75 + 0.25).max(0.0);
    1.0 - facing * (radius2 / distance2 - NEGLIGIBLE)
}
