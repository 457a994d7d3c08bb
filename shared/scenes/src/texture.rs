//! The six materials.

use rand::RngExt;

use crate::colour::{contrasting, hsv, vivid};
use crate::noise::{self, band, floor, from_nearest, smoothstep};
use crate::vec3::{Vec3, vec3};

/// One of the six materials, in the order of [`MATERIALS`](crate::MATERIALS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Material {
    Plain,
    Stripes,
    Checker,
    Dots,
    Wood,
    Marble,
}

impl Material {
    pub(crate) const ALL: [Self; 6] = [
        Self::Plain,
        Self::Stripes,
        Self::Checker,
        Self::Dots,
        Self::Wood,
        Self::Marble,
    ];

    /// The material's place in [`MATERIALS`](crate::MATERIALS).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A material with its colours, the size of its pattern and its gloss.
#[derive(Debug, Clone)]
pub(crate) struct Surface {
    pub(crate) material: Material,
    base: Vec3,
    accent: Vec3,
    /// Length of one repeat, in units of the shape.
    period: f32,
    /// Shift of the pattern, in units of the shape.
    shift: Vec3,
    /// Direction across stripes or along the grain of wood.
    axis: Vec3,
    /// Strength of the highlight.
    pub(crate) gloss: f32,
}

impl Surface {
    pub(crate) fn draw(material: Material, rng: &mut impl RngExt) -> Self {
        let (base, accent) = colours(material, rng);
        Self {
            material,
            base,
            accent,
            period: period(material, rng),
            shift: vec3(rng.random(), rng.random(), rng.random()) * 9.0,
            axis: axis(material, rng),
            gloss: rng.random_range(0.0..0.35),
        }
    }

    /// The colour at a point of the shape; `footprint` is a pixel's width there.
    /// All three are in the shape's frame and units.
    pub(crate) fn albedo(&self, point: Vec3, normal: Vec3, footprint: f32) -> Vec3 {
        let share = match self.material {
            Material::Plain => 0.0,
            Material::Stripes => self.stripes(point, footprint),
            Material::Checker => self.checker(point, normal),
            Material::Dots => self.dots(point, normal, footprint),
            Material::Wood => self.wood(point),
            Material::Marble => self.marble(point),
        };
        self.base.lerp(self.accent, share)
    }

    fn stripes(&self, point: Vec3, footprint: f32) -> f32 {
        let phase = (point + self.shift).dot(self.axis) / self.period;
        band(from_nearest(phase), 0.25, footprint / self.period)
    }

    fn checker(&self, point: Vec3, normal: Vec3) -> f32 {
        let (u, v) = unfold(point, normal);
        let cell = |x: f32, shift: f32| floor((x + shift) / self.period);
        f32::from((cell(u, self.shift.x) + cell(v, self.shift.y)).rem_euclid(2) == 0)
    }

    /// Round dots in rows that are shifted by half a step.
    fn dots(&self, point: Vec3, normal: Vec3, footprint: f32) -> f32 {
        let (u, v) = unfold(point, normal);
        let row = (v + self.shift.y) / (self.period * 0.87);
        let stagger = 0.5 * (floor(row + 0.5) & 1) as f32;
        let across = from_nearest((u + self.shift.x) / self.period + stagger);
        let down = from_nearest(row) * 0.87;
        let radius = (across * across + down * down).sqrt();
        band(radius, 0.29, footprint / self.period)
    }

    /// Wavy rings about a tilted trunk, with fine grain along it.
    fn wood(&self, point: Vec3) -> f32 {
        let point = point + self.shift;
        let along = self.axis * point.dot(self.axis);
        let across = point - along;
        let wobble = noise::value(point * 2.3) * 0.35 + noise::value(point * 7.0) * 0.06;
        let ring = (across.length() + wobble) / self.period;
        let phase = ring - floor(ring) as f32;
        let ramp = smoothstep(0.0, 0.75, phase) * (1.0 - smoothstep(0.86, 1.0, phase));
        let grain = noise::value(across * 38.0 + along * 4.0);
        (ramp * 0.8 + grain * 0.28).min(1.0)
    }

    /// Thin veins where a warped wave crosses zero, over soft clouds.
    fn marble(&self, point: Vec3) -> f32 {
        let point = point + self.shift;
        let warp = noise::turbulence(point * 2.6);
        let wave = point.dot(self.axis) / self.period + warp * 5.0;
        let vein = 1.0 - smoothstep(0.02, 0.2, from_nearest(wave).abs());
        let cloud = noise::turbulence(point * 4.3 + Vec3::splat(5.0));
        (vein * vein * 0.95 + smoothstep(0.45, 0.85, cloud) * 0.35).min(1.0)
    }
}

/// Coordinates on the plane that the surface faces most.
fn unfold(point: Vec3, normal: Vec3) -> (f32, f32) {
    let [x, y, z] = normal.to_array().map(f32::abs);
    if y > x && y > z {
        (point.x, point.z)
    } else if x > z {
        (point.z, point.y)
    } else {
        (point.x, point.y)
    }
}

fn colours(material: Material, rng: &mut impl RngExt) -> (Vec3, Vec3) {
    match material {
        Material::Wood => {
            let hue = rng.random_range(0.06..0.095);
            let light = hsv(
                hue,
                rng.random_range(0.42..0.62),
                rng.random_range(0.68..0.9),
            );
            let dark = hsv(
                hue * 0.8,
                rng.random_range(0.6..0.78),
                rng.random_range(0.3..0.42),
            );
            (light, dark)
        }
        Material::Marble => {
            let hue = rng.random();
            let light = hsv(
                hue,
                rng.random_range(0.0..0.3),
                rng.random_range(0.84..0.96),
            );
            let dark = hsv(hue, rng.random_range(0.1..0.6), rng.random_range(0.12..0.3));
            if rng.random_bool(0.7) {
                (light, dark)
            } else {
                (dark, light)
            }
        }
        Material::Plain | Material::Stripes | Material::Checker | Material::Dots => {
            let base = vivid(rng);
            let accent = contrasting(base, rng);
            if rng.random_bool(0.5) && material != Material::Plain {
                (accent, base)
            } else {
                (base, accent)
            }
        }
    }
}

fn period(material: Material, rng: &mut impl RngExt) -> f32 {
    let range = match material {
        Material::Plain | Material::Checker => 0.16..0.24,
        Material::Stripes => 0.17..0.26,
        Material::Dots => 0.19..0.27,
        Material::Wood => 0.15..0.22,
        Material::Marble => 0.4..0.6,
    };
    rng.random_range(range)
}

/// A direction that is parallel to no face of a box.
fn axis(material: Material, rng: &mut impl RngExt) -> Vec3 {
    let side = |rng: &mut dyn rand::Rng, low: f32, high: f32| {
        let magnitude = rng.random_range(low..high);
        if rng.random() { magnitude } else { -magnitude }
    };
    let direction = match material {
        Material::Wood => vec3(side(rng, 0.15, 0.5), 1.0, side(rng, 0.15, 0.5)),
        _ => vec3(
            side(rng, 0.3, 1.0),
            rng.random_range(0.3..1.0),
            side(rng, 0.3, 1.0),
        ),
    };
    direction.normalized()
}
