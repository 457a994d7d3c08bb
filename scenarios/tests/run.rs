//! `splitsim run` from a scenario file to results, over real QUIC, with random weights.

#![allow(
    clippy::disallowed_methods,
    reason = "tests make and read files of their own"
)]
#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use splitsim_results::{Store, Summary};
use support::Workplace;

const SCENARIO: &str = r#"
name = "small"
model = "model"
frames = 2
range = "feature"
metrics = ["mse"]
[thresholds.cosine]
cls = 0.9999999
seg = -1.0
dpt = -1.0
[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
[[policies]]
name = "rich"
kind = "always"
level = "richest"
"#;

fn place() -> Workplace {
    let place = Workplace::new();
    std::fs::write(place.path("small.toml"), SCENARIO).unwrap();
    place
}

#[test]
fn a_scenario_leaves_results_that_add_up() {
    let place = place();
    let json = place.splitsim("run small.toml --json").json();
    let groups = json["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 6, "two policies by three tasks");
    for group in groups {
        assert_eq!(group["frames"], 2, "{group}");
        assert_eq!(group["frames_settled"], 2, "{group}");
        assert_eq!(group["frames_with_distortion"], 2, "{group}");
        assert!(group["latency"]["end_to_end"]["p50_ms"].as_f64().unwrap() > 0.0);
    }
    let of = |task: &str, run: &str| {
        let wanted = |group: &&serde_json::Value| group["task"] == task && group["run_id"] == run;
        groups.iter().find(wanted).unwrap()
    };
    // An unreachable threshold climbs to the end; one that everything passes stays at the cheapest.
    assert_eq!(of("cls", "small-gate")["attempts_mean"], 3.0);
    assert_eq!(of("cls", "small-gate")["best_effort_percent"], 100.0);
    assert_eq!(of("seg", "small-gate")["attempts_mean"], 1.0);
    assert_eq!(of("seg", "small-gate")["threshold"], -1.0);
    let bytes = |run| of("seg", run)["container_bytes_mean"].as_f64().unwrap();
    assert!(bytes("small-gate") < bytes("small-rich"));

    let out = place.path("out/small");
    let written = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, json);
    let resolved = std::fs::read_to_string(out.join("scenario.resolved.toml")).unwrap();
    let runs = Store::open(&out.join(Store::FILE_NAME))
        .unwrap()
        .runs()
        .unwrap();
    assert!(
        runs.iter()
            .all(|run| run.seed == 4 && run.scenario == resolved)
    );
    let resolved: toml::Table = resolved.parse().unwrap();
    assert_eq!(
        resolved["threads"].as_integer().map(|threads| threads > 0),
        Some(true)
    );
    assert!(
        resolved["provenance"]["ffmpeg"]
            .as_str()
            .unwrap()
            .starts_with("ffmpeg version")
    );
    assert_ne!(resolved["provenance"]["libtorch"].as_str(), Some("unknown"));

    replaced_when_run_again(&place);
    gone_on_with_when_unfinished(&place);
    refused_for_another_scenario(&place);
    repeated_by_its_resolved_scenario(&place);
}

fn received(place: &Workplace) -> Vec<String> {
    let store = Store::open(&place.path("out/small/results.sqlite")).unwrap();
    let frames = store.frames().unwrap();
    frames
        .into_iter()
        .map(|logged| logged.frame.received_at)
        .collect()
}

fn replaced_when_run_again(place: &Workplace) {
    let before = received(place);
    place
        .splitsim("run small.toml")
        .failed(2, &["has all results", "--out", "--force", "--resume"]);
    place.splitsim("run small.toml --resume").ok();
    assert_eq!(received(place), before);
    let text = place.splitsim("run small.toml --force").ok();
    assert!(
        text.contains("classification") && text.contains("results: out/small"),
        "{text}"
    );
    let after = received(place);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|time| !before.contains(time)));
}

/// As after a crash between two edges: one edge's journal and its frames are gone.
fn gone_on_with_when_unfinished(place: &Workplace) {
    let out = place.path("out/small");
    let before = received(place);
    std::fs::remove_dir_all(out.join("edges/rich/dpt")).unwrap();
    let database = rusqlite::Connection::open(out.join("results.sqlite")).unwrap();
    database.pragma_update(None, "foreign_keys", true).unwrap();
    let wanted = "SELECT frame_key FROM frames JOIN runs USING (run_key)
        WHERE run_id = 'small-rich' AND edge_id = 'dpt'";
    for table in ["attempts", "distortions", "stages", "frames"] {
        let delete = format!("DELETE FROM {table} WHERE frame_key IN ({wanted})");
        database.execute(&delete, []).unwrap();
    }
    drop(database);
    place.splitsim("run small.toml").ok();
    let after = received(place);
    assert_eq!(after.len(), before.len());
    let kept = after.iter().filter(|time| before.contains(time)).count();
    assert_eq!(kept, before.len() - 2, "only two frames were made again");
}

