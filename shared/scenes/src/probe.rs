//! A coarse picture that tells which object is seen where.
//!
//! Composition rules are judged on it, so they do not depend on the size of the
//! final picture.

use crate::camera::Camera;
use crate::object::Object;
use crate::size::ImageSize;

/// Side of the coarse picture, pixels.
const SIDE: usize = ImageSize::PROBE.width() as usize;
/// Pixels of the coarse picture.
const PIXELS: usize = SIDE * SIDE;
/// The owner of a pixel that shows the room.
const ROOM: u8 = u8::MAX;

/// Depth of one object on its own; infinite where it is not.
pub(crate) struct Layer(Vec<f32>);

/// The visible area and position of an object in the picture.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sight {
    /// Share of the picture it covers.
    pub(crate) coverage: f32,
    /// Distance of its centroid from the picture's centre, in picture sides.
    pub(crate) off_centre: f32,
}

/// Nearest object per pixel.
#[derive(Clone)]
pub(crate) struct Probe {
    depth: Vec<f32>,
    owner: Vec<u8>,
}

impl Layer {
    pub(crate) fn of(camera: &Camera, object: &Object) -> Self {
        let view = camera.view(ImageSize::PROBE);
        let mut depth = vec![f32::INFINITY; PIXELS];
        for (y, row) in (0_u32..).zip(depth.chunks_mut(SIDE)) {
            if !view.row_meets(y, object.bound()) {
                continue;
            }
            for (x, depth) in (0_u32..).zip(row) {
                let ray = view.ray(x as f32 + 0.5, y as f32 + 0.5);
                *depth = object.distance(&ray).unwrap_or(f32::INFINITY);
            }
        }
        Self(depth)
    }

    fn seen(&self, x: usize, y: usize) -> bool {
        self.0[y * SIDE + x].is_finite()
    }

    /// Returns `true` if the object reaches the outermost pixels.
    pub(crate) fn touches_border(&self) -> bool {
        (0..SIDE).any(|i| {
            self.seen(i, 0) || self.seen(i, SIDE - 1) || self.seen(0, i) || self.seen(SIDE - 1, i)
        })
    }

    /// The object on its own.
    pub(crate) fn sight(&self) -> Sight {
        sight(self.0.iter().map(|depth| depth.is_finite()))
    }
}

impl Probe {
    /// The empty room.
    pub(crate) fn empty() -> Self {
        Self {
            depth: vec![f32::INFINITY; PIXELS],
            owner: vec![ROOM; PIXELS],
        }
    }

    /// Adds object `id`.
    pub(crate) fn add(&mut self, id: u8, layer: &Layer) {
        let pixels = self.depth.iter_mut().zip(&mut self.owner);
        for ((depth, owner), &candidate) in pixels.zip(&layer.0) {
            if candidate < *depth {
                (*depth, *owner) = (candidate, id);
            }
        }
    }

    /// The visible area and position of object `id`.
    pub(crate) fn sight(&self, id: u8) -> Sight {
        sight(self.owner.iter().map(|owner| *owner == id))
    }
}

fn sight(pixels: impl Iterator<Item = bool>) -> Sight {
    let (mut count, mut sum_x, mut sum_y) = (0, 0, 0);
    for (pixel, _) in pixels.enumerate().filter(|(_, seen)| *seen) {
        count += 1;
        sum_x += pixel % SIDE;
        sum_y += pixel / SIDE;
    }
    if count == 0 {
        return Sight::default();
    }
    let off = |sum: usize| (sum as f32 / count as f32 + 0.5) / SIDE as f32 - 0.5;
    Sight {
        coverage: count as f32 / PIXELS as f32,
        off_centre: off(sum_x).hypot(off(sum_y)),
    }
}
