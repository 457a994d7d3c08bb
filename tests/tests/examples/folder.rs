//! The folder of a page's reader: the repository's models and scenarios, pictures, data sets, released weights, and
//! the products of earlier pages.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use splitsim_checkpoint::Template;
use splitsim_checkpoint::synthetic::{self, Shapes, Wrapping};
use splitsim_feature::Task;
use splitsim_tests::{executable, random_package_with_ladder};
use tempfile::TempDir;

use crate::markdown::root;
use crate::page::copy;

/// Products of commands of other pages, which a page takes for granted.
const GIVEN: &[(&str, &[&str])] = &[
    (
        "splitsim report --help",
        &["out/demo", "out/policy-comparison"],
    ),
    (
        "splitsim export --help",
        &["out/demo", "out/policy-comparison"],
    ),
    ("report.md", &["out/demo"]),
    (
        "splitsim policies compare --help",
        &["out/policy-comparison", "seg.parquet"],
    ),
    ("splitsim cfqa table --help", &["out/cfqa", "out/published"]),
    ("splitsim cfqa calibrate --help", &["out/cfqa"]),
    (
        "splitsim cfqa merge --help",
        &["out/cfqa-1", "out/cfqa-2", "out/cfqa-3", "out/cfqa-4"],
    ),
    ("splitsim codec decode --help", &["f.splf"]),
    ("splitsim cfqa score --help", &["r.npy"]),
];

/// Products that a page makes itself, although other pages take them for granted.
const MAKES: &[(&str, &str)] = &[
    ("splitsim codec fit-codebook --help", "models/mine"),
    ("codecs.md", "models/mine"),
    ("splitsim cfqa calibrate --help", "models/mine"),
    ("splitsim model calibrate --help", "models/mine"),
    ("splitsim model train-default --help", "models/mine"),
];

macro_rules! shard {
    ($index:literal) => {
        concat!(
            "splitsim cfqa build --model tiny-scenes --task cls --codec hevc --source scenes:7:4 --shard ",
            $index,
            "/4 --out out/cfqa-",
            $index
        )
    };
}
const SHARD_1: &str = shard!("1");
const SHARD_2: &str = shard!("2");
const SHARD_3: &str = shard!("3");
const SHARD_4: &str = shard!("4");

/// The command that makes each product, in a folder of its own.
const RECIPES: &[(&str, &str)] = &[
    ("out/demo", "splitsim run scenarios/demo.toml"),
    (
        "out/policy-comparison",
        "splitsim run scenarios/policy-comparison.toml",
    ),
    (
        "out/cfqa",
        "splitsim cfqa build --model tiny-scenes --source scenes:7:4 --codec hevc --out out/cfqa",
    ),
    (
        "seg.parquet",
        "splitsim ladder record scenarios/policy-comparison.toml --out out/ladders --set 'tasks=[\"seg\"]' \
         && cp out/ladders/ladders/seg.parquet .",
    ),
    ("out/cfqa-1", SHARD_1),
    ("out/cfqa-2", SHARD_2),
    ("out/cfqa-3", SHARD_3),
    ("out/cfqa-4", SHARD_4),
    (
        "out/published",
        "splitsim cfqa import hm_trained_hybrid_eval_cls_all.txt --features 5 --levels 4 \
         --out out/published || test $? = 1",
    ),
    (
        "r.npy",
        "splitsim codec roundtrip --codec hevc --level 4 --model tiny-scenes --task cls --in f.npy --out r.npy",
    ),
    (
        "f.splf",
        "splitsim codec roundtrip --codec hevc --level 4 --model tiny-scenes --task cls \
         --in f.npy --out r.npy --bitstream f.splf",
    ),
];

/// The content of every page's folder beside the repository's own files. The released weights and `models/mine`,
/// `models/vitg` are random ones of small backbones.
const SETUP: &str = include_str!("setup.sh");

/// A page's folder.
pub(crate) fn fresh(page: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&pantry().join("base"), folder.path());
    for (_, made) in MAKES.iter().filter(|(makes, _)| *makes == page) {
        fs::remove_dir_all(folder.path().join(made)).unwrap();
    }
    for (_, products) in GIVEN.iter().filter(|(given, _)| *given == page) {
        for product in *products {
            let to = folder.path().join(product);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            copy(&made(product), &to);
        }
    }
    folder
}

