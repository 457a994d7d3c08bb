use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use splitsim_feature::units::{BitRate, Bytes};
use splitsim_replay::{Contender, Identity, Level, RecordedFrame, Rules, Uplink, compare};
use tempfile::TempDir;

use super::*;

const GATE: &str = "threshold:cosine>=0.95";

fn level(bytes: u64, cosine: f64, distortion: f64) -> Level {
    Level::Coded {
        container: Bytes(bytes),
        encode: Duration::from_millis(20),
        decode: Duration::from_millis(8),
        score: Duration::from_millis(2),
        cloud: Duration::from_millis(15),
        scores: BTreeMap::from([("cosine".to_owned(), cosine)]),
        distortion: Some(distortion),
    }
}

/// Levels of 1, 2 and 4 kB: the first breaks every frame, the second every other one, although its
/// score passes; the third none.
fn recording(task: Task, frames: u64) -> Recording {
    let identity = Identity {
        model: "tiny-scenes".to_owned(),
        model_digest: "c0ffee".to_owned(),
        codec: "hevc".to_owned(),
        tables_digest: "tables".to_owned(),
        range: "package".to_owned(),
        task,
        source: format!("scenes:4:{frames}"),
        software: "0.1.0".to_owned(),
        levels: ["qp 40", "qp 30", "qp 20"].map(str::to_owned).to_vec(),
    };
    let frames = (0..frames).map(|frame| {
        let middle = if frame % 2 == 0 { 0.5 } else { 3.0 };
        RecordedFrame {
            frame,
            name: format!("scene-{frame}"),
            points: 8000,
            extract: Duration::from_millis(50),
            levels: vec![
                level(1000, 0.90, 9.0),
                level(2000, 0.96, middle),
                level(4000, 0.99, 0.25),
            ],
        }
    });
    Recording::new(identity, frames.collect()).unwrap()
}

fn rules() -> Rules {
    Rules {
        uplink: Uplink {
            rate: BitRate(1_000_000),
            rtt: Duration::from_millis(40),
            interval: None,
        },
        deadline: Some(Duration::from_millis(130)),
        permitted_violations: 0.05,
    }
}

fn oracle() -> Contender {
    let name = "oracle".to_owned();
    Contender::Oracle { name }
}

fn policy(name: &str, config: &str) -> Contender {
    Contender::Policy {
        name: name.to_owned(),
        config: config.parse().unwrap(),
    }
}

/// Writes what a replay leaves.
fn write(folder: &Path, recordings: &[Recording], contenders: &[Contender]) {
    let names = contenders.iter().map(|one| match one {
        Contender::Policy { name, .. } | Contender::Oracle { name } => name,
    });
    let policies: String = names
        .map(|name| format!("[[policies]]\nname = '{name}'\n"))
        .collect();
    let scenario = format!(
        "name = 'sample'\ndescription = 'policies <of> a sample'\ntasks = ['seg']\n{policies}\
         [provenance]\nsplitsim = '0.1.0'\nbegun-at = '2026-11-21T09:05:00Z'\n"
    );
    fs::write(folder.join(ResolvedScenario::FILE_NAME), scenario).unwrap();
    let ladders = folder.join(Recording::FOLDER);
    fs::create_dir(&ladders).unwrap();
    let compared = recordings.iter().map(|recording| {
        let task = recording.identity().task;
        recording
            .write(&ladders.join(Recording::file_name(task)))
            .unwrap();
        compare(recording, contenders, &rules(), 1.0).unwrap()
    });
    let comparison = Comparison::new(&rules(), compared.collect());
    let json = serde_json::to_string_pretty(&comparison).unwrap();
    fs::write(folder.join(Comparison::FILE_NAME), json).unwrap();
}

fn folder(contenders: &[Contender]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[recording(Task::Seg, 4)], contenders);
    dir
}

fn usual() -> [Contender; 4] {
    [
        oracle(),
        policy("gate", GATE),
        policy("cheapest", "always:cheapest"),
        policy("richest", "always:richest"),
    ]
}

fn html(folder: &Path, limits: &[(Task, f64)]) -> String {
    let replay = RecordedReplay::read(folder, limits).unwrap();
    replay.page().unwrap().render()
}

fn has(html: &str, parts: &[&str]) {
    for part in parts {
        assert!(html.contains(part), "no '{part}'");
    }
}

#[test]
fn a_replay_tells_everything() {
    let dir = folder(&usual());
    let html = html(dir.path(), &[]);
    has(
        &html,
        &[
            "Replay sample",
            "policies &#60;of&#62; a sample.",
            "Model tiny-scenes, codec hevc. Recorded at every level: seg 4 frames. Replayed: gate, \
             cheapest, richest, oracle. Begun 2026-11-21 09:05 UTC.",
            "The link has 1 Mbit/s and 40 ms of round trip",
            "more than 130 ms after its capture",
            // Without a violation the oracle needs 2 kB for half of the frames, 4 kB for the others.
            "Segmentation: richest comes nearest",
            "1.00 kB over the oracle",
            "4.00 kB per frame, where the oracle needs 3.00 kB for as many violations",
            "That is what the richest level costs.",
            "oracle (not deployable): 3.00 kB",
            "On the front: cheapest, gate, richest.",
            "Of 12 encodings 6 are accepted within the limit, 2 accepted over the limit, 0 refused \
             within the limit and 4 refused over the limit.",
            "threshold cosine 0.95; limit 1 mIoU points",
            "deadline 130 ms",
            "gate ✗",
            "oracle †",
            "policies.csv",
            "frames.csv",
            "ladder-seg.csv",
            "scenario.resolved.toml",
        ],
    );
    assert!(!html.contains("other figures") && !html.contains("other limits"));
}

