//! Support for the tests of the program: a package with random weights, and the program itself.

#![allow(dead_code, reason = "every test file uses its part of this")]

use std::fs::Permissions;
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use assert_cmd::Command;
use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_feature::Task;
use splitsim_model::{RangeTable, ValueRange};
use splitsim_vision::train::{TrainConfig, random_package};
use tempfile::TempDir;

/// A folder with a package of random weights in `model/`.
pub(crate) struct Workplace {
    dir: TempDir,
}

/// The exit code and the output of a run of the program.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let package = random_package(&TrainConfig::miniature(), &dir.path().join("model")).unwrap();
        let mut manifest = package.manifest().clone();
        for task in Task::ALL {
            let common = manifest.tasks.common_mut(task).unwrap();
            let range = ValueRange::new(-8.0, 8.0).unwrap();
            common.ranges = RangeTable(vec![range; common.taps.len()]);
            common
                .ladders
                .insert("hevc".to_owned(), vec![40.0, 22.0, 4.0]);
        }
        manifest.write(package.root()).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `splitsim` in the folder; the words of `line` are its arguments.
    pub(crate) fn splitsim(&self, line: &str) -> Ran {
        self.splitsim_with(line, &[])
    }

    /// As [`Self::splitsim`], with further arguments that may hold blanks.
    pub(crate) fn splitsim_with(&self, line: &str, further: &[&str]) -> Ran {
        Self::ran(self.command(line).args(further))
    }

    /// As [`Self::splitsim`], with variables in its environment.
    pub(crate) fn splitsim_in(&self, environment: &[(&str, &str)], line: &str) -> Ran {
        Self::ran(self.command(line).envs(environment.iter().copied()))
    }

    fn ran(command: &mut Command) -> Ran {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// `splitsim` with the words of `line`, to be run in the folder.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::cargo_bin("splitsim").unwrap();
        command
            .args(line.split_whitespace())
            .current_dir(self.dir.path())
            .env_remove("RUST_LOG");
        command
    }
}

/// An ffmpeg that writes the arguments of each call to `calls`, a line each, and answers questions about itself
/// as the real one does; `work` is what it does else, in the shell's words.
pub(crate) fn fake_ffmpeg(place: &Workplace, work: &str) -> PathBuf {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let real = Ffmpeg::find(None, encoder).unwrap();
    let real = real.path().display();
    let script = format!(
        "#!/bin/sh\n\
         real={real}\n\
         echo \"$*\" >>{}\n\
         case \"$*\" in *'-h encoder='*|-version) exec $real \"$@\";; esac\n\
         {work}\n",
        place.path("calls").display()
    );
    let path = place.path("ffmpeg");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// The words of a program on a stream, up to a line that has `part`.
pub(crate) fn up_to(stream: &mut impl BufRead, part: &str) -> String {
    let mut said = String::new();
    while !said.contains(part) {
        let more = stream.read_line(&mut said).unwrap();
        assert_ne!(more, 0, "no '{part}' in: {said}");
    }
    said
}

pub(crate) fn signal(program: &Child, name: &str) {
    let id = program.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status();
    assert!(sent.unwrap().success());
}

impl Ran {
    /// Succeeded; what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Succeeded; the JSON that it printed.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Failed with `code` and an error that says `parts`, and printed no result.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no '{part}' in: {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Cuts the second half off a file.
pub(crate) fn halve(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}
