use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use splitsim_codec::ffmpeg::Ffmpeg as Variable;
use splitsim_feature::Task;

use crate::{Program, Says, Signal};

/// `edge run`, as it is typed.
#[derive(Debug, Clone)]
pub struct EdgeRun {
    /// The working directory.
    pub directory: PathBuf,
    /// Words before it.
    pub launcher: Vec<OsString>,
    /// The cloud.
    pub connect: SocketAddr,
    /// Its identity.
    pub identity: PathBuf,
    /// Its model package.
    pub model: PathBuf,
    /// The task.
    pub task: Task,
    /// The number of rendered scenes.
    pub frames: usize,
    /// Their seed.
    pub seed: u64,
    /// The policy that chooses the level of every frame.
    pub policy: String,
    /// The run.
    pub run_id: String,
    /// The edge; its journal and spool lie in a folder of this name.
    pub edge_id: String,
    /// The time for which it retries an absent cloud.
    pub retry_for: &'static str,
    /// The time for which the cloud may be silent.
    pub idle_timeout: &'static str,
    /// Frames in flight.
    pub in_flight: u32,
    /// The address for references, if it differs from that for frames.
    pub references: Option<SocketAddr>,
    /// The ffmpeg to use instead of the one that it would find.
    pub ffmpeg: Option<PathBuf>,
}

/// An edge at work.
#[derive(Debug)]
pub struct Edge {
    program: Program,
}

/// The end of an edge process, with its output.
#[derive(Debug)]
pub struct EdgeEnd {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its records of the frames that the cloud answered, in their order.
    pub frames: Vec<Value>,
    /// Its summary; null where it came to none.
    pub summary: Value,
    /// Progress and errors.
    pub stderr: String,
}

impl EdgeRun {
    /// The seed of the scenes that edges use by default.
    pub const SEED: u64 = 7;

    /// Journal and spool.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.directory.join("edge-out").join(&self.edge_id)
    }

    /// The frames that wait in its spool.
    #[must_use]
    pub fn spooled(&self) -> usize {
        std::fs::read_dir(self.out().join("spool")).map_or(0, Iterator::count)
    }

    /// Starts it.
    #[must_use]
    pub fn start(&self) -> Edge {
        let program = Program::start("edge", &self.launcher, &self.directory, |command| {
            command.args(["run", "--json", "--threads", "1", "--metric", "mse"]);
            command.arg("--connect").arg(self.connect.to_string());
            command.arg("--identity").arg(&self.identity);
            command.arg("--model").arg(&self.model);
            command.args(["--task", self.task.name(), "--policy", &self.policy]);
            let source = format!("scenes:{}:{}", self.seed, self.frames);
            command.args(["--source", &source]);
            command.args(["--run-id", &self.run_id, "--edge-id", &self.edge_id]);
            command.arg("--out").arg(self.out());
            command.args(["--retry-for", self.retry_for]);
            command.args(["--idle-timeout", self.idle_timeout]);
            command.args(["--in-flight", &self.in_flight.to_string()]);
            if let Some(address) = &self.references {
                command.arg("--references-connect").arg(address.to_string());
            }
            if let Some(ffmpeg) = &self.ffmpeg {
                command.env(Variable::VARIABLE, ffmpeg);
            }
        });
        Edge { program }
    }

    /// Starts it, and waits for its end.
    #[must_use]
    pub fn run(&self) -> EdgeEnd {
        self.start().end()
    }
}

impl Edge {
    /// Waits until the cloud has answered a frame.
    pub fn answered(&self, frame: u64) {
        let record = format!("\"record\":\"frame\",\"frame\":{frame},");
        let _ = self.program.line(Says::Stdout, &record);
    }

    /// Waits for a line of its progress.
    #[must_use]
    pub fn log(&self, part: &str) -> String {
        self.program.line(Says::Stderr, part)
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.program.interrupt();
    }

    /// Any signal.
    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Fills its disk, or frees it: see [`Program::fill_disk`].
    pub fn fill_disk(&self, full: bool) {
        self.program.fill_disk(full);
    }

    /// SIGKILL.
    pub fn kill(self) {
        self.program.kill();
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(self) -> EdgeEnd {
        let ended = self.program.end();
        let (mut frames, mut summary) = (Vec::new(), Value::Null);
        for line in &ended.stdout {
            let record: Value = serde_json::from_str(line).unwrap();
            match record["record"].as_str().unwrap() {
                "frame" => frames.push(record),
                "summary" => summary = record,
                "failed" => {}
                other => panic!("edge printed a record of kind '{other}'"),
            }
        }
        EdgeEnd {
            code: ended.code,
            frames,
            summary,
            stderr: ended.stderr,
        }
    }
}

impl EdgeEnd {
    /// Everything was answered, by the exit code and by its own count.
    pub fn is_complete(&self) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert_eq!(self.summary["kept"], 0, "{}", self.summary);
        assert_eq!(self.summary["unsettled"], 0, "{}", self.summary);
        assert_eq!(self.summary["failed"], Value::Array(Vec::new()));
    }

    /// Asserts that it ended with this code, and that its last message contains each of `parts`.
    pub fn failed_with(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        let last = self.stderr.lines().last().unwrap_or_default();
        for part in parts {
            assert!(
                last.starts_with("error: ") && last.contains(part),
                "no '{part}' in the last line of\n{}",
                self.stderr
            );
        }
    }
}