#[test]
fn a_replay_without_a_good_policy_says_so() {
    let dir = folder(&[
        oracle(),
        policy("gate", GATE),
        policy("cheapest", "always:0"),
    ]);
    let html = html(dir.path(), &[]);
    has(
        &html,
        &[
            "Segmentation: no policy keeps to 5 %",
            "50 % broken at best",
            "gate breaks least, at 2.00 kB per frame",
            "The oracle: 3.00 kB per frame; 0 % of its frames exceed 1 mIoU points.",
            "Always the richest level: 4.00 kB.",
        ],
    );
}

#[test]
fn other_limits_are_judged_by_and_said() {
    let dir = folder(&usual());
    let html = html(dir.path(), &[(Task::Seg, 3.5)]);
    has(
        &html,
        &[
            "Judged by other limits than the replay was: seg 3.5 instead of 1 mIoU points.",
            "Segmentation: gate comes nearest",
            "0.00 kB over the oracle",
            "limit 3.5 mIoU points",
        ],
    );
    let error = RecordedReplay::read(dir.path(), &[(Task::Dpt, 0.1)]).unwrap_err();
    assert!(matches!(error, StoryError::NoSuchTask { task: Task::Dpt }));
}

#[test]
fn figures_of_another_version_are_not_passed_over() {
    let dir = folder(&usual());
    let path = dir.path().join(Comparison::FILE_NAME);
    let stored = fs::read_to_string(&path).unwrap();
    let other = stored.replace("\"bytes\": 16000", "\"bytes\": 16001");
    assert_ne!(other, stored);
    fs::write(&path, other).unwrap();
    has(&html(dir.path(), &[]), &["policies.json has other figures"]);
}

#[test]
fn what_is_no_replay_is_refused() {
    let dir = folder(&usual());
    assert!(RecordedReplay::is_in(dir.path()));
    let read = || RecordedReplay::read(dir.path(), &[]).unwrap_err();
    let recording = dir.path().join("ladders/seg.parquet");
    fs::write(&recording, "PAR1").unwrap();
    assert!(matches!(read(), StoryError::Recording { path, .. } if path == recording));
    let path = dir.path().join(Comparison::FILE_NAME);
    fs::write(&path, "{}").unwrap();
    let message = read().to_string();
    assert!(
        message.contains("policies.json is damaged: missing field"),
        "{message}"
    );
    fs::remove_file(&path).unwrap();
    assert!(matches!(read(), StoryError::NoComparison { .. }));
    assert!(RecordedReplay::is_in(dir.path()));
    fs::write(dir.path().join(Store::FILE_NAME), "").unwrap();
    assert!(!RecordedReplay::is_in(dir.path()));
    fs::remove_file(dir.path().join(ResolvedScenario::FILE_NAME)).unwrap();
    assert!(matches!(read(), StoryError::NoRun { .. }));
}

#[test]
fn three_hundred_frames_of_three_tasks_stay_below_six_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let levels = 10;
    let recordings = Task::ALL.map(|task| {
        let small = recording(task, 300);
        let identity = Identity {
            levels: (0..levels)
                .map(|level| format!("qp {}", 39 - level))
                .collect(),
            ..small.identity().clone()
        };
        let frames = small.frames().iter().map(|frame| RecordedFrame {
            // Digits that no compression foresees.
            levels: (0..levels)
                .map(|number| {
                    let noise = ((frame.frame * 13 + number) as f64 * 12.9898).sin();
                    let bytes = 1000 + 700 * number + (300.0 * noise.abs()) as u64;
                    level(bytes, 0.9 + 0.01 * number as f64 + 0.003 * noise, noise)
                })
                .collect(),
            ..frame.clone()
        });
        Recording::new(identity, frames.collect()).unwrap()
    });
    let contenders = [
        oracle(),
        policy("threshold", GATE),
        policy(
            "threshold-following",
            "threshold:cosine>=0.95,start=last,margin=0.005",
        ),
        policy("bisect", "bisect:cosine>=0.95"),
        policy("predictive", "predictive:cosine>=0.95"),
        policy("deadline", "deadline:cosine>=0.95,by=500ms"),
        policy("budget", "budget:cosine>=0.95,rate=60kB/s,burst=120kB"),
        policy("always-cheapest", "always:cheapest"),
        policy("always-richest", "always:richest"),
    ];
    write(dir.path(), &recordings, &contenders);
    let bytes = html(dir.path(), &[]).len();
    assert!(bytes < 6_000_000, "{bytes}");
}
