//! The memory that scoring takes beside its inputs. No other test may share the process, whose peak it reads.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use splitsim_cfqa::{Metric, score_all};
use splitsim_feature::{Feature, FeatureShape};

/// As many tokens as the maps of the benchmark's depth features have together.
const DIMS: [usize; 4] = [1, 1, 12888, 1536];
const SLACK_BYTES: u64 = 64 << 20;

fn feature(salt: usize) -> Feature {
    let shape = FeatureShape::try_from(DIMS).unwrap();
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % (8191 + salt)) as f32 / 4096.0;
    Feature::new(shape, (0..shape.points()).map(value).collect()).unwrap()
}

/// A line of the process' status, in bytes: `VmRSS`, or its peak `VmHWM`.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[test]
fn the_standard_metrics_take_twice_their_inputs_and_little_more() {
    let before = status("VmRSS");
    let (original, distorted) = (feature(1), feature(2));
    let inputs = 2 * original.values().len() as u64 * 4;
    let scores = score_all(&Metric::STANDARD, &original, &distorted).unwrap();
    assert!(scores.iter().all(|(_, score)| score.is_ok()));
    let peak = status("VmHWM") - before;
    assert!(
        peak <= 2 * inputs + SLACK_BYTES,
        "{} MB for inputs of {} MB",
        peak >> 20,
        inputs >> 20
    );
}
