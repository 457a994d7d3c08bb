//! The codec commands, through the program itself: what one process coded, another decodes.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::path::{Path, PathBuf};

use splitsim_codec::CodecId;
use splitsim_feature::Task;
use splitsim_model::Package;
use support::Workplace;

/// Decoding on a machine of another kind: one thread, and none of the wide vector instructions.
const LESSER_MACHINE: [(&str, &str); 4] = [
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("ATEN_CPU_CAPABILITY", "default"),
    ("DNNL_MAX_CPU_ISA", "SSE41"),
];

const TRAINING: &str = "
seed = 1
levels = [{ lambda = 0.001, n = 3, m = 5 }, { lambda = 0.01, n = 4, m = 6 }]
patch = 64
batch = 1
first-steps = 4
steps = 2
learning-rate = 1e-3
auxiliary-learning-rate = 1e-2
clip-norm = 1.0
validate-every = 2
patience = 2
factor = 0.4
least-learning-rate = 1e-5
";

/// A package on which levels are tried, and a feature per task to try them on.
struct Bench {
    place: Workplace,
    package: PathBuf,
}

impl Bench {
    fn new(place: Workplace, package: PathBuf) -> Self {
        for task in Task::ALL {
            let model = package.display();
            let extract = format!(
                "features extract --model {model} --task {task} --source scenes:7:1 --out {task}"
            );
            place.splitsim(&extract).ok();
        }
        Self { place, package }
    }

    fn feature(&self, task: Task) -> PathBuf {
        let files = std::fs::read_dir(self.place.path(task.name())).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        let is_feature = |path: &PathBuf| path.extension().is_some_and(|it| it == "npy");
        files.find(is_feature).unwrap()
    }

    /// Codes at every level of the package's ladder; another process must decode the very feature
    /// that the encoder's process decoded. Returns how many levels there were.
    fn check(&self, codec: CodecId, task: Task) -> usize {
        let package = Package::open(&self.package).unwrap();
        let ladders = &package.task(task).unwrap().common().ladders;
        let levels = ladders.get(codec.name()).map_or(0, Vec::len);
        let (model, feature) = (self.package.display(), self.feature(task));
        for level in 0..levels {
            let code = format!(
                "codec roundtrip --model {model} --task {task} --codec {codec} --level {level} \
                 --in {} --out scored.npy --bitstream coded --force",
                feature.display()
            );
            self.place.splitsim(&code).ok();
            let decode =
                format!("codec decode --model {model} --in coded --out decoded.npy --force");
            self.place.splitsim(&decode).ok();
            let name = format!("{codec}, {task}, level {level}");
            assert!(self.same("scored.npy", "decoded.npy"), "{name}");
            if codec.is_learned() {
                // The symbols' digest stands in the container: other symbols would be refused.
                self.place.splitsim_in(&LESSER_MACHINE, &decode).ok();
            }
        }
        levels
    }

    fn same(&self, one: &str, other: &str) -> bool {
        let read = |name: &str| std::fs::read(self.place.path(name)).unwrap();
        read(one) == read(other)
    }
}

/// A package of random weights gets codebooks, a multi-task ladder and one for each task.
fn trained() -> Bench {
    let place = Workplace::new();
    let package = place.path("model");
    for task in Task::ALL {
        let fit = format!("codec fit-codebook --model model --task {task} --source scenes:6:1");
        place.splitsim(&fit).ok();
    }
    std::fs::write(place.path("train.toml"), TRAINING).unwrap();
    let train = "codec train --model model --source scenes:6:2 --validation 1 --config train.toml \
                 --features kept";
    let multi = format!("{train} --codec hyperprior --work multi");
    place.splitsim(&multi).ok();
    for task in Task::ALL {
        let one = format!(
            "{train} --codec hyperprior-task --task {task} --work one-{task} --start multi"
        );
        place.splitsim(&one).ok();
    }
    Bench::new(place, package)
}

