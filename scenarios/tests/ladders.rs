//! Recorded ladders, against what live edges did with the same frames.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use splitsim_edge::read_decisions;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_policy::{Decision, LadderLen, PolicyConfig, Rung, replay as put_again};
use splitsim_replay::{Level, Recording, Uplink, replay};
use support::Workplace;

/// Thresholds that lie within the spread of the ladder, so that frames differ in what they need.
const SCENARIO: &str = r#"
name = "small"
model = "model"
frames = 3
tasks = ["cls"]
range = "feature"
metrics = ["mse"]
[thresholds.cosine]
cls = 0.9
[[policies]]
name = "threshold"
kind = "threshold"
metric = "cosine"
start = "last"
margin = 0.01
[[policies]]
name = "bisect"
kind = "bisect"
metric = "cosine"
[[policies]]
name = "predictive"
kind = "predictive"
metric = "cosine"
[[policies]]
name = "deadline"
kind = "deadline"
metric = "cosine"
deadline = "2 s"
[[policies]]
name = "budget"
kind = "budget"
metric = "cosine"
rate = "1 kB/s"
burst = "4 kB"
[[policies]]
name = "always"
kind = "always"
level = 1
"#;

const REPLAY: &str = "
[replay]
rate = '1 Mbit/s'
rtt = '40 ms'
limits.cls = 0
";

fn place() -> Workplace {
    let place = Workplace::new();
    std::fs::write(place.path("small.toml"), SCENARIO).unwrap();
    std::fs::write(place.path("replay.toml"), format!("{SCENARIO}{REPLAY}")).unwrap();
    place
}

fn configs() -> Vec<(&'static str, PolicyConfig)> {
    [
        ("threshold", "threshold:cosine>=0.9,start=last,margin=0.01"),
        ("bisect", "bisect:cosine>=0.9"),
        ("predictive", "predictive:cosine>=0.9"),
        ("deadline", "deadline:cosine>=0.9,by=2s"),
        ("budget", "budget:cosine>=0.9,rate=1kB/s,burst=4kB"),
        ("always", "always:1"),
    ]
    .map(|(name, text)| (name, text.parse().unwrap()))
    .to_vec()
}

#[test]
fn replayed_decisions_are_those_of_live_edges() {
    let place = place();
    place
        .splitsim("run small.toml --set record-ladders=true")
        .ok();
    let recording = Recording::read(&place.path("out/small/ladders/cls.parquet")).unwrap();
    assert_eq!((recording.frames().len(), recording.ladder().get()), (3, 3));
    let uplink = Uplink {
        rate: BitRate(1_000_000),
        rtt: Duration::from_millis(40),
        interval: None,
    };
    for (name, config) in configs() {
        let edge = place.path(&format!("out/small/edges/{name}/cls"));
        let live = read_decisions(&edge).unwrap();
        assert_eq!(live.len(), 3, "{name}");

        // The same inputs: time and link, too, are as the edge knew them.
        let mut fresh = config.resolve(LadderLen::new(3).unwrap()).unwrap();
        assert_eq!(put_again(&mut fresh, &live), Ok(()), "{name}");

        // What an attempt gives is in the recording to the byte and the last bit of the score.
        for frame in &live {
            let recorded = &recording.frames()[usize::try_from(frame.frame).unwrap()];
            for attempt in &frame.attempts {
                let again = recorded.attempt(attempt.rung, Some("cosine")).unwrap();
                let bytes = |a: &splitsim_policy::Attempt| a.coded().map(|coded| coded.container);
                assert_eq!(bytes(&again), bytes(attempt), "{name}");
                if attempt.score().is_some() {
                    assert_eq!(again.score(), attempt.score(), "{name}");
                }
            }
        }

        // Policies that reckon with neither time nor link decide over the recording as they did live.
        if ["deadline", "budget"].contains(&config.kind().name) {
            continue;
        }
        let mut fresh = config.resolve(recording.ladder()).unwrap();
        let replayed = replay(&recording, &mut fresh, &uplink).unwrap();
        let told = |attempts: &[splitsim_policy::Attempt], end: Decision| {
            let rungs: Vec<Rung> = attempts.iter().map(|attempt| attempt.rung).collect();
            (rungs, end)
        };
        for (frame, replayed) in live.iter().zip(&replayed) {
            let decided = &replayed.decided;
            assert_eq!(
                told(&decided.attempts, decided.end),
                told(&frame.attempts, frame.end),
                "{name}, frame {}",
                frame.frame
            );
        }
    }
}

