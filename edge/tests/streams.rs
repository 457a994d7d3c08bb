//! The `edge` command where its streams, its disk or its user do not wait for it.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use support::{Faults, World, package};

/// `edge run` against the world's cloud, behind the words of a launcher; `more` wins over what is set here.
fn edge(world: &World, launcher: &[&str], more: &[&str]) -> Command {
    let program = cargo_bin("edge");
    let mut command = match launcher {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    let address = world.target.address.to_string();
    let (identity, out) = (world.edge_identity(), world.out());
    let usual = [
        ("--connect", address.as_str()),
        ("--identity", identity.to_str().unwrap()),
        ("--model", package().root().to_str().unwrap()),
        ("--range", "feature"),
        ("--threads", "1"),
        ("--source", "scenes:7:2"),
        ("--run-id", "r"),
        ("--edge-id", "edge-1"),
        ("--out", out.to_str().unwrap()),
    ];
    let others = usual.iter().filter(|(option, _)| !more.contains(option));
    command
        .arg("run")
        .args(others.flat_map(|(option, value)| [*option, *value]))
        .args(more)
        .current_dir(world.path())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A pipe whose reader is gone.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_results_that_goes_away_costs_no_frame() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut command = edge(&world, &[], &[]);
    command.arg("--json").stdout(unread());
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
    assert_eq!(cloud.kept().frames.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_device_for_results_is_reported_when_all_frames_are_sent() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut command = edge(&world, &[], &[]);
    command.arg("--json").stdout(full());
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("error: cannot write results to stdout"),
        "{said}"
    );
    assert_eq!(cloud.kept().frames.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_costs_no_frame() {
    for stderr in [unread as fn() -> Stdio, full] {
        let world = World::new();
        let cloud = world.cloud(Faults::default());
        let mut command = edge(&world, &[], &[]);
        command.args(["--log", "trace"]);
        let output = tokio::task::spawn_blocking(move || {
            let child = command.stdout(Stdio::piped()).stderr(stderr()).spawn();
            child.unwrap().wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("2 of 2 frames answered"), "{said}");
        assert_eq!(cloud.kept().frames.len(), 2);
    }
}

/// No file may hold more than a block of 512 bytes; writing beyond it is an error rather than a signal.
const LIMITED: [&str; 4] = ["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"];

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_cannot_write_ends_by_its_own_exit_code_every_time() {
    for _ in 0..8 {
        let world = World::new();
        let cloud = world.cloud(Faults::default());
        let mut command = edge(&world, &LIMITED, &["--source", "scenes:7:12"]);
        command.stdout(Stdio::null());
        let output = output(command).await;
        let said = stderr(&output);
        assert_eq!(output.status.signal(), None, "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.lines().last().unwrap().starts_with("error: "),
            "{said}"
        );
        drop(cloud);
    }
}

/// Reads until a line contains `part`.
fn line(from: &mut impl BufRead, part: &str) -> String {
    let mut said = String::new();
    for line in from.lines() {
        let line = line.unwrap();
        if line.contains(part) {
            return line;
        }
        said = format!("{said}{line}\n");
    }
    panic!("no '{part}' in\n{said}");
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_signal_while_the_model_loads_ends_with_an_exit_code() {
    for name in ["TERM", "INT"] {
        let world = World::new();
        let mut command = edge(&world, &[], &[]);
        command.args(["--log", "splitsim_cli=debug"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let _ = line(&mut said, "listening for signals");
        signal(&child, name);
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.signal(), status.code()), (None, Some(1)), "{rest}");
        assert!(rest.contains("interrupted"), "{rest}");
    }
}

#[test]
fn a_second_interrupt_ends_an_edge_at_once() {
    let world = World::new();
    let mut command = edge(&world, &[], &[]);
    command.args(["--retry-for", "1h"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    // Nobody listens: the edge would look for its cloud for an hour.
    let _ = line(&mut said, "run r, edge edge-1");
    signal(&child, "INT");
    let _ = line(&mut said, "once more to end at once");
    signal(&child, "INT");
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ended at once"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn options_beyond_their_range_are_refused_with_the_range() {
    let world = World::new();
    for (option, value, range) in [
        ("--in-flight", "4294967295", "from 1 to 256"),
        ("--queue", "18446744073709551615", "from 1 to 256"),
        ("--depth", "0", "from 1 to 256"),
        ("--threads", "100000", "from 1 to 1024"),
        ("--retry-for", "100000years", "from 1ms to 365 days"),
        ("--idle-timeout", "0s", "from 100ms to 1day"),
    ] {
        let output = edge(&world, &[], &[option, value]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(range), "{option}: {said}");
    }
}

#[test]
fn a_policy_must_suit_its_metric() {
    let world = World::new();
    for (policy, says) in [
        (
            "threshold:cosine>=1.5",
            "1.5 is no score of cosine, expected -1 to 1",
        ),
        ("threshold:mse>=0.95", "write mse<=0.95"),
        ("bisect:cosine<=0.95", "write cosine>=0.95"),
        (
            "deadline:gram-distance<=-1,by=1s",
            "is no score of gram-distance",
        ),
        ("treshold:cosine>=0.95", "did you mean 'threshold'?"),
    ] {
        let output = edge(&world, &[], &["--policy", policy]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(!world.out().exists());
    }
}

#[test]
fn a_picture_whose_name_cannot_travel_is_refused_before_any_work() {
    let world = World::new();
    let pictures = world.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["a.png", "b\u{1b}[31m.png"] {
        let picture = image::RgbImage::from_pixel(32, 32, image::Rgb([90; 3]));
        picture.save(pictures.join(name)).unwrap();
    }
    let source = pictures.display().to_string();
    let output = edge(&world, &[], &["--source", &source]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("picture 'b") && !said.contains('\u{1b}'),
        "{said}"
    );
    assert!(!world.out().exists());
}

#[test]
fn what_is_typed_cannot_drive_the_terminal() {
    let world = World::new();
    let foreign = "nowhere\u{1b}[2J\nerror: forged";
    for option in ["--identity", "--task", "--model", "--forged\u{1b}[2J"] {
        let output = edge(&world, &[], &[option, foreign]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}
