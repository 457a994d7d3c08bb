//! Floor coverings.

use rand::RngExt;

use crate::colour::hsv;
use crate::noise::{self, band, floor, from_nearest, lattice};
use crate::vec3::{Vec3, vec3};

/// A floor covering.
#[derive(Debug, Clone)]
pub(super) enum Floor {
    /// Boards that run along `x`, or along `z` if `turned`.
    Planks {
        light: Vec3,
        dark: Vec3,
        width: f32,
        turned: bool,
    },
    /// Square tiles with grout.
    Tiles {
        colour: Vec3,
        grout: Vec3,
        side: f32,
    },
    /// Carpet with a visible pile.
    Carpet { colour: Vec3 },
    /// Smooth concrete with clouds.
    Concrete { colour: Vec3 },
}

const PLANK_LENGTH: f32 = 1.3;

impl Floor {
    pub(super) fn draw(rng: &mut impl RngExt) -> Self {
        match rng.random_range(0..10) {
            0..4 => {
                let hue = rng.random_range(0.06..0.1);
                let value = rng.random_range(0.45..0.8);
                let saturation = rng.random_range(0.25..0.5);
                Self::Planks {
                    light: hsv(hue, saturation, value),
                    dark: hsv(hue, saturation + 0.12, value * 0.78),
                    width: rng.random_range(0.09..0.17),
                    turned: rng.random(),
                }
            }
            4..7 => {
                let hue = rng.random();
                let value = rng.random_range(0.5..0.88);
                Self::Tiles {
                    colour: hsv(hue, rng.random_range(0.0..0.18), value),
                    grout: hsv(hue, 0.05, value * 0.72),
                    side: rng.random_range(0.28..0.55),
                }
            }
            7..9 => Self::Carpet {
                colour: hsv(
                    rng.random(),
                    rng.random_range(0.05..0.38),
                    rng.random_range(0.4..0.75),
                ),
            },
            _ => Self::Concrete {
                colour: hsv(
                    rng.random_range(0.05..0.6),
                    rng.random_range(0.0..0.08),
                    rng.random_range(0.5..0.75),
                ),
            },
        }
    }

    /// The colour at a point, for a pixel `footprint` metres wide.
    pub(super) fn albedo(&self, point: Vec3, footprint: f32) -> Vec3 {
        match *self {
            Self::Planks {
                light,
                dark,
                width,
                turned,
            } => {
                let (along, across) = if turned {
                    (point.z, point.x)
                } else {
                    (point.x, point.z)
                };
                planks(light, dark, along, across / width, footprint / width)
            }
            Self::Tiles {
                colour,
                grout,
                side,
            } => tiles(colour, grout, point * (1.0 / side), footprint / side),
            Self::Carpet { colour } => {
                let pile = noise::value(point * 70.0) * 0.3 + noise::value(point * 3.0) * 0.16;
                colour * (0.77 + pile)
            }
            Self::Concrete { colour } => {
                let clouds = noise::turbulence(vec3(point.x, 0.0, point.z) * 2.1);
                colour * (0.8 + 0.4 * clouds)
            }
        }
    }
}

/// `across` and `footprint` are in widths of a board, `along` in metres.
fn planks(light: Vec3, dark: Vec3, along: f32, across: f32, footprint: f32) -> Vec3 {
    let row = floor(across);
    let offset = lattice(row, 3, 0) * PLANK_LENGTH;
    let run = (along + offset) / PLANK_LENGTH;
    let tone = lattice(row, floor(run), 1);
    let grain = noise::value(vec3(along * 5.0, across * 7.0, row as f32 * 13.7));
    let board = light.lerp(dark, (tone * 0.7 + grain * 0.45).min(1.0));
    let gap = band(from_nearest(across), 0.025, footprint);
    let joint = band(from_nearest(run) * 9.0, 0.025, footprint);
    board * (1.0 - 0.6 * gap.max(joint))
}

/// `place` and `footprint` are in sides of a tile.
fn tiles(colour: Vec3, grout: Vec3, place: Vec3, footprint: f32) -> Vec3 {
    let shade = lattice(floor(place.x), 7, floor(place.z));
    let cloud = noise::value(place * 3.1);
    let tile = colour * (0.88 + 0.12 * shade + 0.08 * cloud);
    let line = |x: f32| band(from_nearest(x), 0.014, footprint);
    tile.lerp(grout, line(place.x).max(line(place.z)))
}
