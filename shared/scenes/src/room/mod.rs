//! The room: a box with a floor, four walls, a ceiling and what belongs to them.

mod floor;
mod wall;

use rand::RngExt;

use crate::geometry::{Ball, Ray, solid_cylinder};
use crate::noise::{self, band};
use crate::vec3::{Vec3, vec3};
use floor::Floor;
use wall::Walls;

/// A furnished room; its middle is above the origin.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Half the extent along `x` and `z`, metres.
    pub(crate) half: [f32; 2],
    pub(crate) height: f32,
    floor: Floor,
    walls: Walls,
    pub(crate) rug: Option<Rug>,
    pub(crate) podium: Option<Podium>,
}

/// A round or square rug.
#[derive(Debug, Clone)]
pub(crate) struct Rug {
    middle: Vec3,
    half: f32,
    round: bool,
    colour: Vec3,
    border: Vec3,
}

/// A low round stand under the main object.
#[derive(Debug, Clone)]
pub(crate) struct Podium {
    pub(crate) middle: Vec3,
    pub(crate) radius: f32,
    pub(crate) height: f32,
    pub(crate) colour: Vec3,
}

/// The surface that a ray meets: the floor, the ceiling, a wall or the podium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Floor,
    Ceiling,
    Wall(usize),
    Podium,
}

/// The point at which a ray meets the room, as a ray parameter with the
/// surface's normal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomHit {
    pub(crate) t: f32,
    pub(crate) normal: Vec3,
    face: Face,
}

/// The optical properties of a point of the room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) albedo: Vec3,
    /// Light of its own: a window.
    pub(crate) glow: Vec3,
    /// Share of the surroundings' light that corners let in.
    pub(crate) openness: f32,
}

impl Room {
    /// Draws a room without rug and podium.
    pub(crate) fn draw(rng: &mut impl RngExt) -> Self {
        let half = [rng.random_range(2.2..3.1), rng.random_range(2.2..3.1)];
        let height = rng.random_range(2.4..3.0);
        Self {
            half,
            height,
            floor: Floor::draw(rng),
            walls: Walls::draw(half, height, rng),
            rug: None,
            podium: None,
        }
    }

    /// Returns `true` if a circle on the floor lies within the walls.
    pub(crate) fn contains(&self, point: Vec3, radius: f32) -> bool {
        point.x.abs() + radius < self.half[0] && point.z.abs() + radius < self.half[1]
    }

    /// The point at which a ray from inside leaves the room or meets the podium.
    pub(crate) fn intersect(&self, ray: &Ray) -> RoomHit {
        let shell = self.shell(ray);
        match &self.podium {
            Some(podium) => podium
                .intersect(ray)
                .filter(|hit| hit.t < shell.t)
                .unwrap_or(shell),
            None => shell,
        }
    }

    fn shell(&self, ray: &Ray) -> RoomHit {
        let (o, d) = (ray.origin, ray.direction);
        let leave = |from: f32, speed: f32, low: f32, high: f32| {
            let wall = if speed > 0.0 { high } else { low };
            if speed == 0.0 {
                f32::INFINITY
            } else {
                (wall - from) / speed
            }
        };
        let [half_x, half_z] = self.half;
        let x = leave(o.x, d.x, -half_x, half_x);
        let y = leave(o.y, d.y, 0.0, self.height);
        let z = leave(o.z, d.z, -half_z, half_z);
        let (t, face, normal) = if y <= x && y <= z {
            let face = if d.y > 0.0 {
                Face::Ceiling
            } else {
                Face::Floor
            };
            (y, face, vec3(0.0, -d.y.signum(), 0.0))
        } else if x <= z {
            let face = Face::Wall(usize::from(d.x > 0.0));
            (x, face, vec3(-d.x.signum(), 0.0, 0.0))
        } else {
            let face = Face::Wall(2 + usize::from(d.z > 0.0));
            (z, face, vec3(0.0, 0.0, -d.z.signum()))
        };
        RoomHit { t, normal, face }
    }

    /// The finish at a hit, for a pixel `footprint` metres wide there.
    pub(crate) fn finish(&self, hit: &RoomHit, point: Vec3, footprint: f32) -> Finish {
        let mut glow = Vec3::ZERO;
        let albedo = match hit.face {
            Face::Floor => self.floor_albedo(point, footprint),
            Face::Ceiling => Vec3::splat(0.82),
            Face::Podium => self.podium.as_ref().map_or(Vec3::ZERO, |p| p.colour),
            Face::Wall(index) => {
                let along = if index < 2 { point.z } else { point.x };
                let (albedo, light) = self.walls.finish(index, along, point.y, footprint);
                glow = light;
                albedo
            }
        };
        Finish {
            albedo,
            glow,
            openness: self.corner_openness(point, hit.normal),
        }
    }

