//! Shapes, materials and the classes they span.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// The shapes, in the order of their index.
pub const SHAPES: [&str; 10] = [
    "sphere", "cube", "cylinder", "cone", "torus", "pyramid", "capsule", "cross", "table", "stairs",
];

/// The materials, in the order of their index.
pub const MATERIALS: [&str; 6] = ["plain", "stripes", "checker", "dots", "wood", "marble"];

/// Number of classes: every shape in every material.
pub const CLASSES: usize = SHAPES.len() * MATERIALS.len();

/// Number of values in a mask: the room, then every shape.
pub const MASK_CLASSES: usize = SHAPES.len() + 1;

/// The name of a class as `shape/material`, or `None` past the last class.
#[must_use]
pub fn class_name(class: u16) -> Option<String> {
    let class = usize::from(class);
    let shape = SHAPES.get(class / MATERIALS.len())?;
    let material = MATERIALS[class % MATERIALS.len()];
    Some(format!("{shape}/{material}"))
}

/// The shape and the material index of a class.
pub(crate) fn split_class(class: u16) -> (usize, usize) {
    let class = usize::from(class);
    (class / MATERIALS.len(), class % MATERIALS.len())
}

/// The class of scene `index`: every block of 60 indices holds each class once,
/// in an order of its own.
pub(crate) fn class_of(seed: u64, index: u64) -> u16 {
    let block = index / CLASSES as u64;
    let place = (index % CLASSES as u64) as usize;
    let mut order: [u16; CLASSES] = std::array::from_fn(|class| class as u16);
    order.shuffle(&mut stream(seed, block, *b"class order v1  "));
    order[place]
}

/// The random stream of `(seed, index)` for one purpose.
pub(crate) fn stream(seed: u64, index: u64, purpose: [u8; 16]) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&index.to_le_bytes());
    key[16..].copy_from_slice(&purpose);
    ChaCha8Rng::from_seed(key)
}
