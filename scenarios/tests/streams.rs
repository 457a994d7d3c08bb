//! `splitsim` where nobody reads, nothing fits, or names hold more than letters.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// `splitsim` in a folder, with its words.
fn splitsim(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("splitsim"));
    command
        .args(words)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env("COLUMNS", "80")
        .stdin(Stdio::null());
    command
}

/// A folder with a scenario that `list` shows.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("scenarios")).unwrap();
    let text = "name = \"demo\"\ndescription = \"a demo\"\nframes = 2\n\
                [[policies]]\nname = \"gate\"\nkind = \"always\"\nlevel = \"cheapest\"\n";
    fs::write(dir.path().join("scenarios/demo.toml"), text).unwrap();
    dir
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

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const QUIET: [&[&str]; 5] = [
    &["list"],
    &["list", "--json"],
    &["--help"],
    &["run", "--help"],
    &["--version"],
];

#[test]
fn a_reader_that_goes_away_ends_the_output_quietly() {
    let folder = folder();
    for words in QUIET {
        let output = splitsim(folder.path(), words).stdout(unread()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert_eq!(stderr(&output), "", "{words:?}");
    }
}

#[test]
fn a_full_device_is_reported() {
    let folder = folder();
    for words in QUIET {
        let output = splitsim(folder.path(), words).stdout(full()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let said = stderr(&output);
        assert!(
            said.starts_with("error: cannot write results to stdout"),
            "{said}"
        );
    }
}

#[test]
fn errors_that_nobody_reads_keep_their_exit_codes() {
    let folder = folder();
    for (words, code) in [
        (&["list", "nowhere"][..], 2),
        (&["lsit"], 2),
        (&["list", "--log", "=="], 2),
        (&["list", "--log", "trace"], 0),
    ] {
        for stderr in [unread as fn() -> Stdio, full] {
            let mut command = splitsim(folder.path(), words);
            let status = command.stdout(Stdio::null()).stderr(stderr()).status();
            assert_eq!(status.unwrap().code(), Some(code), "{words:?}");
        }
    }
}

#[test]
fn foreign_names_and_texts_cannot_drive_the_terminal() {
    let folder = folder();
    let forged = "x\u{1b}[2J\u{9b}1m\nerror: forged.toml";
    let text = "name = \"demo\"\ndescription = \"\\u001b[31mred\\u009b0m\"\nframes = 2\n\
                [[policies]]\nname = \"gate\"\nkind = \"always\"\nlevel = \"cheapest\"\n";
    fs::write(folder.path().join("scenarios").join(forged), text).unwrap();
    let broken = folder.path().join(forged);
    fs::write(&broken, "name = \u{1b}[2J\n").unwrap();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["validate", forged],
        &["run", forged],
        &["report", forged],
        &["list", forged, "--forged\u{1b}[2J"],
    ] {
        let output = splitsim(folder.path(), words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        for foreign in ['\u{1b}', '\u{9b}'] {
            assert!(!said.contains(foreign), "{words:?}: {said}");
        }
        let forged = said
            .lines()
            .filter(|line| line.starts_with("error: forged"));
        assert_eq!(forged.count(), 0, "{words:?}: {said}");
    }
}

#[test]
fn a_malformed_filter_is_refused() {
    let folder = folder();
    for filter in ["==", "splitsim_edge=loud", "inof"] {
        for output in [
            splitsim(folder.path(), &["list", "--log", filter]).output(),
            splitsim(folder.path(), &["list"])
                .env("RUST_LOG", filter)
                .output(),
        ] {
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(2), "{filter}");
            assert!(
                stderr(&output).contains("log filter"),
                "{}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn logs_have_no_colours_where_there_is_no_terminal() {
    let folder = folder();
    let output = splitsim(folder.path(), &["list", "--log", "debug"]).output();
    let said = stderr(&output.unwrap());
    assert!(said.contains("listening for signals"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

/// `splitsim list` at a terminal, with this value of `NO_COLOR`: what its log says at its beginning.
fn logged_at_a_terminal(folder: &Path, no_colour: Option<&str>) -> String {
    let program = cargo_bin("splitsim");
    let line = format!("{} list --log debug", program.display());
    // It gives what it runs a terminal.
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .envs(no_colour.map(|value| ("NO_COLOR", value)))
        .stdin(Stdio::null());
    let output = command.output().expect("script, of util-linux");
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines = said.lines();
    let line = lines.find(|line| line.contains("listening for signals"));
    line.unwrap_or_else(|| panic!("no line of the log in: {said}"))
        .to_owned()
}

#[test]
fn logs_at_a_terminal_have_colours_unless_they_are_declined() {
    let folder = folder();
    for (no_colour, coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let line = logged_at_a_terminal(folder.path(), no_colour);
        assert_eq!(line.contains("\u{1b}["), coloured, "{no_colour:?}: {line}");
    }
}

#[test]
fn the_version_is_that_of_the_build() {
    let folder = folder();
    let output = splitsim(folder.path(), &["--version"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("splitsim {}\n", splitsim_cli::VERSION));
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("models/tiny-scenes")).unwrap();
    fs::write(folder.path().join("models/tiny-scenes/model.toml"), "").unwrap();
    for (words, meant) in [
        (&["lsit"][..], "'list'"),
        (&["list", "--jsno"], "'--json'"),
        (&["run", "scenarios/dmeo.toml"], "'scenarios/demo.toml'"),
        (&["validate", "scenario/demo.toml"], "'scenarios/demo.toml'"),
        (&["list", "scenario"], "'scenarios'"),
        (&["model", "info", "tiny-scene"], "'tiny-scenes'"),
        (
            &[
                "cfqa",
                "score",
                "--original",
                "a",
                "--distorted",
                "b",
                "--metric",
                "cosin",
            ],
            "'cosine'",
        ),
    ] {
        let output = splitsim(folder.path(), words).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(meant), "{words:?}: {said}");
    }
}

#[test]
fn counts_and_times_have_ranges() {
    let folder = folder();
    let run = ["run", "scenarios/demo.toml"];
    for (option, value, range) in [
        ("--jobs", "4294967295", "from 1 to 256"),
        ("--jobs", "0", "from 1 to 256"),
        ("--pictures", "18446744073709551615", "from 0 to 1000"),
    ] {
        let output = splitsim(folder.path(), &[&run[..], &[option, value]].concat()).output();
        let said = stderr(&output.unwrap());
        assert!(said.contains(range), "{said}");
    }
}
