//! Time to score features of ViT-g's sizes: `cargo bench -p splitsim-cfqa`.
//!
//! Read the fastest column on a machine that does other things too.

use std::hint::black_box;

use divan::{Bencher, counter::ItemsCount};
use splitsim_cfqa::{Metric, Reference, score_all};
use splitsim_feature::{Feature, FeatureShape};

fn main() {
    divan::main();
}

/// Classification, segmentation (two windows), both windows' tokens as a single map, and as many tokens
/// as the maps of a depth feature together.
const SHAPES: [[usize; 4]; 4] = [
    [1, 1, 257, 1536],
    [2, 1, 1370, 1536],
    [1, 1, 2740, 1536],
    [1, 1, 12888, 1536],
];

/// Values without structure: the time does not depend on them.
fn feature(shape: [usize; 4], salt: usize) -> Feature {
    let shape = FeatureShape::try_from(shape).expect("no dimension is zero");
    let value =
        |i: usize| (i.wrapping_mul(2_654_435_761).wrapping_add(salt) % 8191) as f32 / 4096.0;
    Feature::new(shape, (0..shape.points()).map(value).collect())
        .expect("the values fill the shape")
}

/// The three standard metrics of a single pair.
#[divan::bench(args = SHAPES, sample_count = 20, sample_size = 1)]
fn pair(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (original, distorted) = (feature(shape, 1), feature(shape, 2));
    bencher
        .counter(ItemsCount::new(original.shape().points()))
        .bench(|| {
            score_all(
                &Metric::STANDARD,
                black_box(&original),
                black_box(&distorted),
            )
        });
}

/// One metric of one more distorted version of a prepared original.
#[divan::bench(args = SHAPES, consts = [0, 1, 2, 3], sample_count = 20, sample_size = 1)]
fn prepared<const METRIC: usize>(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (original, distorted) = (feature(shape, 1), feature(shape, 2));
    let metric = Metric::ALL[METRIC];
    let reference = Reference::new(original);
    let _ = black_box(reference.score(metric, &distorted));
    bencher.bench(|| reference.score(metric, black_box(&distorted)));
}
