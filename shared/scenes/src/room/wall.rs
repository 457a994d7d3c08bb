//! Walls: paint or paper, skirting boards, pictures, windows and doors.

use rand::RngExt;

use crate::colour::hsv;
use crate::noise::{self, band, from_nearest, smoothstep};
use crate::vec3::{Vec3, vec3};

/// All four walls: `x` low, `x` high, `z` low, `z` high.
#[derive(Debug, Clone)]
pub(super) struct Walls {
    paint: Vec3,
    /// Slight difference of each wall's shade.
    shade: [f32; 4],
    cover: Cover,
    skirting: Vec3,
    skirting_height: f32,
    panels: Vec<Panel>,
}

/// The pattern on the paint.
#[derive(Debug, Clone)]
enum Cover {
    Plain,
    /// Wallpaper with faint stripes of this period.
    Striped {
        second: Vec3,
        period: f32,
    },
    /// A different colour up to a rail at this height.
    Wainscot {
        lower: Vec3,
        rail: f32,
    },
}

/// Something flat on a wall.
#[derive(Debug, Clone)]
struct Panel {
    wall: usize,
    /// Middle along the wall and up.
    middle: (f32, f32),
    half: (f32, f32),
    kind: PanelKind,
}

#[derive(Debug, Clone)]
enum PanelKind {
    Picture {
        frame: Vec3,
        sky: Vec3,
        land: Vec3,
        seed: f32,
    },
    Window {
        light: Vec3,
    },
    Door {
        colour: Vec3,
    },
}

const DOOR_HEIGHT: f32 = 2.05;

impl Walls {
    /// Walls of a room with these half extents and this height, metres.
    pub(super) fn draw(half: [f32; 2], height: f32, rng: &mut impl RngExt) -> Self {
        let hue = rng.random();
        let paint = hsv(
            hue,
            rng.random_range(0.02..0.26),
            rng.random_range(0.78..0.97),
        );
        Self {
            paint,
            shade: std::array::from_fn(|_| rng.random_range(0.88..1.0)),
            cover: Cover::draw(hue, rng),
            skirting: if rng.random_bool(0.7) {
                Vec3::splat(0.78)
            } else {
                hsv(0.07, 0.5, 0.45)
            },
            skirting_height: rng.random_range(0.07..0.15),
            panels: (0..4)
                .filter_map(|wall| Panel::draw(wall, half[1 - wall / 2], height, rng))
                .collect(),
        }
    }

    /// Colour and glow of wall `index`, `along` and `up` metres.
    pub(super) fn finish(&self, index: usize, along: f32, up: f32, footprint: f32) -> (Vec3, Vec3) {
        for panel in self.panels.iter().filter(|panel| panel.wall == index) {
            if let Some(finish) = panel.finish(along, up, footprint) {
                return finish;
            }
        }
        (self.bare(index, along, up, footprint), Vec3::ZERO)
    }

    fn bare(&self, index: usize, along: f32, up: f32, footprint: f32) -> Vec3 {
        if up < self.skirting_height {
            let lip = band(up - self.skirting_height, 0.008, footprint);
            return self.skirting * (1.0 - 0.4 * lip);
        }
        let mottle = 0.97 + 0.06 * noise::value(vec3(along * 1.7, up * 1.7, index as f32));
        self.cover.over(self.paint, along, up, footprint) * (self.shade[index] * mottle)
    }
}

impl Cover {
    fn draw(hue: f32, rng: &mut impl RngExt) -> Self {
        match rng.random_range(0..10) {
            0..6 => Self::Plain,
            6..8 => Self::Striped {
                second: hsv(
                    hue,
                    rng.random_range(0.05..0.35),
                    rng.random_range(0.7..0.9),
                ),
                period: rng.random_range(0.16..0.34),
            },
            _ => Self::Wainscot {
                lower: hsv(
                    hue + rng.random_range(-0.1..0.1),
                    rng.random_range(0.1..0.4),
                    rng.random_range(0.45..0.8),
                ),
                rail: rng.random_range(0.75..1.1),
            },
        }
    }

    fn over(&self, paint: Vec3, along: f32, up: f32, footprint: f32) -> Vec3 {
        match *self {
            Self::Plain => paint,
            Self::Striped { second, period } => {
                let stripe = band(from_nearest(along / period), 0.25, footprint / period);
                paint.lerp(second, stripe * 0.7)
            }
            Self::Wainscot { lower, rail } => {
                let line = band(up - rail, 0.022, footprint);
                let side = smoothstep(-footprint, footprint, up - rail);
                lower.lerp(paint, side).lerp(Vec3::splat(0.8), line)
            }
        }
    }
}

