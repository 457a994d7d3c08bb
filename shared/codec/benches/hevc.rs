//! HEVC encode and decode times, process start included: `cargo bench -p splitsim-codec`.

#[path = "../tests/support/mod.rs"]
mod support;

use divan::Bencher;
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec, open};
use splitsim_feature::Task;

fn main() {
    divan::main();
}

/// A picture of one coding unit, whose time is that of starting the process; a cls feature of the embedded
/// model, its dpt feature, and ViT-g's cls feature.
const CASES: [(Task, [usize; 4]); 4] = [
    (Task::Cls, [1, 1, 16, 16]),
    (Task::Cls, [1, 1, 257, 192]),
    (Task::Dpt, [2, 4, 257, 192]),
    (Task::Cls, [1, 1, 257, 1536]),
];
/// Levels of the ladder below: QP 32, 22, 7.
const LEVELS: [usize; 3] = [0, 1, 2];

fn codec(task: Task) -> Box<dyn FeatureCodec> {
    let root = tempfile::tempdir().expect("a temporary directory");
    let package = support::package(root.path(), "[32, 22, 7]");
    open(CodecId::Hevc, &package, task, &CodecOptions::default()).expect("an ffmpeg with x265")
}

/// Encoding includes the decoding that the container's symbol digest takes.
#[divan::bench(consts = LEVELS, args = CASES, sample_count = 10, sample_size = 1)]
fn encode_and_decode<const LEVEL: usize>(bencher: Bencher<'_, '_>, case: &(Task, [usize; 4])) {
    let (task, shape) = *case;
    let (codec, feature) = (codec(task), support::feature(shape, 1));
    let level = codec.ladder().level(LEVEL).expect("a level of the ladder");
    bencher.bench(|| codec.encode_and_decode(&feature, level));
}

#[divan::bench(consts = LEVELS, args = CASES, sample_count = 10, sample_size = 1)]
fn decode<const LEVEL: usize>(bencher: Bencher<'_, '_>, case: &(Task, [usize; 4])) {
    let (task, shape) = *case;
    let (codec, feature) = (codec(task), support::feature(shape, 1));
    let level = codec.ladder().level(LEVEL).expect("a level of the ladder");
    let container = codec.encode(&feature, level).expect("an encoded feature");
    bencher.bench(|| codec.decode(&container));
}
