//! Sweeps from a scenario file to `sweep.json`, each point a process of its own.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use splitsim_results::{LoggedFrame, Store};
use support::Workplace;

/// One policy and one task, so that a point takes a second.
const SCENARIO: &str = r#"
name = "grid"
model = "model"
tasks = ["cls"]
range = "feature"
metrics = ["mse"]
[[policies]]
name = "cheap"
kind = "always"
level = "cheapest"
"#;

fn place(before: &str) -> Workplace {
    let place = Workplace::new();
    std::fs::write(place.path("grid.toml"), format!("{before}\n{SCENARIO}")).unwrap();
    place
}

fn ledger(place: &Workplace) -> Option<Value> {
    let text = std::fs::read_to_string(place.path("out/grid/sweep.json")).ok()?;
    serde_json::from_str(&text).ok()
}

fn states(ledger: &Value) -> Vec<&str> {
    let points = ledger["points"].as_array().unwrap().iter();
    points
        .map(|point| point["state"].as_str().unwrap())
        .collect()
}

fn frames(place: &Workplace, folder: &str) -> Vec<LoggedFrame> {
    let store = Store::open(&place.path(folder).join(Store::FILE_NAME)).unwrap();
    store.frames().unwrap()
}

fn received(place: &Workplace, slug: &str) -> Vec<String> {
    let frames = frames(place, &format!("out/grid/points/{slug}")).into_iter();
    frames.map(|logged| logged.frame.received_at).collect()
}

#[test]
fn a_point_that_fails_is_recorded_with_its_reason_and_the_others_go_on() {
    let place = place("sweep.images = ['good', 'bad', 'fine']");
    place
        .splitsim("scenes render --count 1 --seed 4 --out scenes")
        .ok();
    let picture = place.path("scenes/000000.png");
    for folder in ["good", "bad", "fine"] {
        std::fs::create_dir(place.path(folder)).unwrap();
        let there = place.path(folder).join("a.png");
        match folder {
            "bad" => std::fs::write(there, "no pixels").unwrap(),
            _ => drop(std::fs::copy(&picture, there).unwrap()),
        }
    }
    let ran = place.splitsim("run grid.toml --json");
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    ran.failed(1, &["of 3 points 1 failed", "the same command goes on"]);
    let written = ledger(&place).unwrap();
    assert_eq!(printed, written);
    assert_eq!(states(&written), ["done", "failed", "done"]);
    let reason = written["points"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("a.png: not a readable image"), "{reason}");
    assert_eq!(written["points"][0]["values"]["images"], "good");
    assert_eq!(written["points"][2]["summary"]["groups"][0]["frames"], 1);
    let csv = std::fs::read_to_string(place.path("out/grid/sweep.csv")).unwrap();
    assert!(csv.starts_with("images,point.slug,point.state"), "{csv}");
    assert!(csv.contains("\nbad,images_bad,failed"), "{csv}");
    told_unfinished(&place);

    let before = received(&place, "images_good");
    std::fs::copy(&picture, place.path("bad/a.png")).unwrap();
    let text = place.splitsim("run grid.toml").ok();
    assert!(
        text.contains("images") && text.contains("results: out/grid"),
        "{text}"
    );
    assert_eq!(states(&ledger(&place).unwrap()), ["done"; 3]);
    assert_eq!(received(&place, "images_good"), before, "done is done");
    assert_eq!(received(&place, "images_bad").len(), 1);
}

