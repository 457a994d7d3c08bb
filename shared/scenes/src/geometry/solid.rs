//! Balls, boxes, tubes and other solids with closed-form intersections.

use super::{Hit, Ray, T_MIN};
use crate::vec3::{Vec3, vec3};

/// Both roots of `a t² + 2 b t + c`, in order.
fn quadratic(a: f32, half_b: f32, c: f32) -> Option<(f32, f32)> {
    let discriminant = half_b * half_b - a * c;
    if discriminant < 0.0 || a == 0.0 {
        return None;
    }
    let root = discriminant.sqrt();
    let (one, two) = ((-half_b - root) / a, (-half_b + root) / a);
    Some((one.min(two), one.max(two)))
}

/// The nearer of two optional hits.
fn nearer(a: Option<Hit>, b: Option<Hit>) -> Option<Hit> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.t <= b.t { a } else { b }),
        (a, b) => a.or(b),
    }
}

pub(super) fn sphere(ray: &Ray, centre: Vec3, radius: f32) -> Option<Hit> {
    let from = ray.origin - centre;
    let (t, _) = quadratic(
        ray.direction.length_squared(),
        from.dot(ray.direction),
        from.length_squared() - radius * radius,
    )?;
    (t > T_MIN).then(|| Hit {
        t,
        normal: (from + ray.direction * t) * (1.0 / radius),
    })
}

/// A level disc about the vertical axis, seen from the side of `normal_y`.
fn disc(ray: &Ray, radius: f32, y: f32, normal_y: f32) -> Option<Hit> {
    if ray.direction.y * normal_y >= 0.0 {
        return None;
    }
    let t = (y - ray.origin.y) / ray.direction.y;
    let point = ray.at(t);
    let inside = point.x * point.x + point.z * point.z <= radius * radius;
    (t > T_MIN && inside).then_some(Hit {
        t,
        normal: vec3(0.0, normal_y, 0.0),
    })
}

/// The side of an upright tube between two heights.
fn tube(ray: &Ray, radius: f32, low: f32, high: f32) -> Option<Hit> {
    let (o, d) = (ray.origin, ray.direction);
    let (t, _) = quadratic(
        d.x * d.x + d.z * d.z,
        o.x * d.x + o.z * d.z,
        o.x * o.x + o.z * o.z - radius * radius,
    )?;
    let point = ray.at(t);
    (t > T_MIN && (low..=high).contains(&point.y)).then(|| Hit {
        t,
        normal: vec3(point.x / radius, 0.0, point.z / radius),
    })
}

pub(crate) fn cylinder(ray: &Ray, radius: f32, height: f32) -> Option<Hit> {
    let caps = nearer(disc(ray, radius, height, 1.0), disc(ray, radius, 0.0, -1.0));
    nearer(tube(ray, radius, 0.0, height), caps)
}

pub(super) fn capsule(ray: &Ray, radius: f32, height: f32) -> Option<Hit> {
    let (low, high) = (radius, height - radius);
    let ball = |y| sphere(ray, vec3(0.0, y, 0.0), radius);
    nearer(tube(ray, radius, low, high), nearer(ball(low), ball(high)))
}

pub(super) fn cone(ray: &Ray, radius: f32, height: f32) -> Option<Hit> {
    nearer(mantle(ray, radius, height), disc(ray, radius, 0.0, -1.0))
}

/// The side of an upright cone: `x² + z² = k² (height - y)²`.
fn mantle(ray: &Ray, radius: f32, height: f32) -> Option<Hit> {
    let k = radius / height;
    let k2 = k * k;
    let (o, d) = (ray.origin - vec3(0.0, height, 0.0), ray.direction);
    let (near, far) = quadratic(
        d.x * d.x + d.z * d.z - k2 * d.y * d.y,
        o.x * d.x + o.z * d.z - k2 * o.y * d.y,
        o.x * o.x + o.z * o.z - k2 * o.y * o.y,
    )?;
    [near, far].into_iter().find_map(|t| {
        let point = o + d * t;
        let outward = vec3(point.x, -k2 * point.y, point.z);
        let on_side = (-height..=0.0).contains(&point.y) && outward.dot(d) < 0.0;
        (t > T_MIN && on_side).then(|| Hit {
            t,
            normal: outward.normalized(),
        })
    })
}

/// A box along the axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aabb {
    min: Vec3,
    max: Vec3,
}

impl Aabb {
    pub(crate) const fn new(min: [f32; 3], max: [f32; 3]) -> Self {
        Self {
            min: vec3(min[0], min[1], min[2]),
            max: vec3(max[0], max[1], max[2]),
        }
    }

    /// The ray parameter at which a ray enters the box, and the axis of the
    /// face that it enters through; `inverse` is one over the ray's direction.
    fn enter(&self, ray: &Ray, inverse: Vec3) -> Option<(f32, usize)> {
        let low = (self.min - ray.origin) * inverse;
        let high = (self.max - ray.origin) * inverse;
        let near = [low.x.min(high.x), low.y.min(high.y), low.z.min(high.z)];
        let far = low
            .x
            .max(high.x)
            .min(low.y.max(high.y))
            .min(low.z.max(high.z));
        let mut axis = 0;
        for candidate in 1..3 {
            if near[candidate] > near[axis] {
                axis = candidate;
            }
        }
        (near[axis] > T_MIN && near[axis] <= far).then_some((near[axis], axis))
    }
}

pub(super) fn boxes(ray: &Ray, parts: &[Aabb]) -> Option<Hit> {
    let d = ray.direction;
    let inverse = vec3(1.0 / d.x, 1.0 / d.y, 1.0 / d.z);
    let (t, axis) = parts
        .iter()
        .filter_map(|part| part.enter(ray, inverse))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let mut normal = [0.0; 3];
    normal[axis] = -d.to_array()[axis].signum();
    let [x, y, z] = normal;
    Some(Hit {
        t,
        normal: vec3(x, y, z),
    })
}

/// A convex solid as the points behind all of its planes.
pub(super) struct Convex<const N: usize> {
    /// Unit normals and their distances from the origin.
    planes: [(Vec3, f32); N],
}

impl Convex<5> {
    /// A square pyramid with the given half base and height.
    pub(super) fn pyramid(half: f32, height: f32) -> Self {
        let scale = 1.0 / (half * half + height * height).sqrt();
        let (out, up) = (height * scale, half * scale);
        let distance = half * height * scale;
        Self {
            planes: [
                (vec3(out, up, 0.0), distance),
                (vec3(-out, up, 0.0), distance),
                (vec3(0.0, up, out), distance),
                (vec3(0.0, up, -out), distance),
                (vec3(0.0, -1.0, 0.0), 0.0),
            ],
        }
    }
}

impl<const N: usize> Convex<N> {
    pub(super) fn intersect(&self, ray: &Ray) -> Option<Hit> {
        let mut near = Hit {
            t: f32::NEG_INFINITY,
            normal: Vec3::UP,
        };
        let mut far = f32::INFINITY;
        for &(normal, distance) in &self.planes {
            let closing = normal.dot(ray.direction);
            let gap = distance - normal.dot(ray.origin);
            if closing < 0.0 {
                let t = gap / closing;
                if t > near.t {
                    near = Hit { t, normal };
                }
            } else if closing > 0.0 {
                far = far.min(gap / closing);
            } else if gap < 0.0 {
                return None;
            }
        }
        (near.t > T_MIN && near.t <= far).then_some(near)
    }
}
