//! Any bytes parse to an error or to a codebook.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_codec::fuzzing::codebook(input));
