//! The closed forms against an independent judge: marching along the ray by
//! the signed distance of each shape.

use proptest::prelude::*;

use super::{Ball, Hit, Ray, Shape};
use crate::vec3::{Vec3, vec3};

/// Distance to a box with the given middle and half sides.
fn box_distance(p: Vec3, middle: Vec3, half: Vec3) -> f32 {
    let q = p - middle;
    let q = vec3(q.x.abs() - half.x, q.y.abs() - half.y, q.z.abs() - half.z);
    let outside = vec3(q.x.max(0.0), q.y.max(0.0), q.z.max(0.0)).length();
    outside + q.x.max(q.y).max(q.z).min(0.0)
}

/// Distance in the `(radius, height)` half plane to a convex polygon, given
/// counter-clockwise; never more than the true distance.
fn revolved(p: Vec3, corners: &[(f32, f32)]) -> f32 {
    let (r, y) = (p.x.hypot(p.z), p.y);
    let next = corners.iter().cycle().skip(1);
    let side = |(a, b): (&(f32, f32), &(f32, f32))| {
        let (dr, dy) = (b.0 - a.0, b.1 - a.1);
        ((r - a.0) * dy - (y - a.1) * dr) / dr.hypot(dy)
    };
    corners.iter().zip(next).map(side).fold(f32::MIN, f32::max)
}

/// A signed distance that never exceeds the true one outside.
fn distance(shape: Shape, p: Vec3) -> f32 {
    let boxes = |parts: &[([f32; 3], [f32; 3])]| {
        let one = |(middle, half): &([f32; 3], [f32; 3])| {
            let [mx, my, mz] = *middle;
            let [hx, hy, hz] = *half;
            box_distance(p, vec3(mx, my, mz), vec3(hx, hy, hz))
        };
        parts.iter().map(one).fold(f32::MAX, f32::min)
    };
    match shape {
        Shape::Sphere => (p - vec3(0.0, 0.5, 0.0)).length() - 0.5,
        Shape::Cube => boxes(&[([0.0, 0.45, 0.0], [0.45; 3])]),
        Shape::Cylinder => revolved(p, &[(-9.0, 0.0), (0.38, 0.0), (0.38, 1.0), (-9.0, 1.0)]),
        Shape::Cone => revolved(p, &[(-9.0, 0.0), (0.5, 0.0), (0.0, 1.1), (-9.0, 1.1)]),
        Shape::Torus => {
            let around = p.x.hypot(p.y - 0.52) - 0.365;
            around.hypot(p.z) - 0.155
        }
        Shape::Pyramid => {
            let side = |out: f32| (out + 0.52 * (p.y - 1.0)) / 0.52_f32.hypot(1.0);
            side(p.x.abs()).max(side(p.z.abs())).max(-p.y)
        }
        Shape::Capsule => (p - vec3(0.0, p.y.clamp(0.28, 0.92), 0.0)).length() - 0.28,
        Shape::Cross => boxes(&[
            ([0.0, 0.5, 0.0], [0.17, 0.5, 0.17]),
            ([0.0, 0.5, 0.0], [0.5, 0.17, 0.17]),
        ]),
        Shape::Table => {
            let leg = |x: f32, z: f32| ([x, 0.32, z], [0.08, 0.32, 0.08]);
            boxes(&[
                ([0.0, 0.72, 0.0], [0.52, 0.08, 0.52]),
                leg(-0.42, -0.42),
                leg(0.42, -0.42),
                leg(-0.42, 0.42),
                leg(0.42, 0.42),
            ])
        }
        Shape::Stairs => boxes(&[
            ([0.0, 0.15, 0.0], [0.5, 0.15, 0.36]),
            ([0.1665, 0.45, 0.0], [0.3335, 0.15, 0.36]),
            ([0.3335, 0.75, 0.0], [0.1665, 0.15, 0.36]),
        ]),
    }
}

/// The result of marching along a ray.
enum March {
    Hit(f32),
    Miss,
    /// The ray grazes the surface, where rounding decides.
    Unsure,
}

/// Closer than this is a hit; passing closer than ten times this is unsure.
const TOUCH: f32 = 2e-4;

/// The largest distance from the surface at which single precision may put a
/// hit, seen from three units away.
const ROUNDING: f32 = 5e-4;

fn march(shape: Shape, ray: &Ray) -> March {
    let speed = ray.direction.length();
    let (mut t, mut closest) = (0.0, f32::MAX);
    for _ in 0..4000 {
        let gap = distance(shape, ray.at(t));
        if gap < TOUCH {
            let inside = distance(shape, ray.at(t + 20.0 * TOUCH / speed));
            return if inside < -TOUCH {
                March::Hit(t)
            } else {
                March::Unsure
            };
        }
        closest = closest.min(gap);
        t += gap / speed;
        if t * speed > 12.0 {
            break;
        }
    }
    if closest < 10.0 * TOUCH {
        March::Unsure
    } else {
        March::Miss
    }
}

/// The gradient of the distance, estimated outside the surface.
fn gradient(shape: Shape, p: Vec3) -> Vec3 {
    const STEP: f32 = 1e-3;
    let along = |step: Vec3| distance(shape, p + step) - distance(shape, p - step);
    vec3(
        along(vec3(STEP, 0.0, 0.0)),
        along(vec3(0.0, STEP, 0.0)),
        along(vec3(0.0, 0.0, STEP)),
    ) * (0.5 / STEP)
}