#[test]
fn a_study_records_once_and_ranks_every_policy() {
    let place = place();
    let oracle = "[[policies]]\nname = 'oracle'\nkind = 'oracle'\n";
    let text = format!("{SCENARIO}{oracle}{REPLAY}");
    std::fs::write(place.path("replay.toml"), text).unwrap();
    let json = place.splitsim("run replay.toml --json").json();
    let task = &json["tasks"][0];
    assert_eq!((&task["frames"], &task["limit"]), (&3.into(), &0.0.into()));
    let contenders = task["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 7);
    let oracle = contenders.iter().find(|one| one["name"] == "oracle");
    let oracle = oracle.unwrap();
    assert_eq!(oracle["deployable"], false);
    assert_eq!(oracle["regret"]["bytes_mean"], 0.0);
    for one in contenders {
        assert!(
            one["regret"]["bytes_mean"].as_f64().unwrap() >= 0.0,
            "{one}"
        );
    }
    for file in COMPARED {
        assert!(place.path("out/small").join(file).exists(), "{file}");
    }
    // The same page again, from the folder alone.
    let page =
        |folder: &str| std::fs::read_to_string(place.path(folder).join("report.html")).unwrap();
    let first = page("out/small");
    assert!(first.contains("Replay small") && first.contains("oracle (not deployable)"));
    let report = place.splitsim("report out/small --json").json();
    assert_eq!(report["bytes"], first.len());
    assert!(
        page("out/small") == first,
        "the report differs from that of the run"
    );

    // Over the same recording, on another link: nothing is coded again, so no codec is needed.
    let compare = "policies compare out/small/ladders --scenario replay.toml --json";
    let again = place.splitsim(compare).json();
    assert_eq!(again, json);
    let slower = format!("{compare} --set replay.rate=100kbit/s --out slower");
    let json = place.splitsim(&slower).json();
    assert_eq!(json["rate_bits_per_second"], 100_000);
    for file in COMPARED {
        assert!(place.path("slower").join(file).exists(), "{file}");
    }
    assert!(page("slower").contains("The link has 100 kbit/s"));

    // Such a folder is told without the model, and the recording that was compared.
    splitsim_durable::rename(&place.path("model"), &place.path("elsewhere")).unwrap();
    splitsim_durable::rename(&place.path("out"), &place.path("away")).unwrap();
    let first = page("slower");
    let line = "export slower --format csv --out tables --json";
    let files = place.splitsim(line).json();
    let rows = ["policies", "frames", "ladder-cls"].map(|name| {
        let path = format!("tables/{name}.csv");
        let files = files["files"].as_array().unwrap();
        let file = files.iter().find(|one| one["file"] == *path).unwrap();
        let text = std::fs::read_to_string(place.path(&path)).unwrap();
        assert_eq!(file["rows"], text.lines().count() - 1);
        text.lines().count() - 1
    });
    // Seven policies over three frames of three levels.
    assert_eq!(rows, [7, 21, 9]);
    place.splitsim("report slower --out told.html").ok();
    assert!(std::fs::read_to_string(place.path("told.html")).unwrap() == first);
    let line = "report slower --limit cls=3 --out told.html";
    place
        .splitsim(line)
        .failed(2, &["told.html exists", "--out", "--force"]);
    place.splitsim(&format!("{line} --force")).ok();
    let other = std::fs::read_to_string(place.path("told.html")).unwrap();
    assert!(other.contains("cls 3 instead of 0 ranks") && other.contains("limit 3 ranks"));
    place
        .splitsim("report slower --limit seg=3")
        .failed(2, &["a limit for seg"]);
}

/// The files that a comparison leaves.
const COMPARED: [&str; 6] = [
    "policies.json",
    "policies.csv",
    "policies.txt",
    "report.html",
    "scenario.resolved.toml",
    "ladders/cls.parquet",
];

#[test]
fn a_comparison_replaces_nothing_of_another_scenario() {
    let place = place();
    place.splitsim("ladder record small.toml --out of").ok();
    place
        .splitsim("report of")
        .failed(2, &["of/policies.json: no policies have been compared"]);
    let compare = "policies compare of/ladders --scenario replay.toml --out";
    place.splitsim(&format!("{compare} of")).failed(
        2,
        &[
            "another scenario",
            "differs in: record-ladders, replay; choose another --out",
        ],
    );
    place.splitsim(&format!("{compare} to")).ok();
    let recorded = || std::fs::read(place.path("to/ladders/cls.parquet")).unwrap();
    let before = recorded();
    place.splitsim(&format!("{compare} to")).ok();
    place
        .splitsim(&format!("{compare} to --set replay.rate=2Mbit/s"))
        .failed(2, &["differs in: replay; choose another --out"]);
    // The same scenario over another recording of it.
    let path = place.path("of/ladders/cls.parquet");
    let whole = Recording::read(&path).unwrap();
    let part = Recording::new(whole.identity().clone(), whole.frames()[..2].to_vec());
    part.unwrap().write(&path).unwrap();
    place
        .splitsim(&format!("{compare} to"))
        .failed(2, &["to/ladders/cls.parquet is another recording"]);
    assert_eq!(recorded(), before);
}

#[test]
fn a_recording_gone_on_with_is_like_one_made_at_once() {
    let place = place();
    place.splitsim("ladder record small.toml --out once").ok();
    place
        .splitsim("ladder record small.toml --out once")
        .failed(2, &["once has all results", "--out", "--force"]);
    let path = place.path("once/ladders/cls.parquet");
    let whole = Recording::read(&path).unwrap();
    let part = Recording::new(whole.identity().clone(), whole.frames()[..1].to_vec());
    part.unwrap().write(&path).unwrap();
    place.splitsim("ladder record small.toml --out once").ok();
    let again = Recording::read(&path).unwrap();
    assert_eq!(again.frames().len(), 3);
    assert_eq!(again.frames()[0], whole.frames()[0], "kept, not made again");
    let timeless = |recording: &Recording| -> Vec<(u64, Bytes, Option<f64>)> {
        let frames = recording.frames().iter();
        frames
            .flat_map(|frame| {
                frame.levels.iter().map(|level| match level {
                    Level::Coded {
                        container,
                        distortion,
                        ..
                    } => (frame.frame, *container, *distortion),
                    Level::Failed { reason, .. } => panic!("{reason}"),
                })
            })
            .collect()
    };
    assert_eq!(timeless(&again), timeless(&whole));
}

#[test]
fn recordings_of_something_else_are_refused() {
    let place = place();
    place.splitsim("ladder record small.toml --out of").ok();
    let refused = |further: &str, parts: &[&str]| {
        let line = format!("policies compare of/ladders --scenario replay.toml {further}");
        place.splitsim(&line).failed(2, parts);
    };
    refused(
        "--set range=package",
        &["another value range", "record again"],
    );
    refused(
        "--set thresholds.cka.cls=0.9 --set policies.bisect.metric=cka",
        &["decides by cka", "record with it"],
    );
    place
        .splitsim("policies compare model --scenario replay.toml")
        .failed(2, &["model has no recordings", "splitsim ladder record"]);
    place
        .splitsim("policies compare of/ladders --scenario small.toml")
        .failed(2, &["no [replay]"]);
    // The same folder and name, another ladder: its digest says that it is another model.
    let manifest = place.path("model/model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("22.0"), "{text}");
    std::fs::write(&manifest, text.replace("22.0", "23.0")).unwrap();
    refused("", &["another model", "record again"]);
    place
        .splitsim("ladder record small.toml --out of")
        .failed(2, &["results of another scenario or model"]);
}
