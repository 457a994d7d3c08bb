//! The light that a point sends back towards the camera.

use super::row::Tracer;
use crate::geometry::Ray;
use crate::light::ball_occlusion;
use crate::object::ObjectHit;
use crate::room::RoomHit;
use crate::vec3::Vec3;

/// A point that light falls on.
struct Spot {
    point: Vec3,
    normal: Vec3,
    albedo: Vec3,
    gloss: f32,
    openness: f32,
    /// The object that the point is on.
    owner: Option<usize>,
}

impl Tracer<'_> {
    /// Light that comes back along `ray` from the room; `turn` in `0..1` varies the
    /// shadow rays.
    pub(super) fn room_light(&self, ray: &Ray, hit: &RoomHit, turn: f32) -> Vec3 {
        let point = ray.at(hit.t);
        let finish = self.scene.room.finish(hit, point, hit.t * self.view.pixel);
        let spot = Spot {
            point,
            normal: hit.normal,
            albedo: finish.albedo,
            gloss: 0.0,
            openness: finish.openness,
            owner: None,
        };
        self.lit(ray, &spot, turn) + finish.glow
    }

    /// The same from the object at `place`.
    pub(super) fn object_light(&self, ray: &Ray, place: usize, hit: &ObjectHit, turn: f32) -> Vec3 {
        let object = &self.scene.objects[place];
        let footprint = hit.t * self.view.pixel / object.scale();
        let point = ray.at(hit.t);
        let height = (point.y - object.foot().y) / object.scale();
        let spot = Spot {
            point,
            normal: hit.normal,
            albedo: object
                .surface
                .albedo(hit.local_point, hit.local_normal, footprint),
            gloss: object.surface.gloss,
            openness: 0.7 + 0.3 * (height * 3.0).clamp(0.0, 1.0),
            owner: Some(place),
        };
        self.lit(ray, &spot, turn)
    }

    /// Ambient light, the lamp and its highlight.
    fn lit(&self, ray: &Ray, spot: &Spot, turn: f32) -> Vec3 {
        let light = &self.scene.light;
        let ambient = light.ambient(spot.normal) * (spot.openness * self.open_share(spot));
        let to_lamp = light.position - spot.point;
        let distance2 = to_lamp.length_squared();
        let towards = to_lamp * (1.0 / distance2.sqrt());
        let facing = spot.normal.dot(towards);
        if facing <= 0.0 {
            return spot.albedo * ambient;
        }
        let key = light.key_at(distance2) * self.unshadowed(spot, turn);
        let half = (towards - ray.direction.normalized()).normalized();
        let highlight = spot.gloss * spot.normal.dot(half).max(0.0).powi(40);
        spot.albedo * (ambient + key * facing) + key * highlight
    }

    /// Share of the surroundings that other objects leave open.
    fn open_share(&self, spot: &Spot) -> f32 {
        let objects = self.scene.objects.iter().enumerate();
        objects
            .filter(|(place, _)| Some(*place) != spot.owner)
            .map(|(_, object)| ball_occlusion(spot.point, spot.normal, object.bulk()))
            .product()
    }

    /// Share of the lamp that is seen from a point.
    fn unshadowed(&self, spot: &Spot, turn: f32) -> f32 {
        let light = &self.scene.light;
        let rays = if light.radius == 0.0 {
            1
        } else {
            self.quality.shadow_rays()
        };
        let origin = spot.point + spot.normal * 2e-3;
        let near = self.scene.possible_blockers(origin);
        if near == 0 {
            return 1.0;
        }
        let free = (0..rays).filter(|&k| {
            let around = turn + k as f32 * 0.618_034;
            let outward = ((k as f32 + turn) / rays as f32).fract();
            let target = light.sample(origin, around, outward);
            !self.scene.is_blocked(
                near,
                &Ray {
                    origin,
                    direction: target - origin,
                },
            )
        });
        free.count() as f32 / rays as f32
    }
}
