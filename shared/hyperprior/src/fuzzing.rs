//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use crate::HyperpriorLevel;
use crate::train::TrainConfig;

/// Any bytes are refused or become a level of a hyperprior.
pub fn level(input: &[u8]) -> bool {
    HyperpriorLevel::parse(input, "fuzzed").is_ok()
}

/// Any text is refused or a training that can begin, and is read again from what it is written as.
///
/// # Panics
/// When that is not so.
pub fn training(input: &[u8]) -> bool {
    let read = |text: &str| TrainConfig::parse(text).ok();
    let config = std::str::from_utf8(input).ok().and_then(read);
    if let Some(config) = &config {
        let text = toml::to_string(config).expect("what was read as TOML is written as TOML");
        assert_eq!(read(&text).as_ref(), Some(config), "{text}");
    }
    config.is_some()
}