/// A ray from a ball of radius 3 around the shape towards something near it.
fn rays() -> impl Strategy<Value = Ray> {
    let angles = (0.0_f32..std::f32::consts::TAU, -0.9_f32..0.98);
    let target = (-0.7_f32..0.7, -0.1_f32..1.2, -0.7_f32..0.7);
    (angles, target, 0.2_f32..3.0).prop_map(|((turn, up), (x, y, z), speed)| {
        let level = (1.0 - up * up).sqrt();
        let middle = vec3(0.0, 0.5, 0.0);
        let origin = middle + vec3(level * turn.cos(), up, level * turn.sin()) * 3.0;
        Ray {
            origin,
            direction: (vec3(x, y, z) - origin).normalized() * speed,
        }
    })
}

fn check_normal(shape: Shape, ray: &Ray, hit: &Hit) {
    assert!((hit.normal.length() - 1.0).abs() < 1e-3, "{shape:?}");
    assert!(hit.normal.dot(ray.direction) < 1e-3, "{shape:?}");
    const STEP_OUT: f32 = 5e-3;
    let point = ray.at(hit.t) + hit.normal * STEP_OUT;
    let slope = gradient(shape, point);
    // Next to an edge another face may be nearer, or the estimate mixes two.
    let alone = (distance(shape, point) - STEP_OUT).abs() < 2e-4;
    if alone && (slope.length() - 1.0).abs() < 1e-2 {
        let agreement = slope.normalized().dot(hit.normal);
        assert!(agreement > 0.98, "{shape:?}: {slope:?} for {hit:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn closed_forms_agree_with_marching(ray in rays()) {
        for shape in Shape::ALL {
            let found = shape.intersect(&ray);
            match (march(shape, &ray), found) {
                (March::Hit(t), Some(hit)) => {
                    let slack = 0.02 / ray.direction.length();
                    prop_assert!((hit.t - t).abs() < slack, "{shape:?}: {} for {t}", hit.t);
                    prop_assert!(distance(shape, ray.at(hit.t)).abs() < ROUNDING, "{shape:?}");
                    check_normal(shape, &ray, &hit);
                }
                (March::Hit(t), None) => prop_assert!(false, "{shape:?}: misses a hit at {t}"),
                (March::Miss, Some(hit)) => prop_assert!(false, "{shape:?}: invents {hit:?}"),
                (March::Miss, None) | (March::Unsure, _) => {}
            }
        }
    }

    #[test]
    fn bounds_hold_the_shape(ray in rays()) {
        for shape in Shape::ALL {
            let extent = shape.extent();
            let whole = Ball { centre: vec3(0.0, extent.height * 0.5, 0.0), radius: extent.bound };
            if let Some(hit) = shape.intersect(&ray) {
                let point = ray.at(hit.t);
                prop_assert!((point - whole.centre).length() <= whole.radius + ROUNDING, "{shape:?}");
                prop_assert!(point.x.hypot(point.z) <= extent.footprint + ROUNDING, "{shape:?}");
                prop_assert!((-ROUNDING..=extent.height + ROUNDING).contains(&point.y), "{shape:?}");
                prop_assert!(ray.meets(whole), "{shape:?}");
            }
        }
    }
}

#[test]
fn rays_along_an_axis_hit_where_a_ruler_says() {
    let level = |y: f32, from: Vec3| Ray {
        origin: vec3(from.x, y, from.z),
        direction: -from.normalized(),
    };
    let front = vec3(0.0, 0.0, 3.0);
    let side = vec3(3.0, 0.0, 0.0);
    let expected = [
        (Shape::Sphere, level(0.5, front), Some(2.5)),
        (Shape::Cube, level(0.5, side), Some(2.55)),
        (Shape::Cylinder, level(0.5, front), Some(2.62)),
        (Shape::Cone, level(0.55, front), Some(2.75)),
        (Shape::Torus, level(0.52, front), None),
        (Shape::Torus, level(0.52, side), Some(2.48)),
        (Shape::Pyramid, level(0.5, side), Some(2.74)),
        (Shape::Capsule, level(0.6, front), Some(2.72)),
        (Shape::Cross, level(0.5, side), Some(2.5)),
        (Shape::Cross, level(0.9, side), Some(2.83)),
        (Shape::Table, level(0.3, front), None),
        (Shape::Table, level(0.7, front), Some(2.48)),
        (Shape::Stairs, level(0.8, -side), Some(3.167)),
        (Shape::Stairs, level(0.2, -side), Some(2.5)),
    ];
    for (shape, ray, distance) in expected {
        let found = shape.intersect(&ray).map(|hit| hit.t);
        match (found, distance) {
            (Some(found), Some(distance)) => {
                assert!(
                    (found - distance).abs() < 1e-4,
                    "{shape:?}: {found} for {distance}"
                );
            }
            (found, distance) => assert_eq!(found, distance, "{shape:?}"),
        }
    }
}

#[test]
fn segments_meet_balls_between_their_ends() {
    let ball = Ball {
        centre: vec3(0.0, 0.0, 2.0),
        radius: 0.5,
    };
    let meets = |x: f32, length: f32| {
        let way = vec3(0.0, 0.0, length);
        ball.meets_segment(vec3(x, 0.0, 0.0), way, 1.0 / (length * length))
    };
    assert!(meets(0.0, 3.0) && meets(0.49, 2.0) && meets(0.0, 1.6));
    assert!(!meets(0.0, 1.4) && !meets(0.51, 3.0) && !meets(0.0, -3.0));
}
