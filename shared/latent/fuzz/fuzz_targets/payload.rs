//! Any payload is an error or latents, which code to a payload of the same latents.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_latent::fuzzing::payload(input));
