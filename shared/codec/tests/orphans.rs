//! A child program ends when this process is killed with no chance to clean up.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

#[path = "support/processes.rs"]
mod processes;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_codec::process::Job;

use processes::{eventually, has_ended};

/// Set in the copy of this test program that is to be killed.
const VICTIM: &str = "SPLITSIM_TEST_VICTIM";

#[test]
fn ffmpeg_ends_when_its_parent_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        run_ffmpeg_for_minutes();
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ffmpeg_ends_when_its_parent_is_killed"])
        .env(VICTIM, "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ffmpeg = eventually(|| child_of(victim.id()));
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(|| has_ended(&ffmpeg).then_some(()));
}

/// Pictures of one second each, so that ffmpeg waits for more input most of the time.
fn run_ffmpeg_for_minutes() {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let input = "-nostdin -loglevel error -re -f rawvideo -pixel_format gray10le -framerate 1";
    let output = "-video_size 64x64 -i pipe:0 -f rawvideo pipe:1";
    let words = input.split(' ').chain(output.split(' '));
    let arguments: Vec<String> = words.map(str::to_owned).collect();
    let ffmpeg = Ffmpeg::find(None, encoder).unwrap();
    let job = Job {
        program: ffmpeg.path(),
        arguments: &arguments,
        input: &vec![0; 64 * 64 * 2 * 300],
        time_limit: Duration::from_secs(300),
        output_limit_bytes: 1 << 30,
    };
    job.run().unwrap();
}

/// A child process that has been running ffmpeg's transcoding for a while: it has started its threads.
fn child_of(parent: u32) -> Option<String> {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|pid| {
            let command = read(&format!("/proc/{pid}/cmdline"));
            parent_of(pid) == Some(parent) && command.contains("-framerate")
        })
}

fn parent_of(pid: &str) -> Option<u32> {
    let stat = read(&format!("/proc/{pid}/stat"));
    let fields = stat.rsplit(") ").next()?;
    fields.split(' ').nth(1)?.parse().ok()
}

fn read(path: &str) -> String {
    let mut text = Vec::new();
    // A process may be gone by now: then there is nothing to read.
    let _ = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}
