//! Any bytes parse to an error or to a container that has exactly these bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_codec::fuzzing::container(input));