    fn floor_albedo(&self, point: Vec3, footprint: f32) -> Vec3 {
        let bare = self.floor.albedo(point, footprint);
        match &self.rug {
            Some(rug) => rug.over(bare, point, footprint),
            None => bare,
        }
    }

    /// Corners of a room are a little darker than the middle of its walls.
    fn corner_openness(&self, point: Vec3, normal: Vec3) -> f32 {
        let gaps = [
            (self.half[0] - point.x.abs(), normal.x),
            (self.half[1] - point.z.abs(), normal.z),
            (point.y.min(self.height - point.y), normal.y),
        ];
        gaps.into_iter()
            .filter(|(_, along)| along.abs() < 0.5)
            .fold(1.0, |open, (gap, _)| {
                let shade = 0.18 / (0.18 + gap.max(0.0));
                open * (1.0 - 0.42 * shade * shade)
            })
    }
}

impl Rug {
    /// A rug of about `half` metres around `middle`.
    pub(crate) fn draw(middle: Vec3, half: f32, rng: &mut impl RngExt) -> Self {
        let hue = rng.random();
        let muted = |rng: &mut dyn rand::Rng| {
            crate::colour::hsv(hue, rng.random_range(0.1..0.5), rng.random_range(0.35..0.8))
        };
        Self {
            middle,
            half,
            round: rng.random(),
            colour: muted(rng),
            border: muted(rng),
        }
    }

    fn over(&self, bare: Vec3, point: Vec3, footprint: f32) -> Vec3 {
        let from = point - self.middle;
        let reach = if self.round {
            (from.x * from.x + from.z * from.z).sqrt()
        } else {
            from.x.abs().max(from.z.abs())
        };
        let inside = 1.0 - noise::smoothstep(-footprint, footprint, reach - self.half);
        if inside <= 0.0 {
            return bare;
        }
        let trim = band(reach - self.half * 0.88, self.half * 0.035, footprint);
        let pile = 0.85 + 0.3 * noise::value(point * 55.0);
        bare.lerp(self.colour.lerp(self.border, trim) * pile, inside)
    }
}

impl Podium {
    /// A ball that holds the stand.
    pub(crate) fn bound(&self) -> Ball {
        Ball {
            centre: self.middle,
            radius: self.radius.hypot(self.height),
        }
    }

    fn intersect(&self, ray: &Ray) -> Option<RoomHit> {
        let local = Ray {
            origin: ray.origin - self.middle,
            direction: ray.direction,
        };
        solid_cylinder(&local, self.radius, self.height).map(|hit| RoomHit {
            t: hit.t,
            normal: hit.normal,
            face: Face::Podium,
        })
    }

    /// Returns `true` if the podium stands between the ray's start and parameter
    /// 1.
    pub(crate) fn blocks(&self, ray: &Ray) -> bool {
        self.intersect(ray).is_some_and(|hit| hit.t < 1.0)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn room() -> Room {
        Room::draw(&mut ChaCha8Rng::seed_from_u64(4))
    }

    fn from_middle(direction: Vec3) -> Ray {
        Ray {
            origin: vec3(0.0, 1.0, 0.0),
            direction,
        }
    }

    #[test]
    fn rays_end_at_the_walls_floor_and_ceiling() {
        let room = room();
        let [half_x, half_z] = room.half;
        let expected = [
            (vec3(1.0, 0.0, 0.0), half_x),
            (vec3(-1.0, 0.0, 0.0), half_x),
            (vec3(0.0, 0.0, 2.0), half_z / 2.0),
            (vec3(0.0, 0.0, -1.0), half_z),
            (vec3(0.0, 1.0, 0.0), room.height - 1.0),
            (vec3(0.0, -1.0, 0.0), 1.0),
        ];
        for (direction, t) in expected {
            let hit = room.intersect(&from_middle(direction));
            assert!((hit.t - t).abs() < 1e-5);
            assert!(hit.normal.dot(direction) < 0.0);
        }
    }

    #[test]
    fn the_podium_hides_the_floor() {
        let mut room = room();
        room.podium = Some(Podium {
            middle: Vec3::ZERO,
            radius: 0.5,
            height: 0.1,
            colour: Vec3::splat(0.5),
        });
        let down = vec3(0.0, -1.0, 0.0);
        assert!((room.intersect(&from_middle(down)).t - 0.9).abs() < 1e-5);
        let beside = vec3(0.6, -1.0, 0.0);
        assert!((room.intersect(&from_middle(beside)).t - 1.0).abs() < 1e-5);
    }

    #[test]
    fn corners_are_darker_than_the_middle_of_a_wall() {
        let room = room();
        let wall = vec3(-1.0, 0.0, 0.0);
        let middle = room.corner_openness(vec3(room.half[0], 1.2, 0.0), wall);
        let corner = room.corner_openness(vec3(room.half[0], 1.2, room.half[1]), wall);
        assert!(corner < 0.7 * middle && middle <= 1.0);
    }
}