#[test]
fn what_was_trained_decodes_in_another_process_and_on_a_lesser_machine() {
    let bench = trained();
    for task in Task::ALL {
        for codec in [CodecId::Hyperprior, CodecId::HyperpriorTask] {
            assert_eq!(bench.check(codec, task), 2);
        }
    }
}

/// Files of a folder and the folders in it that end in `.npy`, by their content.
fn features_in(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|it| it == "npy") => {
                    found.push(std::fs::read(path).unwrap());
                }
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// Folders whose names differ in a sign alone, and a picture that changes under its name.
#[test]
fn a_training_takes_features_of_its_own_pictures_only() {
    let place = Workplace::new();
    let run = |line: &str| place.splitsim(line);
    run("codec fit-codebook --model model --task cls --source scenes:6:1").ok();
    std::fs::write(place.path("train.toml"), TRAINING).unwrap();
    for (seed, folder) in [(1, "a/b"), (2, "a.b"), (3, "other")] {
        let render = format!("scenes render --seed {seed} --count 2 --size 64 --out {folder}");
        run(&render).ok();
    }
    let train = |source: &str, work: &str| {
        run(&format!(
            "codec train --codec hyperprior-task --task cls --model model --source folder:{source} \
             --validation 1 --config train.toml --features kept --work {work}"
        ))
    };
    train("a/b", "w1").ok();
    train("a.b", "w2").ok();
    let changed = place.path("a.b/000001.png");
    std::fs::copy(place.path("other/000001.png"), changed).unwrap();
    train("a.b", "w3").ok();
    for (folder, out) in [("a/b", "f1"), ("a.b", "f2"), ("other", "f3")] {
        let extract = "features extract --model model --task cls";
        run(&format!("{extract} --images {folder} --out {out}")).ok();
    }
    let kept = features_in(&place.path("kept"));
    assert_eq!(kept.len(), 5, "two, two and the one that has changed");
    for (out, count) in [("f1", 2), ("f2", 2), ("f3", 1)] {
        let extracted = features_in(&place.path(out));
        let found = extracted.iter().filter(|feature| kept.contains(feature));
        assert_eq!(found.count(), count, "{out}");
    }
    train("a/b", "w2").failed(1, &["w2 holds a training on other pictures"]);
}

#[test]
fn every_shipped_level_decodes_in_another_process() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny-scenes");
    let bench = Bench::new(Workplace::new(), shipped.canonicalize().unwrap());
    for task in Task::ALL {
        for (codec, levels) in [
            (CodecId::Hevc, 10),
            (CodecId::Vvc, 10),
            (CodecId::Hyperprior, 5),
            (CodecId::HyperpriorTask, 5),
        ] {
            assert_eq!(bench.check(codec, task), levels, "{codec}, {task}");
        }
    }
}

#[test]
fn a_level_beyond_the_ladder_and_a_missing_codebook_are_named() {
    let place = Workplace::new();
    let extract = "features extract --model model --task cls --source scenes:7:1 --out f";
    place.splitsim(extract).ok();
    let feature = std::fs::read_dir(place.path("f")).unwrap();
    let feature = feature.map(|entry| entry.unwrap().path());
    let feature = feature.filter(|path| path.extension().is_some_and(|it| it == "npy"));
    let feature = feature.min().unwrap();
    let roundtrip = format!(
        "codec roundtrip --model model --task cls --codec hevc --in {} --out r.npy",
        feature.display()
    );
    place
        .splitsim(&format!("{roundtrip} --level 3"))
        .failed(2, &["--level", "3"]);
    place
        .splitsim(&format!("{roundtrip} --level 0 --transform codebook"))
        .failed(2, &["codebook", "fit-codebook"]);
    place
        .splitsim("codec train --codec hevc --model model --source scenes:6:2 --config x --work w")
        .failed(2, &["only hyperprior and hyperprior-task are trained"]);
}
