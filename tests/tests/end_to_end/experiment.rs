//! `splitsim run`, from a scenario file to its summary.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use splitsim_feature::Task;
use splitsim_tests::{Lab, results};

const FRAMES: usize = 2;
const POLICIES: [&str; 3] = ["gate", "cheapest", "richest"];

const SCENARIO: &str = r#"
name = "tiny"
seed = 5
frames = 2
threads = 1
metrics = ["mse", "cosine"]

[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
threshold = 0.99

[[policies]]
name = "cheapest"
kind = "always"
level = "cheapest"

[[policies]]
name = "richest"
kind = "always"
level = "richest"
"#;

#[test]
fn a_scenario_gives_a_row_per_task_and_policy_and_does_so_again() {
    let lab = Lab::new();
    let scenario = lab.path("tiny.toml");
    let model = lab.path("random").display().to_string();
    fs::write(&scenario, format!("model = '{model}'\n{SCENARIO}")).unwrap();
    let command = ["run", "tiny.toml", "--out", "out"];

    let table = lab.splitsim(&command);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    let text = table.stdout.join("\n");
    for part in POLICIES
        .iter()
        .chain(&["cls", "seg", "dpt", "re-enc", "results: "])
    {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
    check_summary(&stored_summary(&lab));

    // Finished results are replaced when that is asked for only.
    let again = lab.splitsim(&command);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    let json = lab.splitsim(&[&command[..], &["--json", "--force"]].concat());
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    let printed: Value = serde_json::from_str(&json.stdout.join("\n")).unwrap();
    check_summary(&printed);
    assert_eq!(
        printed,
        stored_summary(&lab),
        "what is printed is what is stored"
    );
    let logged = results::frames(&lab.path("out"));
    assert_eq!(logged.len(), POLICIES.len() * Task::ALL.len() * FRAMES);
    results::are_settled(&logged);
}

fn stored_summary(lab: &Lab) -> Value {
    let text = fs::read_to_string(lab.path("out/summary.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn check_summary(summary: &Value) {
    let groups = summary["groups"].as_array().unwrap();
    let rows: BTreeSet<(&str, &str)> = groups
        .iter()
        .map(|group| {
            for count in ["frames", "frames_with_distortion", "frames_settled"] {
                assert_eq!(group[count], FRAMES, "{count} of {group}");
            }
            (
                group["task"].as_str().unwrap(),
                group["run_id"].as_str().unwrap(),
            )
        })
        .collect();
    let runs = POLICIES.map(|policy| format!("tiny-{policy}"));
    let expected: BTreeSet<(&str, &str)> = Task::ALL
        .iter()
        .flat_map(|task| runs.iter().map(|run| (task.name(), run.as_str())))
        .collect();
    assert_eq!(rows, expected);
    assert_eq!(groups.len(), expected.len());
}
