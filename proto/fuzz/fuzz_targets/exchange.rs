//! Any bytes on a connection, as a cloud takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_proto::fuzzing::exchange(input));
