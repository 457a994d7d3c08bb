//! `splitsim run` from a scenario file to results, over real QUIC, with random weights.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::io::{BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use splitsim_results::{Store, Summary};
use support::{Workplace, fake_ffmpeg, signal, up_to};

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
    let mut running = Command::new(env!("CARGO_BIN_EXE_splitsim"))
        .args(["run", "small.toml"])
        .args(settings)
        .current_dir(place.path("."))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
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
    let interrupt = Command::new("kill")
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

/// `splitsim` in the folder of `place`, beside this process.
fn beside(place: &Workplace, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitsim"));
    command
        .args(words)
        .current_dir(place.path("."))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

#[test]
fn a_run_that_nobody_listens_to_leaves_all_its_files() {
    /// A pipe whose reader is gone.
    fn unread() -> Stdio {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer.into()
    }
    let place = place();
    let mut run = beside(&place, &["run", "small.toml", "--log", "trace"]);
    run.args(["--set", "frames=1", "--set", "tasks=[\"cls\"]"]);
    let status = run.stdout(unread()).stderr(unread()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    for file in ["report.html", "summary.json", "results.sqlite"] {
        assert!(place.path("out/small").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_signal_while_the_model_loads_ends_with_an_exit_code() {
    let place = place();
    for words in [
        &["run", "small.toml"][..],
        &[
            "model",
            "eval",
            "--model",
            "model",
            "--source",
            "scenes:4:1",
            "--task",
            "cls",
        ],
    ] {
        for name in ["TERM", "INT"] {
            let mut command = beside(&place, words);
            command.args(["--log", "splitsim_cli=debug"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            let mut program = command.spawn().unwrap();
            let mut said = BufReader::new(program.stderr.take().unwrap());
            up_to(&mut said, "listening for signals");
            signal(&program, name);
            let mut rest = String::new();
            said.read_to_string(&mut rest).unwrap();
            let status = program.wait().unwrap();
            assert_eq!((status.signal(), status.code()), (None, Some(1)), "{rest}");
            assert!(rest.contains("interrupted"), "{rest}");
        }
    }
}

#[test]
fn a_second_interrupt_ends_a_run_at_once() {
    let place = place();
    // An encoder that takes its time: the run waits for it when it is asked to end.
    let ffmpeg = fake_ffmpeg(&place, "exec sleep 60");
    let mut command = beside(&place, &["run", "small.toml", "--set", "frames=1"]);
    command.env("SPLITSIM_FFMPEG", ffmpeg);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let calls = || std::fs::read_to_string(place.path("calls")).unwrap_or_default();
    let is_work = |call: &str| !call.contains("-h encoder=") && call != "-version";
    while !calls().lines().any(is_work) {
        assert_eq!(program.try_wait().unwrap(), None, "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut said = BufReader::new(program.stderr.take().unwrap());
    signal(&program, "INT");
    up_to(&mut said, "once more to end at once");
    signal(&program, "INT");
    up_to(&mut said, "ended at once");
    assert_eq!(program.wait().unwrap().code(), Some(1));
}

#[test]
fn several_files_are_validated_one_by_one() {
    let place = place();
    let write = |name: &str, text: &str| std::fs::write(place.path(name), text).unwrap();
    write("Cargo.toml", "[package]\nname = \"mine\"\n");
    write("other.toml", &SCENARIO.replace("\"small\"", "\"other\""));
    let said = place
        .splitsim("validate Cargo.toml other.toml small.toml")
        .ok();
    let expected = [
        "Cargo.toml: skipped, no scenario: it has no policies",
        "other.toml: valid, 1 run",
        "small.toml: valid, 1 run",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    // One that is wrong does not hide the others.
    write("other.toml", &SCENARIO.replace("frames = 2", "frames = -2"));
    place
        .splitsim("validate Cargo.toml other.toml small.toml")
        .failed(
            2,
            &[
                "1 of 3 files are invalid",
                "other.toml: invalid: ",
                "small.toml: valid, 1 run",
            ],
        );
    place
        .splitsim("validate Cargo.toml")
        .failed(2, &["Cargo.toml"]);
}

#[test]
fn a_sweep_is_validated_by_one_question_to_ffmpeg() {
    let place = place();
    let sweep = format!("sweep.seed = [1, 2, 3]\nsweep.frames = [1, 2]\n{SCENARIO}");
    std::fs::write(place.path("sweep.toml"), sweep).unwrap();
    let ffmpeg = fake_ffmpeg(&place, "exec $real \"$@\"");
    let said = place
        .splitsim_in(
            &[("SPLITSIM_FFMPEG", ffmpeg.to_str().unwrap())],
            "validate sweep.toml",
        )
        .ok();
    assert!(said.contains("sweep.toml: valid, 6 runs"), "{said}");
    let calls = std::fs::read_to_string(place.path("calls")).unwrap();
    let asked = calls.lines().filter(|call| call.contains("-h encoder="));
    assert_eq!(asked.count(), 1, "{calls}");
}
