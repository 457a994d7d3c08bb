#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    splitsim_tests::fuzzing::target::recording(input);
});