/// Report and tables of a sweep whose second point failed.
fn told_unfinished(place: &Workplace) {
    let page = std::fs::read_to_string(place.path("out/grid/report.html")).unwrap();
    let said = place.splitsim("report out/grid --out told.html").ok();
    assert!(said.contains("2 of 3 points are done, 1 failed"), "{said}");
    let elsewhere = std::fs::read_to_string(place.path("told.html")).unwrap();
    for page in [&page, &elsewhere] {
        for part in [
            "This sweep is not finished: 2 of 3 points are done, 1 failed.",
            "Missing in the figures: images_bad.",
            "a.png: not a readable image",
            "Over images",
            "points/images_good/report.html",
        ] {
            assert!(page.contains(part), "no '{part}'");
        }
    }
    assert!(page.contains("href=\"points/images_good/report.html\""));
    place
        .splitsim("export out/grid --format csv --out tables")
        .ok();
    let csv = std::fs::read_to_string(place.path("tables/sweep.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 4, "{csv}");
    assert!(rows[0].starts_with("images,point,state,reason,task,policy,frames_arrived,"));
    assert!(
        rows[1].starts_with("good,images_good,done,,cls,cheap,1,0,0,"),
        "{csv}"
    );
    assert!(rows[2].starts_with("bad,images_bad,failed,"), "{csv}");
    place
        .splitsim("export out/grid --format parquet --out tables")
        .ok();
    let table = splitsim_table::read_parquet(&place.path("tables/sweep.parquet")).unwrap();
    assert_eq!(
        table.ints("frames_arrived").unwrap(),
        [Some(1), Some(0), Some(1)]
    );
}

#[test]
fn swept_values_with_a_unit_are_numbers_in_one_unit() {
    let place = place("frames = 1\nsweep.transport.initial-window = ['120 kB', '12000 B']");
    place.splitsim("run grid.toml").ok();
    place
        .splitsim("export out/grid --format parquet --out tables")
        .ok();
    let table = splitsim_table::read_parquet(&place.path("tables/sweep.parquet")).unwrap();
    let windows = table.floats("transport.initial-window_bytes").unwrap();
    assert_eq!(windows, [Some(120_000.0), Some(12_000.0)]);
    // A sweep that was killed while its first point ran.
    let path = place.path("out/grid/sweep.json");
    let ledger = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, ledger.replace("\"done\"", "\"waiting\"")).unwrap();
    let said = place.splitsim("report out/grid").ok();
    assert!(
        said.contains("2 of 2 points are done"),
        "what is whole is done: {said}"
    );
    std::fs::remove_dir_all(place.path("out/grid/points/initial-window_12000-B")).unwrap();
    let said = place.splitsim("report out/grid").ok();
    assert!(
        said.contains("1 of 2 points are done, 1 not begun or not finished"),
        "{said}"
    );
    std::fs::remove_file(&path).unwrap();
    place
        .splitsim("report out/grid")
        .failed(2, &["has points of a sweep but no sweep.json"]);
}

/// A sweep under way in another process.
struct Running(Child);

impl Running {
    fn start(place: &Workplace) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_splitsim"))
            .args(["run", "grid.toml"])
            .current_dir(place.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Waits until frames of this point are in its results.
    fn reach(&mut self, place: &Workplace, slug: &str) {
        let results = place.path(&format!("out/grid/points/{slug}/results.sqlite"));
        let begun = || {
            let frames = Store::open(&results).and_then(|store| store.frames());
            frames.is_ok_and(|frames| !frames.is_empty())
        };
        while !begun() {
            assert_eq!(self.0.try_wait().unwrap(), None, "it ended too early");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        self.0.wait().unwrap().code()
    }
}

#[test]
fn an_interrupted_sweep_is_completed_by_the_same_command() {
    let place = place("frames = 12\nsweep.seed = [4, 5, 6]");
    let mut running = Running::start(&place);
    running.reach(&place, "seed_5");
    assert_eq!(running.end("-INT"), Some(1));
    let interrupted = ledger(&place).unwrap();
    assert_eq!(states(&interrupted)[0], "done");
    assert_eq!(states(&interrupted)[2], "waiting", "{interrupted}");
    let first = received(&place, "seed_4");
    assert_eq!(first.len(), 12);
    let second = received(&place, "seed_5");

    place.splitsim("run grid.toml").ok();
    let completed = ledger(&place).unwrap();
    assert_eq!(states(&completed), ["done"; 3]);
    assert_eq!(completed["mixed"], serde_json::json!([]));
    assert_eq!(received(&place, "seed_4"), first);
    let after = received(&place, "seed_5");
    assert_eq!(after.len(), 12);
    assert!(second.iter().all(|time| after.contains(time)));
    assert_eq!(received(&place, "seed_6").len(), 12);
}

#[test]
fn a_killed_sweep_leaves_no_process_behind_and_is_completed() {
    let place = place("frames = 12\nsweep.seed = [4, 5]");
    let mut running = Running::start(&place);
    running.reach(&place, "seed_4");
    assert_eq!(running.end("-KILL"), None);
    // The point ends with the sweep: nobody holds its folder.
    place.splitsim("run grid.toml").ok();
    assert_eq!(states(&ledger(&place).unwrap()), ["done"; 2]);
    for slug in ["seed_4", "seed_5"] {
        assert_eq!(received(&place, slug).len(), 12);
    }
}

#[test]
fn what_cannot_be_swept_is_refused_before_any_work() {
    let check = |before: &str, parts: &[&str]| {
        let place = place(before);
        place.splitsim("run grid.toml").failed(2, parts);
        place.splitsim("validate grid.toml").failed(2, parts);
        assert!(!place.path("out").exists(), "nothing was made");
    };
    check(
        "frames = 1\nsweep.sede = [1, 2]",
        &[
            "sweep.sede",
            "unknown key 'sede'; the nearest known key is 'seed'",
        ],
    );
    check(
        "frames = 1\nsweep.policies.cheap.levle = [0, 1]",
        &["unknown key 'policies[0].levle'; the nearest known key is 'level'"],
    );
    // One point of the grid does not suit the ladder.
    check(
        "frames = 1\nsweep.policies.cheap.level = [0, 9]",
        &["point level_9", "rung 9 is beyond"],
    );
}

#[test]
fn a_folder_has_one_sweep() {
    let place = place("frames = 1\nsweep.seed = [4]");
    place.splitsim("run grid.toml").ok();
    let other = "run grid.toml --set name=other --out out/grid";
    place
        .splitsim(other)
        .failed(2, &["out/grid has the sweep 'grid'", "another --out"]);
    let single = "run grid.toml --set sweep={} --out out/grid";
    place
        .splitsim(single)
        .failed(2, &["out/grid is not empty and has no results"]);
}

#[test]
fn runs_with_one_seed_are_identical_but_for_times() {
    let gate =
        "\n[[policies]]\nname = 'gate'\nkind = 'predictive'\nmetric = 'cosine'\nthreshold = 0.9";
    let place = place("frames = 4\nrepeats = 2");
    let text = std::fs::read_to_string(place.path("grid.toml")).unwrap();
    std::fs::write(place.path("grid.toml"), text + gate).unwrap();
    // Two at a time: neither load nor the other's results may matter.
    place.splitsim("run grid.toml --jobs 2").ok();
    let of = |slug: &str| {
        let frames = frames(&place, &format!("out/grid/points/{slug}"));
        let mut told: Vec<String> = frames.iter().map(without_times).collect();
        told.sort();
        told
    };
    let (one, two) = (of("repeat_1"), of("repeat_2"));
    assert_eq!(one.len(), 8, "four frames under two policies");
    assert_eq!(one, two);
}

/// Everything of a frame that must not depend on when it was made.
fn without_times(logged: &LoggedFrame) -> String {
    let frame = &logged.frame;
    let attempts = logged.attempts.iter().map(|attempt| {
        format!(
            "{} {} {:?} {:?} {:?}",
            attempt.level,
            attempt.label,
            attempt.payload_bytes,
            attempt.container_bytes,
            attempt.scores
        )
    });
    format!(
        "{:?} {} {:?} {} {:?} {:?} {}",
        frame.key,
        frame.source,
        frame.verdict,
        frame.shipped_level,
        frame.container_bytes,
        logged.distortion,
        attempts.collect::<Vec<_>>().join("; ")
    )
}