/// A product, made when it is first asked for.
fn made(product: &str) -> PathBuf {
    let kept = pantry().join(product.replace('/', "-"));
    let _one_at_a_time = MAKING.lock().unwrap();
    if !kept.exists() {
        let (_, recipe) = RECIPES.iter().find(|(made, _)| *made == product).unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy(&pantry().join("base"), folder.path());
        run(folder.path(), recipe);
        copy(&folder.path().join(product), &kept);
    }
    kept
}

static MAKING: Mutex<()> = Mutex::new(());

/// Returns the folder of the base folder and of the products made so far.
fn pantry() -> &'static Path {
    static PANTRY: OnceLock<PathBuf> = OnceLock::new();
    PANTRY.get_or_init(|| {
        let pantry = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
        if pantry.exists() {
            fs::remove_dir_all(&pantry).unwrap();
        }
        lay_out(&pantry.join("base"));
        pantry
    })
}

fn lay_out(base: &Path) {
    copy(&root().join("models"), &base.join("models"));
    fs::create_dir_all(base.join("scenarios")).unwrap();
    copy(
        &root().join("scenarios/traces"),
        &base.join("scenarios/traces"),
    );
    for entry in fs::read_dir(root().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = few_frames(&fs::read_to_string(&path).unwrap());
            fs::write(base.join("scenarios").join(path.file_name().unwrap()), text).unwrap();
        }
    }
    release_weights(base);
    random_package_with_ladder(&base.join("models/mine"), 1, &[40.0, 22.0, 4.0]);
    stand_in_for_hm(base);
    let setup = base.join("setup.sh");
    fs::write(&setup, SETUP).unwrap();
    run(
        base,
        &format!(
            "ROOT={} bash -e setup.sh",
            root().canonicalize().unwrap().display()
        ),
    );
}

/// The released files of a small backbone, with random weights, under the names that the pages give them.
fn release_weights(base: &Path) {
    let template = |name: &str| Template::parse(&small_template(name)).unwrap();
    let architecture = template("dinov2-vitg14").architecture;
    let write = |name: &str, shapes: &Shapes, wrapping: Wrapping| {
        synthetic::write_pth(&base.join(name), shapes, wrapping, 1).unwrap();
    };
    let backbone = synthetic::backbone(&architecture);
    for name in ["dinov2_vitg14_pretrain.pth", "model.safetensors"] {
        write(name, &backbone, Wrapping::Bare);
    }
    for (name, task, layers, outputs) in [
        ("dinov2_vitg14_linear_head.pth", Task::Cls, 1, 1000),
        ("dinov2_vitg14_voc2012_linear_head.pth", Task::Seg, 1, 21),
        ("dinov2_vitg14_nyu_linear4_head.pth", Task::Dpt, 4, 256),
    ] {
        let (shapes, wrapping) = synthetic::head(task, architecture.embed_dim, layers, outputs);
        write(name, &shapes, wrapping);
    }
    for name in ["dinov2-vitg14", "dinov2-vits14"] {
        fs::write(base.join(format!("{name}.toml")), small_template(name)).unwrap();
    }
}

/// A released model's template at a size of which random weights are quickly made.
fn small_template(name: &str) -> String {
    format!(
        "name = '{name}'
        description = 'random weights'
        [architecture]
        embed-dim = 48
        depth = 4
        heads = 3
        patch = 14
        feed-forward = 'mlp'
        registers = 0
        position-grid = 37
        position-interpolation = 'scale-offset'"
    )
}

/// HM's folder, with a stand-in that accepts HM's arguments.
fn stand_in_for_hm(base: &Path) {
    let program = root().join("shared/codec/tests/fake/reference-software");
    for folder in ["bin", "cfg"] {
        fs::create_dir_all(base.join("HM").join(folder)).unwrap();
    }
    for name in ["TAppEncoderStatic", "TAppDecoderStatic"] {
        copy(&program, &base.join("HM/bin").join(name));
    }
    let configuration = base.join("HM/cfg/encoder_intra_main_rext.cfg");
    fs::write(configuration, "QP : 32\n").unwrap();
}

/// A scenario with two frames for every task.
fn few_frames(scenario: &str) -> String {
    let line = |line: &str| match line.starts_with("frames = ") {
        true => "frames = 2\n".to_owned(),
        false => format!("{line}\n"),
    };
    scenario.lines().map(line).collect()
}

fn run(directory: &Path, typed: &str) {
    let output = Command::new("bash")
        .args(["-c", typed])
        .current_dir(directory)
        .env("PATH", search_path())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{typed}: {said}");
}

/// The programs of this build before all others.
pub(crate) fn search_path() -> OsString {
    let programs = executable("splitsim");
    let mut path = programs.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}
