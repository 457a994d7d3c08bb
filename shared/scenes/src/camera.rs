//! A pinhole camera.

use crate::geometry::{Ball, Ray};
use crate::size::ImageSize;
use crate::vec3::Vec3;

/// Tangent of half the widest field of view along the longer side. Pictures so
/// long that they would see more are zoomed in, which keeps depths sensible.
const MAX_TAN_HALF: f32 = 1.2;

/// The position, orientation and field of view from which a scene is rendered.
#[derive(Debug, Clone)]
pub(crate) struct Camera {
    pub(crate) origin: Vec3,
    pub(crate) right: Vec3,
    pub(crate) up: Vec3,
    pub(crate) forward: Vec3,
    /// Tangent of half the field of view along the shorter side.
    pub(crate) tan_half: f32,
}

/// A camera set to a picture's size.
#[derive(Debug)]
pub(crate) struct View<'a> {
    camera: &'a Camera,
    centre: (f32, f32),
    /// Width of a pixel at one metre of depth, metres.
    pub(crate) pixel: f32,
}

impl Camera {
    /// A level camera at `origin` that looks at `target`.
    pub(crate) fn look_at(origin: Vec3, target: Vec3, tan_half: f32) -> Self {
        let forward = (target - origin).normalized();
        let right = forward.cross(Vec3::UP).normalized();
        Self {
            origin,
            right,
            up: right.cross(forward),
            forward,
            tan_half,
        }
    }

    pub(crate) fn view(&self, size: ImageSize) -> View<'_> {
        let (shorter, longer) = (size.shorter() as f32, size.longer() as f32);
        let tan_half = self.tan_half.min(MAX_TAN_HALF * shorter / longer);
        View {
            camera: self,
            centre: (size.width() as f32 * 0.5, size.height() as f32 * 0.5),
            pixel: 2.0 * tan_half / shorter,
        }
    }
}

impl View<'_> {
    /// The ray through a point of the picture, in pixels from the top left
    /// corner. Its direction advances one metre along the optical axis, so the
    /// parameter of a hit is its depth.
    pub(crate) fn ray(&self, x: f32, y: f32) -> Ray {
        let across = (x - self.centre.0) * self.pixel;
        let down = (y - self.centre.1) * self.pixel;
        let camera = self.camera;
        Ray {
            origin: camera.origin,
            direction: camera.forward + camera.right * across - camera.up * down,
        }
    }

    /// Returns `true` if a ball may be visible in row `y`: it reaches between
    /// the planes through the camera and the row's two edges.
    pub(crate) fn row_meets(&self, y: u32, ball: Ball) -> bool {
        let to = ball.centre - self.camera.origin;
        let (ahead, down) = (to.dot(self.camera.forward), -to.dot(self.camera.up));
        let past = |edge: f32| {
            let slope = (edge - self.centre.1) * self.pixel;
            (down - ahead * slope) / (1.0 + slope * slope).sqrt()
        };
        past(y as f32) >= -ball.radius && past(y as f32 + 1.0) <= ball.radius
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vec3::vec3;

    fn camera() -> Camera {
        Camera::look_at(vec3(1.0, 1.5, 2.0), vec3(0.0, 0.4, -0.3), 0.5)
    }

    #[test]
    fn the_middle_of_the_picture_looks_forward() {
        let camera = camera();
        let size = ImageSize::new(64, 48).expect("a valid size");
        let ray = camera.view(size).ray(32.0, 24.0);
        assert!((ray.direction - camera.forward).length() < 1e-6);
        assert!((camera.right.dot(camera.up)).abs() < 1e-6);
        assert!(camera.up.y > 0.0);
    }

    #[test]
    fn the_field_of_view_belongs_to_the_shorter_side() {
        let camera = camera();
        for (width, height) in [(64, 48), (48, 64), (48, 48)] {
            let size = ImageSize::new(width, height).expect("a valid size");
            assert!((camera.view(size).pixel * 48.0 - 2.0 * 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn very_long_pictures_do_not_look_sideways() {
        let size = ImageSize::new(4096, 16).expect("a valid size");
        let camera = camera();
        let edge = camera.view(size).ray(0.0, 8.0).direction;
        assert!((edge.dot(camera.right) + MAX_TAN_HALF).abs() < 1e-5);
    }

    proptest! {
        /// No row leaves out a ball that one of its rays meets.
        #[test]
        fn rows_meet_all_balls_that_their_rays_meet(
            x in -2.0_f32..2.0, y in -0.5_f32..2.0, z in -3.0_f32..3.0, radius in 0.05_f32..0.6,
        ) {
            let camera = camera();
            let view = camera.view(ImageSize::PROBE);
            let ball = Ball { centre: vec3(x, y, z), radius };
            for row in 0..ImageSize::PROBE.height() {
                let met = (0..ImageSize::PROBE.width()).any(|column| {
                    view.ray(column as f32 + 0.5, row as f32 + 0.5).meets(ball)
                });
                prop_assert!(!met || view.row_meets(row, ball));
            }
        }
    }
}
