//! Clutter: objects put around the main one, one by one, each only if the
//! picture still shows its class.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::stage::Stage;
use crate::camera::Camera;
use crate::geometry::Shape;
use crate::object::{Object, telling_yaw};
use crate::probe::{Layer, Probe};
use crate::room::Room;
use crate::scene::Composition;
use crate::texture::{Material, Surface};
use crate::vec3::{Vec3, vec3};

/// Drawings of each clutter object before it is left out.
const TRIES: usize = 48;
/// Smallest share of the main object that clutter must leave in sight.
const MIN_VISIBLE_SHARE: f32 = 0.7;
/// An object in front leaves at most this share of the main object in sight.
const MAX_OCCLUDED_SHARE: f32 = 0.95;
/// Smallest share of the picture where the main object must be seen.
const MIN_COVERAGE: f32 = 0.085;
/// Farthest that the main object's centroid may be from the centre, and the
/// least that each clutter object's must be farther, in picture sides.
const MAX_OFF_CENTRE: f32 = 0.15;
const MIN_OFF_CENTRE_GAP: f32 = 0.05;
/// Clutter may cover at most this much of what the main object does.
const MAX_CLUTTER_RATIO: f32 = 0.5;
/// Clutter smaller than this share of the picture is not worth its name.
const MIN_CLUTTER_COVERAGE: f32 = 0.006;
/// Least distance on the floor between clutter and the camera, metres.
const CAMERA_GAP: f32 = 0.55;

/// The part of the room in which a clutter object is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Anywhere,
    /// In front of the main object, hiding some of it.
    InFront,
    /// On other clutter.
    OnTop,
}

/// Objects put into a room one by one.
pub(super) struct Arrangement<'a> {
    room: &'a Room,
    camera: &'a Camera,
    towards: f32,
    objects: Vec<Object>,
    /// For each object, the index of the object that it stands on; `None` for the
    /// floor.
    carried: Vec<Option<usize>>,
    probe: Probe,
    main_alone: f32,
}

impl<'a> Arrangement<'a> {
    /// An arrangement of the main object alone.
    pub(super) fn around(stage: &'a Stage) -> Self {
        let mut probe = Probe::empty();
        probe.add(0, &stage.layer);
        Self {
            room: &stage.room,
            camera: &stage.camera,
            towards: stage.towards,
            objects: vec![stage.main.clone()],
            carried: vec![None],
            probe,
            main_alone: stage.layer.sight().coverage,
        }
    }

    /// Adds two to six clutter objects, the first perhaps in front of the main one.
    pub(super) fn filled(mut self, rng: &mut ChaCha8Rng) -> (Vec<Object>, Composition) {
        let wanted = rng.random_range(2..=6);
        if rng.random_bool(0.55) {
            self.add(Spot::InFront, rng);
        }
        while self.objects.len() <= wanted {
            let spot = if self.objects.len() > 1 && rng.random_bool(0.25) {
                Spot::OnTop
            } else {
                Spot::Anywhere
            };
            if !self.add(spot, rng) && !self.add(Spot::Anywhere, rng) {
                break;
            }
        }
        let composition = self.composition();
        (self.objects, composition)
    }

    /// Tries to add one object; says whether it did.
    fn add(&mut self, spot: Spot, rng: &mut ChaCha8Rng) -> bool {
        for _ in 0..TRIES {
            let Some((object, below)) = self.candidate(spot, rng) else {
                continue;
            };
            if below.is_none() && !self.is_free(&object) {
                continue;
            }
            let mut probe = self.probe.clone();
            probe.add(self.objects.len() as u8, &Layer::of(self.camera, &object));
            let hides = probe.sight(0).coverage <= MAX_OCCLUDED_SHARE * self.main_alone;
            if (hides || spot != Spot::InFront) && self.keeps_rules(&probe) {
                self.probe = probe;
                self.objects.push(object);
                self.carried.push(below);
                return true;
            }
        }
        false
    }

    fn candidate(&self, spot: Spot, rng: &mut ChaCha8Rng) -> Option<(Object, Option<usize>)> {
        let shape = Shape::ALL[rng.random_range(0..Shape::ALL.len())];
        let material = Material::ALL[rng.random_range(0..Material::ALL.len())];
        let surface = Surface::draw(material, rng);
        let yaw = telling_yaw(shape, self.towards, rng);
        let scale = self.objects[0].scale() * rng.random_range(0.35..0.75);
        let mut object = Object::new(shape, surface, Vec3::ZERO, scale, yaw);
        let below = match spot {
            Spot::OnTop => Some(self.stack(&mut object, rng)?),
            Spot::Anywhere => {
                object.place(self.anywhere(rng), scale);
                None
            }
            Spot::InFront => {
                object.place(self.in_front(&object, rng), scale);
                None
            }
        };
        Some((object, below))
    }

