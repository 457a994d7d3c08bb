//! An upright ring.

use super::polynomial::first_quartic_root;
use super::{Hit, Ray, T_MIN};
use crate::vec3::{Vec3, vec3};

/// Distance from the ring's middle to the middle of its tube.
const MAJOR: f32 = 0.365;
/// Radius of the tube.
const MINOR: f32 = 0.155;
/// Height of the whole ring.
pub(super) const HEIGHT: f32 = 2.0 * (MAJOR + MINOR);

/// The ring's axis is `z`, so its hole faces along `z`.
pub(super) fn intersect(ray: &Ray) -> Option<Hit> {
    let origin = ray.origin - vec3(0.0, HEIGHT * 0.5, 0.0);
    let (low, high) = bracket(origin, ray.direction)?;
    let base = origin + ray.direction * low;
    let quartic = coefficients(base, ray.direction);
    let near = first_quartic_root(quartic, 0.0, f64::from(high - low))?;
    let t = low + near as f32;
    (t > T_MIN).then(|| Hit {
        t,
        normal: normal(origin + ray.direction * t),
    })
}

/// The ray parameters within the ring's bounding ball.
fn bracket(origin: Vec3, direction: Vec3) -> Option<(f32, f32)> {
    let reach = MAJOR + MINOR + 1e-3;
    let a = direction.length_squared();
    let b = origin.dot(direction);
    let discriminant = b * b - a * (origin.length_squared() - reach * reach);
    if discriminant <= 0.0 {
        return None;
    }
    let root = discriminant.sqrt();
    let low = ((-b - root) / a).max(0.0);
    let high = (-b + root) / a;
    (high > low).then_some((low, high))
}

/// `(|p|² + R² - r²)² - 4 R² (x² + y²)` along the ray, lowest power first.
fn coefficients(origin: Vec3, direction: Vec3) -> [f64; 5] {
    let [ox, oy, oz] = origin.to_array().map(f64::from);
    let [dx, dy, dz] = direction.to_array().map(f64::from);
    let major2 = f64::from(MAJOR).powi(2);
    let a = dx * dx + dy * dy + dz * dz;
    let b = 2.0 * (ox * dx + oy * dy + oz * dz);
    let c = ox * ox + oy * oy + oz * oz + major2 - f64::from(MINOR).powi(2);
    let four = 4.0 * major2;
    [
        c * c - four * (ox * ox + oy * oy),
        2.0 * b * c - 2.0 * four * (ox * dx + oy * dy),
        b * b + 2.0 * a * c - four * (dx * dx + dy * dy),
        2.0 * a * b,
        a * a,
    ]
}

fn normal(point: Vec3) -> Vec3 {
    let across = (point.x * point.x + point.y * point.y).sqrt();
    let middle = vec3(point.x, point.y, 0.0) * (MAJOR / across);
    (point - middle).normalized()
}
