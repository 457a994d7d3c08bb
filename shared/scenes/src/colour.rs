//! Colours in linear RGB and their way into a picture.

use rand::RngExt;

use crate::vec3::{Vec3, vec3};

/// A colour from hue (turns), saturation and value, made linear.
pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Vec3 {
    let channel = |shift: f32| {
        let k = (shift + hue * 6.0).rem_euclid(6.0);
        let ramp = k.min(4.0 - k).clamp(0.0, 1.0);
        let encoded = value * (1.0 - saturation * ramp);
        encoded * encoded
    };
    vec3(channel(5.0), channel(3.0), channel(1.0))
}

/// Perceived brightness of a linear colour.
pub(crate) fn luminance(colour: Vec3) -> f32 {
    colour.dot(vec3(0.2126, 0.7152, 0.0722))
}

/// A lively colour for an object.
pub(crate) fn vivid(rng: &mut impl RngExt) -> Vec3 {
    hsv(
        rng.random(),
        rng.random_range(0.45..0.92),
        rng.random_range(0.62..0.95),
    )
}

/// A colour that stands out against `base` by brightness, whatever its hue.
pub(crate) fn contrasting(base: Vec3, rng: &mut impl RngExt) -> Vec3 {
    let hue = rng.random();
    if luminance(base) > 0.28 {
        hsv(hue, rng.random_range(0.3..0.9), rng.random_range(0.1..0.3))
    } else {
        hsv(
            hue,
            rng.random_range(0.0..0.3),
            rng.random_range(0.88..0.98),
        )
    }
}

/// The tint of a lamp: `warmth` 0 is bluish daylight, 1 a warm bulb.
pub(crate) fn lamp(warmth: f32) -> Vec3 {
    vec3(0.86, 0.95, 1.12).lerp(vec3(1.2, 0.96, 0.7), warmth)
}

/// Compresses light of any strength into `0..1`, keeping `white` as white.
pub(crate) fn tone(light: Vec3) -> Vec3 {
    const WHITE: f32 = 2.4;
    let curve = |x: f32| (x * (1.0 + x / (WHITE * WHITE)) / (1.0 + x)).clamp(0.0, 1.0);
    vec3(curve(light.x), curve(light.y), curve(light.z))
}

/// Encodes a tone-mapped colour with a display gamma of 2.
pub(crate) fn encode(colour: Vec3) -> [u8; 3] {
    colour
        .to_array()
        .map(|c| (c.clamp(0.0, 1.0).sqrt() * 255.0 + 0.5) as u8)
}