fn refused_for_another_scenario(place: &Workplace) {
    let before = received(place);
    place
        .splitsim("run small.toml --set frames=3")
        .failed(2, &["out/small", "differs in: frames", "--out", "--force"]);
    assert_eq!(received(place), before);
    let forced = "run small.toml --set frames=1 --set tasks=[\"cls\"] --force";
    place.splitsim(forced).ok();
    assert_eq!(
        received(place).len(),
        2,
        "one frame of one task under two policies"
    );
}

fn repeated_by_its_resolved_scenario(place: &Workplace) {
    place
        .splitsim("run out/small/scenario.resolved.toml --out again")
        .ok();
    let bytes = |out: &str| {
        let summary = Summary::of_file(&place.path(out).join(Store::FILE_NAME)).unwrap();
        let groups = summary.groups.iter();
        groups
            .map(|group| group.container_bytes_mean)
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes("again"), bytes("out/small"));
}

#[test]
fn what_is_no_scenario_is_refused_before_any_work() {
    let place = place();
    let refused = |further: &str, parts: &[&str]| {
        let line = format!("run small.toml {further}");
        place.splitsim(&line).failed(2, parts);
    };
    refused(
        "--set frmes=3",
        &["unknown key 'frmes'; the nearest known key is 'frames'"],
    );
    refused(
        "--set codec-time-limit=60",
        &["--set codec-time-limit=60", "codec-time-limit"],
    );
    refused(
        "--set policies.rich.level=3",
        &["small.toml", "policy 'rich' for cls", "rung 3 is beyond"],
    );
    refused(
        "--set thresholds.cosine.cls=95",
        &["95 is no score of cosine"],
    );
    refused(
        "--set model=nowhere",
        &["scenario small.toml", "no model package 'nowhere'"],
    );
    let text = SCENARIO.replace("kind = \"always\"", "kind = \"always\"\nlevl = 2");
    std::fs::write(place.path("wrong.toml"), text).unwrap();
    place.splitsim("run wrong.toml").failed(
        2,
        &["wrong.toml: unknown key 'policies[1].levl'; the nearest known key is 'level'"],
    );
    place
        .splitsim("run missing.toml")
        .failed(2, &["missing.toml: No such file"]);
    std::fs::create_dir(place.path("mine")).unwrap();
    std::fs::write(place.path("mine/notes.txt"), "mine").unwrap();
    refused("--out mine --force", &["mine is not empty", "notes.txt"]);
    support::halve(&place.path("model/heads/seg.safetensors"));
    refused("", &["seg.safetensors", "not a readable safetensors file"]);
    assert!(!place.path("out").exists(), "nothing was made");
}

#[test]
fn pictures_without_truth_are_shipped_all_the_same() {
    let place = place();
    place
        .splitsim("scenes render --count 2 --seed 4 --out s")
        .ok();
    let pictures = place.path("pictures");
    std::fs::create_dir(&pictures).unwrap();
    std::fs::copy(place.path("s/000000.png"), pictures.join("a.png")).unwrap();
    std::fs::write(pictures.join("b.png"), "no pixels").unwrap();
    let text = SCENARIO.replace("frames = 2", "images = \"pictures\"");
    std::fs::write(place.path("small.toml"), text).unwrap();
    let ran = place.splitsim("run small.toml --set tasks=[\"cls\"] --json");
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["groups"][0]["frames"], 1);
    assert!(json["groups"][0]["distortion"].is_null());
    assert!(json["groups"][0]["feature_mse_mean"].as_f64().unwrap() > 0.0);
    ran.failed(
        1,
        &[
            "2 frames are missing",
            "gate cls",
            "b.png: not a readable image",
        ],
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_what_is_done_and_is_gone_on_with() {
    let place = place();
    let settings = ["--set", "frames=40", "--set", "tasks=[\"cls\"]"];
    let mut running = std::process::Command::new(env!("CARGO_BIN_EXE_splitsim"))
        .args(["run", "small.toml"])
        .args(settings)
        .current_dir(place.path("."))
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let results = place.path("out/small/results.sqlite");
    let recorded = || {
        let frames = Store::open(&results).and_then(|store| store.frames());
        frames.map_or(0, |frames| frames.len())
    };
    while recorded() < 2 {
        assert_eq!(running.try_wait().unwrap(), None, "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &running.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(1));
    let before = received(&place);
    let kept = before.len();
    assert!((2..40).contains(&kept), "{kept}");
    let summary = std::fs::read_to_string(place.path("out/small/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["groups"][0]["frames"], kept);

    place.splitsim_with("run small.toml", &settings).ok();
    let after = received(&place);
    assert_eq!(after.len(), 80, "forty frames under two policies");
    assert!(before.iter().all(|time| after.contains(time)));
}
