//! Pixels, row by row.

use super::Quality;
use super::trace::{Candidates, Seen};
use crate::camera::View;
use crate::colour::{encode, tone};
use crate::geometry::Ray;
use crate::noise::mix;
use crate::scene::Scene;
use crate::vec3::Vec3;

/// A scene on its way to a picture of some size.
pub(super) struct Tracer<'a> {
    pub(super) scene: &'a Scene,
    pub(super) view: View<'a>,
    pub(super) quality: Quality,
}

/// A row of pixels and the objects that may be seen in it.
pub(super) struct Row<'a> {
    tracer: &'a Tracer<'a>,
    y: u32,
    candidates: Candidates,
}

/// A ray from the camera and what it sees.
struct Look {
    ray: Ray,
    seen: Seen,
}

/// Colour and labels of one pixel.
pub(super) struct Pixel {
    pub(super) rgb: [u8; 3],
    pub(super) mask: u8,
    pub(super) material: u8,
    pub(super) main: u8,
    pub(super) depth_m: f32,
}

impl Tracer<'_> {
    pub(super) fn row(&self, y: u32) -> Row<'_> {
        let mut candidates = 0;
        for (place, object) in self.scene.objects.iter().enumerate() {
            candidates |= u32::from(self.view.row_meets(y, object.bound())) << place;
        }
        Row {
            tracer: self,
            y,
            candidates,
        }
    }
}

impl Row<'_> {
    /// Colour and labels of pixel `x`.
    pub(super) fn pixel(&self, x: u32) -> Pixel {
        let centre = self.look(x as f32 + 0.5, 0.5);
        let rgb = self.colour(x, &centre);
        match &centre.seen {
            Seen::Room(hit) => Pixel {
                rgb,
                mask: 0,
                material: 0,
                main: 0,
                depth_m: hit.t,
            },
            Seen::Object(place, hit) => {
                let object = &self.tracer.scene.objects[*place];
                Pixel {
                    rgb,
                    mask: object.shape.index() as u8 + 1,
                    material: object.surface.material.index() as u8 + 1,
                    main: u8::from(*place == 0),
                    depth_m: hit.t,
                }
            }
        }
    }

    /// Casts a ray at the point `x` pixels from the left and `dy` pixels below
    /// the row's top, and returns it with the first thing that it meets.
    fn look(&self, x: f32, dy: f32) -> Look {
        let ray = self.tracer.view.ray(x, self.y as f32 + dy);
        let seen = self.tracer.scene.first_hit(self.candidates, &ray);
        Look { ray, seen }
    }

    /// The encoded colour of pixel `x`: the mean of its tone-mapped samples.
    fn colour(&self, x: u32, centre: &Look) -> [u8; 3] {
        let sum = match self.tracer.quality {
            Quality::Draft => tone(self.radiance(x, 0, centre)),
            Quality::Standard => {
                let quarter = |sample: u32| {
                    let dx = 0.25 + 0.5 * (sample % 2) as f32;
                    let dy = 0.25 + 0.5 * (sample / 2) as f32;
                    tone(self.radiance(x, sample, &self.look(x as f32 + dx, dy)))
                };
                (quarter(0) + quarter(1) + quarter(2) + quarter(3)) * 0.25
            }
        };
        encode(sum)
    }

    /// Light that comes back to sample `sample` of pixel `x`.
    fn radiance(&self, x: u32, sample: u32, look: &Look) -> Vec3 {
        let turn = mix(x ^ mix(self.y ^ (sample << 16))) >> 8;
        let turn = turn as f32 / 16_777_216.0;
        match &look.seen {
            Seen::Room(hit) => self.tracer.room_light(&look.ray, hit, turn),
            Seen::Object(place, hit) => self.tracer.object_light(&look.ray, *place, hit, turn),
        }
    }
}