    /// Puts the object on another one's level top.
    fn stack(&self, object: &mut Object, rng: &mut ChaCha8Rng) -> Option<usize> {
        let below = rng.random_range(1..self.objects.len());
        let base = &self.objects[below];
        let top = base.extent().top? * base.scale();
        if self.carried.contains(&Some(below)) {
            return None;
        }
        let scale = object.scale().min(0.85 * top / object.extent().footprint);
        object.place(base.foot() + Vec3::UP * base.height(), scale);
        (object.foot().y < self.camera.origin.y).then_some(below)
    }

    /// A place on the floor in the camera's view.
    fn anywhere(&self, rng: &mut ChaCha8Rng) -> Vec3 {
        let main = &self.objects[0];
        let depth = rng.random_range(-0.5..2.2);
        let side = rng.random_range(-1.0_f32..1.0);
        let (ahead, right) = self.level_axes();
        let distance = (main.foot() - self.camera.origin).dot(ahead) + depth;
        let lateral = side * self.camera.tan_half * distance * 0.95;
        let origin = vec3(self.camera.origin.x, 0.0, self.camera.origin.z);
        origin + ahead * distance + right * lateral
    }

    /// A place on the floor between the camera and an edge of the main object.
    fn in_front(&self, object: &Object, rng: &mut ChaCha8Rng) -> Vec3 {
        let main = &self.objects[0];
        let (ahead, right) = self.level_axes();
        let gap = main.footprint() + object.footprint();
        let nearer = gap * rng.random_range(0.75..1.5);
        let side = if rng.random() { 1.0 } else { -1.0 };
        let lateral = side * main.footprint() * rng.random_range(0.25..1.1);
        let floor = vec3(main.foot().x, 0.0, main.foot().z);
        floor - ahead * nearer + right * lateral
    }

    /// Level directions away from the camera and to its right.
    fn level_axes(&self) -> (Vec3, Vec3) {
        let forward = self.camera.forward;
        let ahead = vec3(forward.x, 0.0, forward.z).normalized();
        (ahead, self.camera.right)
    }

    /// Returns `true` if the object's place on the floor is inside the room and
    /// free.
    fn is_free(&self, object: &Object) -> bool {
        let own = object.footprint();
        let stand = self
            .room
            .podium
            .as_ref()
            .map_or(0.0, |podium| podium.radius);
        let level = |point: Vec3| vec3(point.x, 0.0, point.z);
        let apart = |other: &Object, radius: f32| {
            (level(other.foot()) - level(object.foot())).length() > radius + own + 0.02
        };
        let camera_gap = (level(self.camera.origin) - level(object.foot())).length();
        self.room.contains(object.foot(), own + 0.03)
            && camera_gap > own + CAMERA_GAP
            && apart(&self.objects[0], self.objects[0].footprint().max(stand))
            && self.objects[1..]
                .iter()
                .all(|other| apart(other, other.footprint()))
    }

    /// Returns `true` if the picture with one more object still obeys the
    /// composition rules: the main object stays large, mostly visible and the most
    /// central.
    fn keeps_rules(&self, probe: &Probe) -> bool {
        let main = probe.sight(0);
        let whole = main.coverage >= MIN_COVERAGE
            && main.coverage >= MIN_VISIBLE_SHARE * self.main_alone
            && main.off_centre < MAX_OFF_CENTRE;
        whole
            && (1..=self.objects.len()).all(|id| {
                let clutter = probe.sight(id as u8);
                clutter.coverage >= MIN_CLUTTER_COVERAGE
                    && clutter.coverage <= MAX_CLUTTER_RATIO * main.coverage
                    && clutter.off_centre > main.off_centre + MIN_OFF_CENTRE_GAP
            })
    }

    fn composition(&self) -> Composition {
        let main = self.probe.sight(0);
        let clutter = (1..self.objects.len()).map(|id| self.probe.sight(id as u8).coverage);
        Composition {
            coverage: main.coverage,
            visible_share: main.coverage / self.main_alone.max(f32::MIN_POSITIVE),
            off_centre: main.off_centre,
            largest_clutter: clutter.fold(0.0, f32::max),
        }
    }
}
