//! The program `cloud`: its lines, its exit codes, its end.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_transport::Target;
use support::{Lab, result, send};

/// Exit code and error text.
fn run(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(cargo_bin("cloud"))
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn what_is_wrong_before_serving_ends_with_code_2_and_names_it() {
    let lab = Lab::new();
    let text = |path: std::path::PathBuf| path.display().to_string();
    let model = text(lab.package_dir());
    let identity = text(lab.identity("cloud"));
    let out = text(lab.out());
    let check = |arguments: &[&str], says: &str| {
        let (code, error) = run(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(says), "{error}");
    };
    let [model, identity, out] = [&model, &identity, &out].map(String::as_str);
    let nowhere = ["--identity", "/nowhere", "--model", model, "--out", out];
    check(&nowhere, "/nowhere");
    let unknown = ["--identity", identity, "--model", "no-such", "--out", out];
    check(&unknown, "no model package 'no-such'");
    let common = ["--identity", identity, "--model", model, "--out", out];
    let with = |more: &[&'static str]| [&common[..], more].concat();
    check(&with(&["--references", "/nowhere"]), "not a directory");
    check(&with(&["--keep-alive", "3min"]), "idle timeout");
    check(&with(&["--keep-alive", "soon"]), "--keep-alive");
    check(&with(&["--log", "=="]), "log filter");
    let (code, error) = run(&["serve", "--listen", "here"]);
    assert_eq!((code, error.contains("--listen")), (2, true), "{error}");

    std::fs::write(lab.package_dir().join("heads/seg.safetensors"), "x").unwrap();
    check(&common, "seg.safetensors");
}

#[test]
fn an_address_that_is_taken_ends_with_code_1() {
    let lab = Lab::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut serve = arguments(&lab);
    serve[2].clone_from(&address);
    let (code, error) = run(&serve.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code, 1, "{error}");
    assert!(error.contains(&address), "{error}");
}

fn arguments(lab: &Lab) -> Vec<String> {
    let text = |path: std::path::PathBuf| path.display().to_string();
    [
        "serve".to_owned(),
        "--listen".to_owned(),
        "127.0.0.1:0".to_owned(),
        "--identity".to_owned(),
        text(lab.identity("cloud")),
        "--model".to_owned(),
        text(lab.package_dir()),
        "--out".to_owned(),
        text(lab.out()),
    ]
    .into()
}

// Waiting for the program blocks a thread; the edge needs another to confirm the reply.
#[tokio::test(flavor = "multi_thread")]
async fn it_says_when_it_is_ready_and_ends_cleanly_when_asked_to() {
    let lab = Lab::new();
    let mut program = Command::new(cargo_bin("cloud"))
        .args(arguments(&lab))
        .args(["--json", "--log", "warn"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["event"], "ready");
    assert_eq!(ready["tasks"], serde_json::json!(["cls", "seg", "dpt"]));
    let target = Target {
        address: ready["listen"].as_str().unwrap().parse().unwrap(),
        server_name: "localhost".to_owned(),
    };
    let endpoint = lab.connect_to(&target);
    let session = endpoint
        .connect_frames(&target, &lab.hello(false))
        .await
        .unwrap();
    let shipment = lab.shipment(0, Task::Cls);
    assert!(result(send(&session, &shipment).await.unwrap()).stored);

    let killed = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .unwrap();
    assert!(killed.success());
    let mut done = String::new();
    lines.read_to_string(&mut done).unwrap();
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["report"]["frames"], 1);
    assert!(program.wait().unwrap().success());
    assert_eq!(lab.logged().len(), 1);
}

#[test]
fn help_shows_both_terminals_and_the_defaults() {
    let output = Command::new(cargo_bin("cloud"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "edge run --connect",
        "127.0.0.1:4433",
        "tiny-scenes",
        "Exit codes",
    ] {
        assert!(help.contains(part), "{help}");
    }
}
