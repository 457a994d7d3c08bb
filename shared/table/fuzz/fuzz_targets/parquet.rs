//! Any bytes read as an error or as a table that writes and reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_table::fuzzing::parquet(input));
