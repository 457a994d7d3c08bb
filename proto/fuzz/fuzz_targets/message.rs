//! Any bytes are refused or become a message that reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_proto::fuzzing::message(input));
