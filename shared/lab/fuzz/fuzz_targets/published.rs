//! Any text reads as a log whose lines are counted and whose table has a row for each result.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| splitsim_lab::fuzzing::published(input));