impl Panel {
    /// Draws a panel, or none, for a wall that is `2 * reach` metres long.
    fn draw(wall: usize, reach: f32, height: f32, rng: &mut impl RngExt) -> Option<Self> {
        let (half, up, kind) = match rng.random_range(0..10) {
            0..4 => {
                let half = (rng.random_range(0.2..0.5), rng.random_range(0.2..0.42));
                (half, rng.random_range(1.35..1.65), PanelKind::picture(rng))
            }
            4..6 => {
                let half = (rng.random_range(0.45..0.8), rng.random_range(0.45..0.65));
                let light = vec3(0.85, 1.0, 1.2) * rng.random_range(0.9..1.7);
                (
                    half,
                    rng.random_range(1.4..1.6),
                    PanelKind::Window { light },
                )
            }
            6..8 => {
                let colour = hsv(
                    0.08,
                    rng.random_range(0.0..0.5),
                    rng.random_range(0.5..0.85),
                );
                let half = (0.45, DOOR_HEIGHT * 0.5);
                (half, DOOR_HEIGHT * 0.5, PanelKind::Door { colour })
            }
            _ => return None,
        };
        let slack = (reach - half.0 - 0.2).max(0.05);
        Some(Self {
            wall,
            middle: (
                rng.random_range(-slack..slack),
                up.min(height - half.1 - 0.1),
            ),
            half,
            kind,
        })
    }

    /// Colour and glow, if the point is on the panel.
    fn finish(&self, along: f32, up: f32, footprint: f32) -> Option<(Vec3, Vec3)> {
        let (across, rise) = (along - self.middle.0, up - self.middle.1);
        let inset = (self.half.0 - across.abs()).min(self.half.1 - rise.abs());
        if inset < 0.0 {
            return None;
        }
        let place = (across / self.half.0, rise / self.half.1);
        Some(match &self.kind {
            PanelKind::Picture {
                frame,
                sky,
                land,
                seed,
            } => (
                picture(*frame, *sky, *land, *seed, inset, place),
                Vec3::ZERO,
            ),
            PanelKind::Window { light } => {
                window(*light, inset, (across, rise), place.1, footprint)
            }
            PanelKind::Door { colour } => (door(*colour, inset, place), Vec3::ZERO),
        })
    }
}

impl PanelKind {
    fn picture(rng: &mut impl RngExt) -> Self {
        let shade = rng.random_range(0.1..0.6);
        Self::Picture {
            frame: hsv(0.09, rng.random_range(0.0..0.6), shade),
            sky: hsv(
                rng.random(),
                rng.random_range(0.2..0.6),
                rng.random_range(0.6..0.9),
            ),
            land: hsv(
                rng.random(),
                rng.random_range(0.2..0.7),
                rng.random_range(0.2..0.5),
            ),
            seed: rng.random_range(0.0..90.0),
        }
    }
}

/// A framed landscape with a pale mount.
fn picture(frame: Vec3, sky: Vec3, land: Vec3, seed: f32, inset: f32, place: (f32, f32)) -> Vec3 {
    if inset < 0.035 {
        return frame;
    }
    if inset < 0.075 {
        return Vec3::splat(0.8);
    }
    let ridge = noise::turbulence(vec3(place.0 * 1.8 + seed, seed, 0.0)) * 1.5 - 0.95;
    if place.1 > ridge {
        sky.lerp(Vec3::splat(0.85), 0.5 - place.1 * 0.4)
    } else {
        land * (0.8 + 0.5 * noise::value(vec3(place.0 * 5.0, place.1 * 5.0, seed)))
    }
}

/// A bright window with a cross of glazing bars.
fn window(
    light: Vec3,
    inset: f32,
    from_middle: (f32, f32),
    rise: f32,
    footprint: f32,
) -> (Vec3, Vec3) {
    let frame = Vec3::splat(0.8);
    let bars = band(from_middle.0, 0.022, footprint).max(band(from_middle.1, 0.022, footprint));
    if inset < 0.05 {
        return (frame, Vec3::ZERO);
    }
    let outside = light.lerp(vec3(0.5, 0.62, 0.42), smoothstep(0.0, -0.9, rise) * 0.8);
    (frame * bars, outside * (1.0 - bars))
}

/// A panelled door.
fn door(colour: Vec3, inset: f32, place: (f32, f32)) -> Vec3 {
    if inset < 0.05 {
        return colour * 1.12;
    }
    let groove = |x: f32, at: f32, half: f32| ((x - at).abs() - half).abs();
    let lower = groove(place.1, -0.45, 0.36).min(groove(place.0, 0.0, 0.62) + 0.02);
    let upper = groove(place.1, 0.45, 0.36);
    let near = lower.min(upper);
    let on_panel = place.0.abs() < 0.64;
    if on_panel && near < 0.022 {
        colour * 0.72
    } else {
        colour
    }
}
