//! Any symbols, ranges and depth become an error or a feature.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_codec::fuzzing::picture(input));
