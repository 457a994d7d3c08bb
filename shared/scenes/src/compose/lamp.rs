//! The position, brightness and colour of the lamp.

use std::f32::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::stage::Stage;
use crate::colour::lamp;
use crate::light::Light;
use crate::vec3::vec3;

/// Draws a lamp that lights the side that the camera sees.
pub(super) fn draw(stage: &Stage, rng: &mut ChaCha8Rng) -> Light {
    let middle = stage.main.middle();
    let bearing = stage.towards + rng.random_range(-0.62..0.62) * PI;
    let reach = rng.random_range(0.7..2.2);
    let [half_x, half_z] = stage.room.half;
    let position = vec3(
        (middle.x + bearing.sin() * reach).clamp(0.2 - half_x, half_x - 0.2),
        rng.random_range(1.7..stage.room.height - 0.15),
        (middle.z + bearing.cos() * reach).clamp(0.2 - half_z, half_z - 0.2),
    );
    let warmth = rng.random_range(0.0..1.0);
    let ambient = rng.random_range(0.42..0.78);
    Light {
        position,
        radius: if rng.random_bool(0.3) {
            0.0
        } else {
            rng.random_range(0.06..0.3)
        },
        key: lamp(warmth) * rng.random_range(1.5..2.3),
        reference: (position - middle).length(),
        sky: lamp(1.0 - warmth) * ambient,
        bounce: lamp(0.6) * (ambient * rng.random_range(0.5..0.8)),
    }
}
