//! The program `cloud`: its lines, its exit codes, its end.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_transport::Target;
use support::{Lab, ffmpeg_after, result, send};

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
    let text = |path: PathBuf| path.display().to_string();
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
    let text = |path: PathBuf| path.display().to_string();
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

/// A pipe whose reader is gone.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The program, and its stderr up to a line that contains `part`.
fn start(lab: &Lab, stdout: Stdio, part: &str) -> (Child, impl BufRead + use<>) {
    let mut program = Command::new(cargo_bin("cloud"))
        .args(arguments(lab))
        .args(["--log", "debug"])
        .env_remove("RUST_LOG")
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(program.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(part) {
        assert_ne!(
            stderr.read_line(&mut said).unwrap(),
            0,
            "no '{part}' in\n{said}"
        );
    }
    (program, stderr)
}

fn signal(program: &Child, name: &str) {
    let kill = Command::new("kill")
        .args(["-s", name, &program.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_signal_while_the_model_loads_ends_with_an_exit_code() {
    let lab = Lab::new();
    for name in ["TERM", "INT"] {
        let (mut program, mut stderr) = start(&lab, Stdio::piped(), "listening for signals");
        signal(&program, name);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        // A cloud runs until it is told to end, and so it was told.
        assert_eq!(program.wait().unwrap().code(), Some(0), "{rest}");
    }
}

// The edge needs a thread beside the one that waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_serves_though_nobody_reads_what_it_says() {
    let lab = Lab::new();
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut words = arguments(&lab);
    words[2] = address.to_string();
    let mut program = Command::new(cargo_bin("cloud"))
        .args(words)
        .args(["--log", "trace"])
        .stdout(unread())
        .stderr(unread())
        .spawn()
        .unwrap();
    let target = Target {
        address,
        server_name: "localhost".to_owned(),
    };
    let endpoint = lab.connect_to(&target);
    let hello = lab.hello(false);
    let session = loop {
        match endpoint.connect_frames(&target, &hello).await {
            Ok(session) => break session,
            Err(_) => assert!(program.try_wait().unwrap().is_none(), "it has ended"),
        }
    };
    let shipment = lab.shipment(0, Task::Cls);
    assert!(result(send(&session, &shipment).await.unwrap()).stored);
    signal(&program, "TERM");
    assert_eq!(program.wait().unwrap().code(), Some(0));
    assert_eq!(lab.logged().len(), 1);
}

/// An ffmpeg that decodes nothing, and makes the file `begun` when it is asked to.
fn slow_ffmpeg(lab: &Lab) -> PathBuf {
    let begun = lab.path().join("begun");
    let before = format!(
        "case \"$*\" in *'-f hevc -i'*) : >{}; exec sleep 60;; esac",
        begun.display()
    );
    ffmpeg_after(lab.path(), &before)
}

/// A cloud that was started with `--json` and what `set_up` adds, and its address.
fn serving(lab: &Lab, set_up: impl FnOnce(&mut Command)) -> (Child, Target) {
    let mut command = Command::new(cargo_bin("cloud"));
    command
        .args(arguments(lab))
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    set_up(&mut command);
    let mut program = command.spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(program.stdout.as_mut().unwrap());
    lines.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let target = Target {
        address: ready["listen"].as_str().unwrap().parse().unwrap(),
        server_name: "localhost".to_owned(),
    };
    (program, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_ends_a_cloud_at_once() {
    let lab = Lab::new();
    let (mut program, target) = serving(&lab, |command| {
        command.env("SPLITSIM_FFMPEG", slow_ffmpeg(&lab));
    });
    let endpoint = lab.connect_to(&target);
    let hello = lab.hello(false);
    let session = endpoint.connect_frames(&target, &hello).await.unwrap();
    let shipment = lab.shipment(0, Task::Cls);
    let sending = tokio::spawn(async move { send(&session, &shipment).await });
    while !lab.path().join("begun").exists() {
        assert!(!sending.is_finished(), "no decoder was begun");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal(&program, "INT");
    let mut stderr = BufReader::new(program.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("once more to end at once") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    signal(&program, "INT");
    assert_eq!(program.wait().unwrap().code(), Some(1));
    while !said.contains("ended at once") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
}

/// A `.npy` file whose header asks for 400 GB.
fn hostile_array() -> Vec<u8> {
    let header =
        b"{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (1, 1, 100000, 1000000)}\n";
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header, &[0; 100]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_cannot_be_used_cost_no_frame_and_few_lines() {
    let lab = Lab::new();
    let shipment = lab.shipment(0, Task::Cls);
    let references = lab.path().join("references");
    std::fs::create_dir(&references).unwrap();
    let file = format!("{}.npy", shipment.header.source);
    std::fs::write(references.join(file), hostile_array()).unwrap();
    let (mut program, target) = serving(&lab, |command| {
        command.args(["--log", "warn", "--references"]);
        command.arg(&references);
    });
    let endpoint = lab.connect_to(&target);
    let hello = lab.hello(false);
    let session = endpoint.connect_frames(&target, &hello).await.unwrap();
    for frame in 0..12 {
        let mut another = shipment.clone();
        another.header.frame = frame;
        assert!(result(send(&session, &another).await.unwrap()).stored);
    }
    signal(&program, "TERM");
    let mut said = String::new();
    let mut stderr = program.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(lab.logged().len(), 12);
    // Each frame would say it otherwise, as often as an edge likes.
    let warnings = said.matches("reference cannot be used").count();
    assert!((1..=10).contains(&warnings), "{warnings} of 12: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_by_the_option() {
    let lab = Lab::new();
    let (mut program, target) = serving(&lab, |command| {
        command.args(["--connections", "2"]).stderr(Stdio::null());
    });
    let endpoint = lab.connect_to(&target);
    let hello = lab.hello(true);
    let _frames = endpoint.connect_frames(&target, &hello).await.unwrap();
    let references = endpoint.connect_references(&target, &hello);
    let _references = references.await.unwrap();
    // Both have been used too lately to give way.
    let error = endpoint.connect_frames(&target, &hello).await.err();
    let error = error.map(|error| error.to_string());
    assert!(
        error
            .as_ref()
            .is_some_and(|said| said.contains("2 connections")),
        "{error:?}"
    );
    signal(&program, "TERM");
    assert_eq!(program.wait().unwrap().code(), Some(0));
}

#[test]
fn times_and_counts_have_ranges() {
    for (option, value, range) in [
        ("--keep-alive", "0s", "from 10ms to 1h"),
        ("--codec-time-limit", "0s", "from 1ms to 30 days"),
        ("--decode-limit", "0s", "from 1ms to 30 days"),
        ("--idle-timeout", "100000years", "from 100ms to 1day"),
        ("--workers", "4294967295", "from 1 to 256"),
        ("--connections", "1", "from 2 to 65536"),
        ("--threads", "0", "from 1 to 1024"),
        ("--reference-memory-mib", "4294967295", "from 1 to 1048576"),
    ] {
        let (code, error) = run(&["serve", option, value]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(range), "{option}: {error}");
    }
}
