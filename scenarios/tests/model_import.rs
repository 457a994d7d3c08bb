//! `splitsim model import`: released layouts in, reference features out, wrong input refused with 2.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ndarray::ArrayD;
use serde_json::Value;
use splitsim_checkpoint::Checkpoint;
use tempfile::TempDir;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Golden weights: Meta's names in the vision crate's tests, the rest in the checkpoint crate's.
fn golden(name: &str) -> PathBuf {
    let folder = match name.ends_with("weights.safetensors") || name.ends_with("io.safetensors") {
        true => "shared/vision/tests/golden/dinov2",
        false => "shared/checkpoint/tests/golden",
    };
    root().join(folder).join(name)
}

/// A folder with the golden models' templates.
struct Bench {
    dir: TempDir,
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (case, feed_forward, registers, mode) in [
            ("mlp", "mlp", 0, "scale-offset"),
            ("swiglu", "swiglu", 0, "scale-offset"),
            ("registers", "mlp", 4, "antialias"),
        ] {
            let template = format!(
                "name = '{case}'
                description = 'random weights'
                dpt.taps = [1, 2, 3, 4]
                downloads.backbone = []
                [architecture]
                embed-dim = 48
                depth = 4
                heads = 3
                patch = 14
                feed-forward = '{feed_forward}'
                registers = {registers}
                position-grid = 37
                position-interpolation = '{mode}'"
            );
            std::fs::write(dir.path().join(format!("{case}.toml")), template).unwrap();
        }
        Self { dir }
    }

    fn splitsim(&self, line: &str) -> Ran {
        let mut command = Command::cargo_bin("splitsim").unwrap();
        let output = command
            .current_dir(self.dir.path())
            .args(line.split_whitespace())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Imports a golden backbone into `out` and returns what is said of it.
    fn import(&self, case: &str, file: &str, out: &str) -> Value {
        let file = golden(file);
        let line = format!(
            "model import --template {case}.toml --backbone {} --out {out} --json",
            file.display()
        );
        let ran = self.splitsim(&line);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn refused(&self, arguments: &str, expected: &str) {
        let ran = self.splitsim(&format!("model import {arguments}"));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

fn values(checkpoint: &Checkpoint, name: &str) -> (Vec<usize>, Vec<f32>) {
    let mut bytes = Vec::new();
    checkpoint.copy(name, &mut bytes).unwrap();
    let (values, []) = bytes.as_chunks::<4>() else {
        panic!("{name} is not of f32")
    };
    let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes));
    (
        checkpoint.tensors()[name].shape().to_vec(),
        values.collect(),
    )
}

/// ‖a − b‖ / ‖b‖.
fn relative_error(ours: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(ours.len(), reference.len());
    let square = |value: f32| f64::from(value).powi(2);
    let pairs = ours.iter().zip(reference);
    let difference: f64 = pairs.map(|(&a, &b)| square(a - b)).sum();
    let norm: f64 = reference.iter().map(|&b| square(b)).sum();
    (difference / norm).sqrt()
}

#[test]
fn imported_weights_give_the_reference_features() {
    let bench = Bench::new();
    for (case, file) in [
        ("mlp", "mlp.pth"),
        ("swiglu", "swiglu.hf.safetensors"),
        ("registers", "registers.hf.safetensors"),
    ] {
        bench.import(case, file, case);
        let io = Checkpoint::open(&golden(&format!("{case}.io.safetensors"))).unwrap();
        let (shape, input) = values(&io, "input");
        let input = ArrayD::from_shape_vec(shape, input).unwrap();
        ndarray_npy::write_npy(bench.dir.path().join(format!("{case}.npy")), &input).unwrap();
        let ran = bench.splitsim(&format!(
            "features extract --model ./{case} --task dpt --tensor {case}.npy --out f"
        ));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let feature = bench.dir.path().join("f").join(format!("{case}.npy"));
        let feature: ArrayD<f32> = ndarray_npy::read_npy(feature).unwrap();
        for (block, layer) in feature
            .index_axis(ndarray::Axis(0), 0)
            .outer_iter()
            .enumerate()
        {
            let ours: Vec<f32> = layer.iter().copied().collect();
            let (_, reference) = values(&io, &format!("block{block}"));
            let error = relative_error(&ours, &reference);
            assert!(
                error <= 1e-5,
                "{case} block {block}: relative error {error:e}"
            );
        }
    }
}

#[test]
fn every_file_of_the_same_weights_makes_the_same_package() {
    let bench = Bench::new();
    let files = ["mlp.pth", "mlp.weights.safetensors", "mlp.hf.safetensors"];
    let said = [0, 1, 2].map(|index| bench.import("mlp", files[index], &format!("p{index}")));
    let digest = |index: usize| said[index]["digest"].as_str().unwrap();
    assert_eq!((digest(0), digest(0)), (digest(1), digest(2)));
    assert_eq!(
        said[0]["features_only"],
        serde_json::json!(["cls", "seg", "dpt"])
    );
    assert_eq!(said[0]["note"], Value::Null);
    let note = said[2]["note"].as_str().unwrap();
    assert!(note.contains("--position-interpolation size"), "{note}");
}

#[test]
fn wrong_input_is_refused_before_any_work() {
    let bench = Bench::new();
    let mlp = golden("mlp.pth");
    let mlp = mlp.display();
    bench.refused("--template mlp.toml", "--backbone");
    bench.refused(
        &format!("--template dinov2-vits14 --backbone {mlp}"),
        "embed-dim 48, depth 4, feed-forward width 192, where template dinov2-vits14 has embed-dim \
         384, depth 12, feed-forward width 1536",
    );
    bench.refused(
        &format!("--template dinov2-vith14 --backbone {mlp}"),
        "not shipped; there are dinov2-vits14, ",
    );
    bench.refused(
        "--template mlp.toml --backbone none.pth",
        "none.pth: No such file",
    );
    bench.refused(
        &format!("--template mlp.toml --backbone {mlp} --cls-head {mlp}"),
        "the cls head lacks weight",
    );
    assert!(!bench.dir.path().join("models").exists());
    bench.import("mlp", "mlp.pth", "there");
    let again = format!("--template mlp.toml --backbone {mlp} --out there");
    bench.refused(
        &again,
        "there/model.toml exists; choose another --out, or replace it with --force",
    );
    let ran = bench.splitsim(&format!("model import {again} --force"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("left out: mask_token"),
        "{}",
        ran.stdout
    );
}

#[test]
fn templates_are_listed_with_what_to_download() {
    let ran = Bench::new().splitsim("model import --list-templates");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("dinov2-vit"))
            .count(),
        8
    );
    assert!(ran.stdout.contains("--dpt-head  https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14/dinov2_vitg14_nyu_linear4_head.pth"));
}

#[test]
fn a_head_that_was_not_imported_is_asked_for_by_its_option() {
    let bench = Bench::new();
    bench.import("mlp", "mlp.pth", "model");
    let ran = bench.splitsim("model eval --model ./model --source scenes:1:1 --task seg");
    assert!(
        ran.stderr.contains("no seg head") && ran.stderr.contains("--seg-head"),
        "{}",
        ran.stderr
    );
}
