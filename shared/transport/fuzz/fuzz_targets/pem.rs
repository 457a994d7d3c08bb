//! Any bytes are refused or become certificates or a key, of which names and validity are told.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_transport::fuzzing::pem(input));
