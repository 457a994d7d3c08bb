//! Hashes and value noise: the same bits on every machine.

use crate::vec3::Vec3;

/// Mixes 32 bits (the finaliser of MurmurHash3).
pub(crate) const fn mix(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^= bits >> 13;
    bits = bits.wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// A number in `0..1` for a lattice point.
pub(crate) const fn lattice(x: i32, y: i32, z: i32) -> f32 {
    let bits = (x as u32).wrapping_mul(0x9e37_79b1)
        ^ (y as u32).wrapping_mul(0x85eb_ca77)
        ^ (z as u32).wrapping_mul(0xc2b2_ae3d);
    (mix(bits) >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The whole number at or below `x`, without a call to the maths library.
pub(crate) const fn floor(x: f32) -> i32 {
    let whole = x as i32;
    whole - (x < whole as f32) as i32
}

/// The distance of `x` from the nearest whole number, with its sign.
pub(crate) const fn from_nearest(x: f32) -> f32 {
    x - floor(x + 0.5) as f32
}

fn fade(x: f32) -> f32 {
    x * x * (3.0 - 2.0 * x)
}

fn mix_between(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

/// Smooth noise in `0..1` with features one unit across.
pub(crate) fn value(point: Vec3) -> f32 {
    let [ix, iy, iz] = point.to_array().map(floor);
    let fx = fade(point.x - ix as f32);
    let fy = fade(point.y - iy as f32);
    let fz = fade(point.z - iz as f32);
    let edge = |dy, dz| {
        mix_between(
            lattice(ix, iy + dy, iz + dz),
            lattice(ix + 1, iy + dy, iz + dz),
            fx,
        )
    };
    let face = |dz| mix_between(edge(0, dz), edge(1, dz), fy);
    mix_between(face(0), face(1), fz)
}

/// Three octaves of [`value`], in `0..1`.
pub(crate) fn turbulence(point: Vec3) -> f32 {
    let octave = |scale: f32, shift: f32| value(point * scale + Vec3::splat(shift));
    (octave(1.0, 0.0) * 4.0 + octave(2.03, 17.3) * 2.0 + octave(4.09, 41.7)) / 7.0
}

/// `0` below `low`, `1` above `high`, smooth between.
pub(crate) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    fade(((x - low) / (high - low)).clamp(0.0, 1.0))
}

/// The share of a pixel `footprint` wide that is covered by a band of
/// `half_width` whose centre line is `distance` away.
pub(crate) fn band(distance: f32, half_width: f32, footprint: f32) -> f32 {
    let blur = (footprint * 0.5).max(1e-5);
    let share = (half_width / blur).min(1.0);
    let half = half_width.max(blur);
    share * (1.0 - smoothstep(half - blur, half + blur, distance.abs()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vec3::vec3;

    proptest! {
        #[test]
        fn floors_like_the_maths_library(x in -1e6_f32..1e6) {
            prop_assert_eq!(floor(x), x.floor() as i32);
            prop_assert!(from_nearest(x).abs() <= 0.5);
        }

        #[test]
        fn noise_stays_in_range_and_is_smooth(
            x in -50.0_f32..50.0, y in -50.0_f32..50.0, z in -50.0_f32..50.0,
        ) {
            let here = vec3(x, y, z);
            let near = vec3(x + 1e-3, y - 1e-3, z + 1e-3);
            for noise in [value, turbulence] {
                prop_assert!((0.0..=1.0).contains(&noise(here)));
                prop_assert!((noise(here) - noise(near)).abs() < 0.03);
            }
        }

        #[test]
        fn bands_fade_with_distance(distance in 0.0_f32..2.0, half in 0.01_f32..0.5, blur in 0.0_f32..1.0) {
            let here = band(distance, half, blur);
            prop_assert!((0.0..=1.0).contains(&here));
            prop_assert!(band(distance + 0.1, half, blur) <= here);
        }
    }

    #[test]
    fn a_wide_band_is_full_within_and_empty_outside() {
        assert_eq!(band(0.1, 0.25, 0.02), 1.0);
        assert_eq!(band(-0.3, 0.25, 0.02), 0.0);
    }
}
