//! Intersections of rays with a scene's objects and room.

use crate::geometry::Ray;
use crate::object::{Object, ObjectHit};
use crate::room::{Podium, RoomHit};
use crate::scene::Scene;
use crate::vec3::Vec3;

/// Objects by their place in the scene, one bit each. The bit after the last
/// object stands for the podium.
pub(super) type Candidates = u32;

/// The first thing on a ray.
pub(super) enum Seen {
    /// An object, by its place in the scene.
    Object(usize, ObjectHit),
    Room(RoomHit),
}

impl Scene {
    /// The first thing that a ray from the camera meets.
    pub(super) fn first_hit(&self, candidates: Candidates, ray: &Ray) -> Seen {
        let room = self.room.intersect(ray);
        let mut nearest = None;
        let mut depth = room.t;
        for (place, object) in chosen(&self.objects, candidates) {
            if let Some(hit) = object.intersect(ray).filter(|hit| hit.t < depth) {
                depth = hit.t;
                nearest = Some((place, hit));
            }
        }
        match nearest {
            Some((place, hit)) => Seen::Object(place, hit),
            None => Seen::Room(room),
        }
    }

    /// The objects, and the podium, that may hide some of the lamp from a point.
    pub(super) fn possible_blockers(&self, origin: Vec3) -> Candidates {
        let way = self.light.position - origin;
        let inverse = 1.0 / way.length_squared();
        let objects = self.objects.iter().map(Object::bound);
        let podium = self.room.podium.iter().map(Podium::bound);
        let mut bits = 0;
        for (place, mut ball) in objects.chain(podium).enumerate() {
            ball.radius += self.light.radius;
            bits |= u32::from(ball.meets_segment(origin, way, inverse)) << place;
        }
        bits
    }

    /// Returns `true` if one of the `candidates` stands between a ray's start and
    /// parameter 1.
    pub(super) fn is_blocked(&self, candidates: Candidates, ray: &Ray) -> bool {
        let podium = self.room.podium.as_ref();
        let podium = podium.filter(|_| candidates >> self.objects.len() & 1 == 1);
        chosen(&self.objects, candidates).any(|(_, object)| object.blocks(ray))
            || podium.is_some_and(|podium| podium.blocks(ray))
    }
}

/// The objects whose bit is set, with their places.
fn chosen(objects: &[Object], bits: Candidates) -> impl Iterator<Item = (usize, &Object)> {
    let placed = objects.iter().enumerate();
    placed.filter(move |(place, _)| bits >> place & 1 == 1)
}
