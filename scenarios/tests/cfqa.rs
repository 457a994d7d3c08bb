//! Benchmark sets through the program itself: building, cutting off, sharding, importing, evaluating.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ndarray::Array4;
use serde_json::Value;
use splitsim_table::{Table, read_parquet};
use support::Workplace;

/// The number of times that the build is killed. `SPLITSIM_KILLS=10` for the long variant, see docs/cfqa.md.
const KILLS: usize = 3;

fn rows(place: &Workplace, set: &str) -> Table {
    read_parquet(&place.path(set).join("rows.parquet")).unwrap()
}

fn content(place: &Workplace, set: &str) -> String {
    let text = std::fs::read_to_string(place.path(set).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_set_has_a_row_per_compressed_feature() {
    let place = Workplace::new();
    let json = place
        .splitsim(
            "cfqa build --model model --source scenes:3:2 --bank scenes:4:12 \
             --keep originals,bitstreams,reconstructions --out set --json",
        )
        .json();
    assert_eq!(json["manifest"]["rows"], 3 * 2 * 3);
    assert_eq!((&json["parts"], &json["reused"]), (&6.into(), &0.into()));
    let rows = rows(&place, "set");
    let (tasks, bytes) = (rows.texts("task").unwrap(), rows.ints("bytes").unwrap());
    let scores = |metric: &str| rows.floats(&format!("score_{metric}")).unwrap().to_vec();
    // Richer levels cost more, and err less.
    let mse = scores("mse");
    for first in (0..rows.rows()).step_by(3) {
        assert!(bytes[first] < bytes[first + 2] && mse[first] > mse[first + 2]);
    }
    // Layers are those of depth features, labels those of pictures with a class.
    let (layers, dis) = (scores("mse_layer4"), scores("dis"));
    for (row, task) in tasks.iter().enumerate() {
        let task = task.as_deref().unwrap();
        assert_eq!(layers[row].is_some(), task == "dpt", "{task}");
        assert!(task == "cls" || dis[row].is_none(), "{task}");
    }
    // What is kept is what was scored.
    let folder = place.path("set/compressed_feat/hevc/seg/level01");
    let kept = |ending: &str| {
        let files = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.extension().unwrap() == ending)
            .collect();
        files.sort();
        files
    };
    let (bitstreams, reconstructions) = (kept("splf"), kept("npy"));
    assert_eq!((bitstreams.len(), reconstructions.len()), (2, 2));
    let row = tasks
        .iter()
        .position(|task| task.as_deref() == Some("seg"))
        .unwrap()
        + 1;
    let length = std::fs::metadata(&bitstreams[0]).unwrap().len();
    assert_eq!(bytes[row], Some(length as i64));
    let name = reconstructions[0].file_name().unwrap().to_str().unwrap();
    let score = place.splitsim(&format!(
        "cfqa score --original set/org_feat/seg/{name} \
         --distorted set/compressed_feat/hevc/seg/level01/{name} --json"
    ));
    assert_eq!(score.json()["scores"]["mse"].as_f64(), mse[row]);
}

#[test]
fn shards_merge_into_the_set_that_is_built_at_once() {
    let place = Workplace::new();
    let build = "cfqa build --model model --source scenes:3:3 --task cls --task dpt";
    place.splitsim(&format!("{build} --out whole")).ok();
    for shard in ["1/2", "2/2"] {
        let out = &shard[..1];
        place
            .splitsim(&format!("{build} --shard {shard} --out {out}"))
            .ok();
    }
    place
        .splitsim("cfqa merge 1 --out merged")
        .failed(1, &["shards are missing: 2/2"]);
    place
        .splitsim("cfqa merge 1 1 --out merged")
        .failed(1, &["shard 1/2 is there twice"]);
    place.splitsim("cfqa merge 2 1 --out merged").ok();
    assert_eq!(content(&place, "merged"), content(&place, "whole"));

    place
        .splitsim("cfqa build --model model --source scenes:4:3 --task cls --task dpt --shard 2/2 --out other")
        .ok();
    place.splitsim("cfqa merge 1 other --out mixed").failed(
        1,
        &["other: a shard of another set: source is \"scenes:4:3\""],
    );
    assert!(!place.path("mixed").exists());
}

#[test]
fn what_is_done_is_not_done_again() {
    let place = Workplace::new();
    let build = |count: usize| {
        let line = format!(
            "cfqa build --model model --source scenes:3:{count} --task cls --out set --json --force"
        );
        let json = place.splitsim(&line).json();
        (
            json["parts"].as_u64().unwrap(),
            json["reused"].as_u64().unwrap(),
        )
    };
    assert_eq!(build(2), (2, 0));
    let first = content(&place, "set");
    place
        .splitsim("cfqa build --model model --source scenes:3:3 --task cls --out set")
        .failed(2, &["set has another set: source is", "--out", "--force"]);
    // More pictures of the source use those that are there.
    assert_eq!(build(3), (3, 2));
    assert_eq!(build(2), (2, 2));
    assert_eq!(content(&place, "set"), first);
}

#[test]
fn a_build_that_is_killed_goes_on_to_the_same_set() {
    let kills = std::env::var("SPLITSIM_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let place = Workplace::new();
    let build = format!(
        "cfqa build --model model --source scenes:3:{} --keep bitstreams --jobs 2",
        kills + 1
    );
    place.splitsim(&format!("{build} --out calm")).ok();
    for kill in 0..kills {
        let mut child = spawn(&place, &format!("{build} --out killed"));
        until_a_part_more(&place.path("killed/parts"), &mut child);
        // Somewhere in the next part: encoding, writing, or between.
        std::thread::sleep(Duration::from_millis(kill as u64 * 37 % 100));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let json = place
        .splitsim(&format!("{build} --out killed --json"))
        .json();
    assert!(json["reused"].as_u64().unwrap() >= kills as u64, "{json}");
    assert_eq!(content(&place, "killed"), content(&place, "calm"));
    // Nothing half-written is left in the way of those who read the folder.
    let bitstreams = |set: &str| {
        let folder = place.path(set).join("compressed_feat/hevc/cls/level02");
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|ending| ending == "splf"))
            .map(|path| {
                (
                    path.file_name().unwrap().to_owned(),
                    std::fs::read(path).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    };
    assert_eq!(bitstreams("killed"), bitstreams("calm"));
}

fn spawn(place: &Workplace, line: &str) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin("splitsim"))
        .args(line.split_whitespace())
        .current_dir(place.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for a whole one: what is being written has a hidden name until then.
fn until_a_part_more(parts: &Path, child: &mut Child) {
    let count = || {
        let names = std::fs::read_dir(parts).into_iter().flatten();
        let names = names.map(|part| part.unwrap().file_name());
        let hidden = |name: &OsString| name.as_encoded_bytes().starts_with(b".");
        names.filter(|name| !hidden(name)).count()
    };
    let before = count();
    while count() == before && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_folder_is_built_by_one_process() {
    let place = Workplace::new();
    let build = "cfqa build --model model --source scenes:3:40 --task dpt --out set";
    let mut child = spawn(&place, build);
    until_a_part_more(&place.path("set/parts"), &mut child);
    place
        .splitsim(build)
        .failed(2, &["set is being built by another process"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_usage_is_refused_before_work() {
    let place = Workplace::new();
    let build = "cfqa build --model model --out set";
    let check = |further: &str, parts: &[&str]| {
        place
            .splitsim(&format!("{build} {further}"))
            .failed(2, parts);
        assert!(!place.path("set").exists());
    };
    check("--source scenes:3:2 --shard 3/2", &["'3/2' is no shard"]);
    check("--source scenes:3:2 --codec vvc", &["codec vvc for cls"]);
    check(
        "--source scenes:3:2 --bank scenes:3:2",
        &["these are the pictures that are to be judged"],
    );
    check(
        "--source scenes:3:2 --memory 1kB",
        &["--memory", "a single feature takes about"],
    );
    check("--source model", &["model"]);
    place.splitsim("cfqa table set").failed(
        2,
        &["no set: make it with 'splitsim cfqa build' or 'splitsim cfqa import'"],
    );
}

/// Two features, three levels. Ranks 1 2 3 against MSE 1 2 3: a coefficient of 1; constant ranks: none.
const LOG: &str = "qp 2\na.JPEG 1 1.0 0.9 0.5\nb.JPEG 4 1.0 0.9 0.5\nqp 4\na.JPEG 2 2.0 0.8 0.5\n\
                   b.JPEG 4 2.0 0.8 0.5\nqp 6\na.JPEG 3 3.0 0.7 0.5\nb.JPEG 4 3.0 0.7 0.5\n";

#[test]
fn published_logs_become_a_table() {
    let place = Workplace::new();
    let log = place.path("hm_trained_hybrid_eval_cls_all.txt");
    std::fs::write(&log, LOG).unwrap();
    let import = "cfqa import hm_trained_hybrid_eval_cls_all.txt --out published --levels 3";
    place.splitsim(&format!("{import} --features 2")).ok();
    let counted = place.splitsim(&format!("{import} --features 100 --force"));
    assert!(
        counted.stdout.contains("2 features of 100"),
        "{}",
        counted.stdout
    );
    assert_eq!(counted.code, Some(1), "{}", counted.stderr);

    // The script's CKA is no CKA.
    place.splitsim("cfqa table published").failed(
        2,
        &["no scores by 'cka', there are mse, cosine, cka-cfqa2025"],
    );
    place
        .splitsim("cfqa table published --target distortion")
        .failed(2, &["no true distortions"]);
    let table = "cfqa table published --mode cfqa2025 --bootstrap 50 --csv t.csv --html t.html \
                 --logs logs";
    let json = place.splitsim(&format!("{table} --json")).json();
    let mse = &json["evaluations"][0]["evaluation"]["per_feature"][0];
    assert_eq!(mse["mean"], 1.0);
    assert_eq!((&mse["counted"], &mse["undefined"]), (&1.into(), &1.into()));
    // CKA is constant: undefined, which is neither 0 nor NaN.
    let cka = &json["evaluations"][2]["evaluation"]["per_feature"][0];
    assert_eq!((&cka["mean"], &cka["undefined"]), (&Value::Null, &2.into()));
    let text = place.splitsim(table).ok();
    assert!(
        text.contains("undefined") && !text.contains("NaN"),
        "{text}"
    );
    let csv = std::fs::read_to_string(place.path("t.csv")).unwrap();
    assert!(
        csv.contains("hm,cls,cka-cfqa2025,per-feature,plcc,,,,0,2\n"),
        "{csv}"
    );
    let log = std::fs::read_to_string(place.path("logs/hm_cls.txt")).unwrap();
    assert!(
        log.starts_with("a 1 1 0.9 0.5\nb 4 1 0.9 0.5\na 2 2 0.8 0.5\n"),
        "{log}"
    );
    let page = std::fs::read_to_string(place.path("t.html")).unwrap();
    for part in [
        "PLCC of mse, hm",
        "cfqa2025",
        "cosine and performance, hm cls",
    ] {
        assert!(page.contains(part), "no {part}");
    }
}

#[test]
fn published_features_are_scored() {
    let place = Workplace::new();
    let feature = |salt: f32| {
        Array4::from_shape_fn((1, 1, 5, 4), |(_, _, token, channel)| {
            (token as f32 * 0.7 + salt).sin() + channel as f32 * 0.1 * salt
        })
    };
    let write = |path: &str, values: &Array4<f32>| {
        let path = place.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        ndarray_npy::write_npy(path, values).unwrap();
    };
    write("data/org_feat/cls/a.npy", &feature(1.0));
    write(
        "data/compressed_feat/hm/cls/QP2/a.npy",
        &(feature(1.0) + 0.5),
    );
    write(
        "data/compressed_feat/hm/cls/QP10/a.npy",
        &(feature(1.0) + 2.0),
    );
    std::fs::write(
        place.path("data/compressed_feat/hm/cls/QP10/a.bin"),
        [0; 10],
    )
    .unwrap();
    std::fs::write(place.path("data/hm_cls.txt"), "a 3 9 9 9\na 7 9 9 9\n").unwrap();
    let ran = place.splitsim("cfqa import data --out set --features 1 --levels 2");
    ran.ok();
    let rows = rows(&place, "set");
    assert_eq!(
        rows.texts("label").unwrap(),
        [Some("QP2".to_owned()), Some("QP10".to_owned())]
    );
    assert_eq!(rows.floats("performance").unwrap(), [Some(3.0), Some(7.0)]);
    let mse = rows.floats("score_mse").unwrap();
    assert!((mse[0].unwrap() - 0.25).abs() < 1e-6 && (mse[1].unwrap() - 4.0).abs() < 1e-6);
    // Ten bytes for twenty points.
    assert_eq!(rows.floats("bpfp").unwrap(), [None, Some(4.0)]);
}

/// A class token, two registers and three patches, and the same with noise on it.
fn with_registers() -> [Array4<f32>; 2] {
    let original = Array4::from_shape_fn((1, 1, 6, 3), |(_, _, token, channel)| {
        let register = if [1, 2].contains(&token) { 40.0 } else { 1.0 };
        register * ((token * 3 + channel) as f32 * 0.9).sin()
    });
    let distorted = Array4::from_shape_fn((1, 1, 6, 3), |(_, _, token, channel)| {
        original[[0, 0, token, channel]] + ((token + 2 * channel) as f32 * 1.7).cos()
    });
    [original, distorted]
}

/// The cosine between the means of the last three tokens.
fn cosine_of_patches([one, other]: &[Array4<f32>; 2]) -> f64 {
    let sums = |feature: &Array4<f32>| -> [f64; 3] {
        std::array::from_fn(|channel| {
            let patches = (3..6).map(|token| f64::from(feature[[0, 0, token, channel]]));
            patches.sum()
        })
    };
    let (x, y) = (sums(one), sums(other));
    let dot = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
}

#[test]
fn registers_are_no_patches_to_score_and_import() {
    let place = Workplace::new();
    let pair = with_registers();
    let expected = cosine_of_patches(&pair);
    let write = |path: &str, values: &Array4<f32>| {
        let path = place.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        ndarray_npy::write_npy(path, values).unwrap();
    };
    write("data/org_feat/cls/a.npy", &pair[0]);
    write("data/compressed_feat/hm/cls/QP2/a.npy", &pair[1]);
    std::fs::write(place.path("data/hm_cls.txt"), "a 3 9 9 9\n").unwrap();
    let near = |score: f64| (score - expected).abs() < 1e-9;

    let score = |registers: &str| {
        place.splitsim(&format!(
            "cfqa score --original data/org_feat/cls/a.npy --metric cosine-patch-mean --json \
             --distorted data/compressed_feat/hm/cls/QP2/a.npy --registers {registers}"
        ))
    };
    let scored = |registers| score(registers).json()["scores"]["cosine-patch-mean"].as_f64();
    assert!(near(scored("2").unwrap()) && !near(scored("0").unwrap()));
    score("5").failed(
        2,
        &["5 registers and a class token leave no patch of 6 tokens"],
    );
    for beyond in ["1025", "18446744073709551615"] {
        score(beyond).failed(2, &["--registers", "from 0 to 1024"]);
    }

    let import = "cfqa import data --features 1 --levels 1";
    let imported = |out: &str| {
        let scores = rows(&place, out);
        let scores = scores.floats("score_cosine-patch-mean").unwrap();
        scores[0].unwrap()
    };
    place
        .splitsim(&format!("{import} --out with --registers 2"))
        .ok();
    place.splitsim(&format!("{import} --out without")).ok();
    assert!(near(imported("with")) && !near(imported("without")));
    let ran = place.splitsim(&format!("{import} --out none --registers 5"));
    assert_eq!(ran.code, Some(1));
    let gap = "cls a: --registers: 5 registers and a class token leave no patch of 6 tokens";
    assert!(ran.stdout.contains(gap), "{}", ran.stdout);
}

#[test]
fn a_calibrated_threshold_has_a_name_in_scenarios() {
    let place = Workplace::new();
    place
        .splitsim("cfqa build --model model --source scenes:3:12 --task cls --out set")
        .ok();
    let calibrate = "cfqa calibrate set --codec hevc --task cls --metric cosine --splits 20";
    // Nothing exceeds a million ranks, so that the most lenient threshold is certified.
    let json = place
        .splitsim(&format!(
            "{calibrate} --tau 1000000 --alpha 0.5 --delta 0.3 --model model --json"
        ))
        .json();
    assert_eq!(json["stored_as"], "calibrated:tau=1000000,alpha=0.5");
    assert_eq!(json["validity"]["broken"], 0);
    assert_eq!(json["auc"], Value::Null);
    let scenario = "name = 'named'\nmodel = 'model'\nseed = 5\nframes = 2\ncodec = 'hevc'\ntasks = ['cls']\n\
                    [[policies]]\nname = 'gate'\nkind = 'threshold'\nmetric = 'cosine'\n\
                    threshold = 'calibrated:tau=1000000,alpha=0.5'\n";
    std::fs::write(place.path("named.toml"), scenario).unwrap();
    place.splitsim("validate named.toml").ok();
    let other = scenario.replace("alpha=0.5", "alpha=0.1");
    std::fs::write(place.path("other.toml"), other).unwrap();
    place.splitsim("validate other.toml").failed(
        2,
        &[
            "no threshold for hevc cls cosine tau=1000000,alpha=0.1",
            "splitsim cfqa calibrate",
        ],
    );
    // Everything exceeds minus a million ranks.
    let none = place.splitsim(&format!("{calibrate} --tau -1000000"));
    assert_eq!(none.code, Some(1), "{}", none.stdout);
    assert!(
        none.stderr.contains("no threshold can be certified"),
        "{}",
        none.stderr
    );
}
