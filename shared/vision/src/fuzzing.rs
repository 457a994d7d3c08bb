//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::path::Path;

use tch::{Device, Kind};

use crate::Weights;
use crate::train::TrainConfig;

/// Any file is refused or gives weights whose elements lie in it.
///
/// # Panics
/// When that is not so.
pub fn weights(path: &Path) -> bool {
    let Ok(weights) = Weights::read(path, Device::Cpu) else {
        return false;
    };
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    for (name, tensor) in weights.into_tensors() {
        let least = tensor.numel() as u64 * 2;
        assert!(least <= length, "{name}");
        // Every element is read: one beyond the mapped file would end the process.
        drop(tensor.f_sum(Kind::Double).expect("numbers have a sum"));
    }
    true
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
        let rates = [0, 1, config.total_steps() - 1].map(|step| config.learning_rate(step));
        assert!(rates.iter().all(|rate| rate.is_finite()));
    }
    config.is_some()
}
