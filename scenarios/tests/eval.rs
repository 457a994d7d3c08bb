//! `splitsim model eval` through the program itself: figures, data sets, and resuming after an interruption.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use splitsim_truth::DepthErrors;
use support::{Workplace, halve};

/// The figures of a task.
fn figures(json: &Value, task: &str) -> Value {
    json["tasks"][task].clone()
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn every_task_has_its_figures() {
    let place = Workplace::new();
    let json = place
        .splitsim("model eval --model model --source scenes:4:3 --batch 2 --json")
        .json();
    let number = |task: &str, name: &str| figures(&json, task)[name].as_f64().unwrap();
    assert!(number("cls", "top1_percent") <= number("cls", "top5_percent"));
    for name in ["miou_percent", "image_miou_percent"] {
        assert!((0.0..=100.0).contains(&number("seg", name)), "{name}");
    }
    for name in DepthErrors::NAMES {
        assert!(number("dpt", name) >= 0.0, "{name}");
    }
    for task in ["cls", "seg", "dpt"] {
        assert_eq!(number(task, "images"), 3.0);
    }
    let text = place
        .splitsim("model eval --model model --source scenes:4:3 --task dpt --limit 1")
        .ok();
    assert!(text.contains("of 1 pictures"), "{text}");
    assert!(text.contains("rmse_log"), "{text}");
}

#[test]
fn a_record_that_was_cut_off_gives_the_same_figures_and_records() {
    let place = Workplace::new();
    let eval = "model eval --model model --source scenes:4:4 --batch 2 --json --out";
    let whole = place.splitsim(&format!("{eval} whole")).json();
    place.splitsim(&format!("{eval} cut --limit 3")).ok();
    for task in ["cls", "seg", "dpt"] {
        let cut = place.path(&format!("cut/{task}.jsonl"));
        let bytes = std::fs::read(&cut).unwrap();
        // Inside the last record: its batch of two is no longer whole.
        std::fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    }
    assert_eq!(place.splitsim(&format!("{eval} cut")).json(), whole);
    for task in ["cls", "seg", "dpt"] {
        let read = |dir: &str| std::fs::read(place.path(&format!("{dir}/{task}.jsonl"))).unwrap();
        assert!(read("cut") == read("whole"), "{task}");
    }
    place
        .splitsim("model eval --model model --source scenes:4:4 --out whole")
        .failed(2, &["whole/cls.jsonl", "begun with"]);
}

#[test]
fn a_killed_evaluation_goes_on_to_the_same_figures() {
    let place = Workplace::new();
    let eval = "model eval --model model --source scenes:4:40 --task cls --json --out";
    let whole = place.splitsim(&format!("{eval} whole")).json();
    let mut running = Command::new(env!("CARGO_BIN_EXE_splitsim"))
        .args(format!("{eval} killed").split_whitespace())
        .current_dir(place.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let journal = place.path("killed/cls.jsonl");
    while lines(&journal) < 3 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(lines(&journal) >= 3, "it wrote nothing in a minute");
    assert_eq!(place.splitsim(&format!("{eval} killed")).json(), whole);
    assert_eq!(
        std::fs::read(journal).unwrap(),
        std::fs::read(place.path("whole/cls.jsonl")).unwrap()
    );
}

/// Rendered scenes as a labelled folder.
fn labelled_scenes(place: &Workplace, count: usize) {
    place
        .splitsim(&format!("scenes render --count {count} --seed 4 --out s"))
        .ok();
    let mut labels = String::new();
    for index in 0..count {
        let text = std::fs::read_to_string(place.path(&format!("s/{index:06}.json"))).unwrap();
        let scene: Value = serde_json::from_str(&text).unwrap();
        let class = scene["class"].as_u64().unwrap();
        writeln!(labels, "{index:06}.png scene {class}").unwrap();
        let picture = format!("data/{index:06}.png");
        std::fs::create_dir_all(place.path("data")).unwrap();
        std::fs::copy(
            place.path(&format!("s/{index:06}.png")),
            place.path(&picture),
        )
        .unwrap();
    }
    std::fs::write(place.path("data/labels.txt"), labels).unwrap();
}

#[test]
fn a_labelled_folder_gives_the_figures_of_its_scenes() {
    let place = Workplace::new();
    labelled_scenes(&place, 3);
    let eval = |source: &str| {
        let line = format!("model eval --model model --source {source} --task cls --json");
        place.splitsim(&line)
    };
    let scenes = figures(&eval("scenes:4:3").json(), "cls");
    assert_eq!(figures(&eval("imagenet:data").json(), "cls"), scenes);
    // Only the task that the data set knows the truth of is evaluated.
    let all = place
        .splitsim("model eval --model model --source imagenet:data --json")
        .json();
    assert_eq!(all["tasks"].as_object().unwrap().len(), 1);
    place
        .splitsim("model eval --model model --source imagenet:data --task seg")
        .failed(2, &["imagenet:data: no ground truth for seg", "voc:DIR"]);
    place
        .splitsim("model eval --model model --source folder:data")
        .failed(2, &["no ground truth for any task"]);
}

#[test]
fn a_picture_that_cannot_be_judged_does_not_stop_the_others() {
    let place = Workplace::new();
    labelled_scenes(&place, 3);
    let picture = place.path("data/000001.png");
    let good = std::fs::read(&picture).unwrap();
    halve(&picture);
    let eval = "model eval --model model --source imagenet:data --json --batch 2 --out o";
    let ran = place.splitsim(eval);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(figures(&json, "cls")["images"], 2);
    ran.failed(1, &["000001.png: not a readable image"]);
    std::fs::write(&picture, good).unwrap();
    let mended = figures(&place.splitsim(eval).json(), "cls");
    assert_eq!(mended["images"], 3);
    assert_eq!(mended["problems"].as_array().unwrap().len(), 0);
}
