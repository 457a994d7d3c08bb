//! Model packages and features for tests and benches of this crate.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use splitsim_feature::{Feature, FeatureShape};
use splitsim_model::Package;

/// A feature like those of a DINOv2 block: each channel has its own mean and scale, values are
/// heavy-tailed and drift from token to token, and three channels lie far out. Within −40 to 12.
pub(crate) fn feature([views, layers, tokens, dim]: [usize; 4], seed: u64) -> Feature {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let shape = FeatureShape::new(views, layers, tokens, dim).expect("a valid shape");
    let mut values = Vec::with_capacity(shape.points());
    for _ in 0..shape.maps() {
        let mut means: Vec<f64> = (0..dim).map(|_| 0.8 * normal(&mut rng)).collect();
        for outlier in [-38.0, 9.0, -14.0] {
            means[rng.random_range(0..dim)] += outlier;
        }
        let scale = |rng: &mut ChaCha8Rng| 0.8 * (0.4 * normal(rng)).exp();
        let scales: Vec<f64> = (0..dim).map(|_| scale(&mut rng)).collect();
        let mut drift = vec![0.0; dim];
        for _ in 0..tokens {
            for channel in 0..dim {
                drift[channel] += 0.08 * normal(&mut rng);
                let deviation = drift[channel] + 0.7 * student_t4(&mut rng);
                let value = means[channel] + scales[channel] * deviation;
                values.push(value.clamp(-40.0, 12.0) as f32);
            }
        }
    }
    Feature::new(shape, values).expect("finite values that fill the shape")
}

/// Box and Muller's transform.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Student's t distribution with four degrees of freedom.
fn student_t4(rng: &mut ChaCha8Rng) -> f64 {
    let chi_squared: f64 = (0..4).map(|_| normal(rng).powi(2)).sum();
    normal(rng) / (chi_squared / 4.0).sqrt()
}

/// A package with one tap for cls and four for dpt, all with range −40 to 12, and this HEVC ladder.
pub(crate) fn package(root: &Path, qps: &str) -> Package {
    let manifest = format!(
        r#"
name = "test"
description = "no weights: for codec tests"
licence = "MIT"
provenance = "written by a test"

[architecture]
embed-dim = 192
depth = 12
heads = 3
patch = 14
feed-forward = "mlp"
registers = 0
position-grid = 16
position-interpolation = "size"

[tasks.cls]
taps = [12]
ranges = [[-40.0, 12.0]]
ladders = {{ hevc = {qps} }}
classes = 10
preprocess = {{ resize = 256, crop = 224, filter = "bilinear", normalisation = {{ mean = [0, 0, 0], std = [1, 1, 1] }} }}

[tasks.dpt]
taps = [3, 6, 9, 12]
ranges = [[-40, 12], [-40, 12], [-40, 12], [-40, 12]]
ladders = {{ hevc = {qps} }}
bins = 16
min-depth-m = 0.1
max-depth-m = 10.0
preprocess = {{ flip = true, normalisation = {{ mean = [0, 0, 0], std = [1, 1, 1] }} }}
"#
    );
    std::fs::create_dir_all(root.join("heads")).expect("a writable root");
    std::fs::write(root.join(Package::MANIFEST), manifest).expect("a writable root");
    for weights in [
        Package::BACKBONE,
        "heads/cls.safetensors",
        "heads/dpt.safetensors",
    ] {
        std::fs::write(root.join(weights), "").expect("a writable root");
    }
    Package::open(root).expect("a valid manifest")
}
