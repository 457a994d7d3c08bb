//! Any payload is latents, which code to a payload of the same latents, or an error.
//!
//! The first two bytes are the picture's sides in units of 16 samples, modulo 1024: of a larger picture's
//! latents there is only more.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use splitsim_latent::{LatentExtent, LatentModel};

static MODEL: LazyLock<LatentModel> =
    LazyLock::new(|| LatentModel::miniature().expect("its parts fit each other"));

fuzz_target!(|input: &[u8]| {
    let [rows, columns, payload @ ..] = input else { return };
    let side = |byte: &u8| 16 * (1 + usize::from(*byte % 64));
    let extent = LatentExtent::of_picture(side(rows), side(columns));
    if let Ok(latents) = MODEL.decode(payload, extent) {
        let again = MODEL.encode(&latents).expect("decoded symbols can be coded");
        assert_eq!(MODEL.decode(&again, extent), Ok(latents));
    }
});
