//! The `edge` command as a user runs it.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use support::{Faults, World, package};

/// `edge run` against the world's cloud, in another process; `more` wins over what is set here.
async fn edge(world: &World, more: &[&str]) -> Output {
    let address = world.target.address.to_string();
    let identity = world.edge_identity();
    let out = world.out();
    let usual = [
        ("--connect", address.as_str()),
        ("--identity", identity.to_str().unwrap()),
        ("--model", package().root().to_str().unwrap()),
        ("--range", "feature"),
        ("--threads", "1"),
        ("--run-id", "r"),
        ("--edge-id", "edge-1"),
        ("--out", out.to_str().unwrap()),
    ];
    let mut command = Command::cargo_bin("edge").unwrap();
    command.arg("run").args(more).current_dir(world.path());
    for (option, value) in usual {
        if !more.contains(&option) {
            command.args([option, value]);
        }
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_prints_its_numbers() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let output = edge(&world, &["--source", "scenes:7:2", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let records: Vec<&str> = lines
        .iter()
        .map(|line| line["record"].as_str().unwrap())
        .collect();
    assert_eq!(records, ["frame", "frame", "summary"]);
    assert_eq!(lines[1]["source"], "scene-7-000001");
    assert!(lines[0]["end_to_end_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&lines[2]["answered"], &lines[2]["run_id"]),
        (&2.into(), &"r".into())
    );
    assert_eq!(cloud.kept().frames.len(), 2);
    assert!(
        text(&output.stderr).starts_with("run r, edge edge-1: cls of scenes:7:2 by hevc under")
    );

    // The same again has nothing to do; and a person reads text.
    let output = edge(&world, &["--source", "scenes:7:2"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "run r, edge edge-1: 2 of 2 frames answered, 0 of them now\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_cloud_fails_and_says_what_is_kept() {
    let world = World::new();
    let output = edge(&world, &["--source", "scenes:7:2", "--retry-for", "1s"]).await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("did not complete the handshake within 1s; is it running"),
        "{stderr}"
    );
    assert!(text(&output.stdout).contains("0 of 2 frames answered\n  kept        2 frames"));
    assert_eq!(world.spooled(), 2);
}

/// `edge run` with these arguments alone.
async fn edge_alone(world: &World, args: &str) -> Output {
    let mut command = Command::cargo_bin("edge").unwrap();
    let identity = world.edge_identity();
    let args = args
        .replace("ADDR", &world.target.address.to_string())
        .replace("IDENTITY", identity.to_str().unwrap());
    command
        .arg("run")
        .args(args.split_whitespace())
        .current_dir(world.path());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_continued_with_its_directory_alone() {
    let world = World::new();
    let model = package().root().to_str().unwrap();
    let usual = format!("--connect ADDR --identity IDENTITY --model {model} --threads 1 --out out");
    let own = "--source scenes:7:2 --policy always:cheapest --range feature --retry-for 1s";
    let output = edge_alone(&world, &format!("{usual} {own}")).await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let run = stderr.split(',').next().unwrap().to_owned();
    assert!(run.starts_with("run "), "{stderr}");
    let again = stderr.lines().find(|line| line.starts_with("go on with: "));
    let again = again.unwrap();
    assert!(
        again.contains(" run ") && again.ends_with("--retry-for 1s"),
        "{again}"
    );

    let cloud = world.cloud(Faults::default());
    let output = edge_alone(&world, &usual).await;
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(stdout.starts_with(&format!("{run}, edge ")), "{stdout}");
    assert!(stdout.contains("2 of 2 frames answered"), "{stdout}");
    assert_eq!(cloud.kept().frames.len(), 2);

    // A setting that is typed counts, and is refused where it is another.
    let output = edge_alone(&world, &format!("{usual} --policy always:richest")).await;
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("policy was \"always:cheapest\""),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_configuration_is_found_before_any_work() {
    let world = World::new();
    let check = async |more: &[&str], expected: &str| {
        let output = edge(&world, more).await;
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(!Path::new(&world.out()).exists());
    };
    check(
        &["--model", "no-such-model"],
        "no model package 'no-such-model'",
    )
    .await;
    check(&["--identity", "nowhere"], "nowhere").await;
    check(
        &["--policy", "threshold:vibes>=0.9"],
        "unknown metric 'vibes'",
    )
    .await;
    check(&["--policy", "always:9"], "beyond the ladder").await;
    check(&["--source", "no-such-folder"], "no-such-folder").await;
    check(&["--task", "pose"], "expected cls, seg or dpt").await;
    check(&["--edge-id", "a/b"], "'a/b' for '--edge-id").await;
    check(
        &["--priority", "oldest-first"],
        "priority 'oldest-first' orders frames that are under way at once, but in-flight is 1",
    )
    .await;
}

#[test]
fn help_has_the_two_terminals() {
    let output = Command::cargo_bin("edge")
        .unwrap()
        .args(["run", "--help"])
        .output()
        .unwrap();
    let help = text(&output.stdout);
    for expected in [
        "cloud serve --listen",
        "edge run --connect",
        "[default: tiny-scenes]",
        "Exit codes",
    ] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
    }
}
