//! Any file is an error or a model, which stores as the same model.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_latent::fuzzing::model(input));
