//! Any bytes parse to an error or to a container that has exactly these bytes.
//!
//! The CRC keeps a fuzzer out, so the input is completed to a right one: what comes behind the check
//! is fuzzed too.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use splitsim_codec::{Container, ContainerError, Limits};

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut bytes = input.to_vec();
    if let Err(ContainerError::Crc { actual, .. }) =
        Container::parse(&bytes.clone().into(), &limits)
    {
        bytes[34..38].copy_from_slice(&actual.to_le_bytes());
    }
    let bytes = Bytes::from(bytes);
    if let Ok(container) = Container::parse(&bytes, &limits) {
        assert_eq!(container.to_bytes(), bytes);
    }
});
