use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use splitsim_codec::ffmpeg::Ffmpeg as Variable;

use crate::{Ended, Program, Says, Signal};

/// `cloud serve`, as it is typed.
#[derive(Debug, Clone)]
pub struct CloudRun {
    /// The working directory.
    pub directory: PathBuf,
    /// Words before it.
    pub launcher: Vec<OsString>,
    /// The address; port 0 for any.
    pub listen: SocketAddr,
    /// Its identity.
    pub identity: PathBuf,
    /// Its model package.
    pub model: PathBuf,
    /// The folder of its results.
    pub out: PathBuf,
    /// The ffmpeg to use instead of the one that it would find.
    pub ffmpeg: Option<PathBuf>,
}

/// A cloud that serves.
#[derive(Debug)]
pub struct Cloud {
    program: Program,
    address: SocketAddr,
}

impl CloudRun {
    /// Starts it, and waits until edges may connect.
    #[must_use]
    pub fn start(&self) -> Cloud {
        let program = self.launch();
        let ready = program.line(Says::Stdout, "\"ready\"");
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let address = ready["listen"].as_str().unwrap().parse().unwrap();
        Cloud { program, address }
    }

    /// Starts it where it cannot serve, and waits for its end.
    #[must_use]
    pub fn refusal(&self) -> Ended {
        self.launch().end()
    }

    fn launch(&self) -> Program {
        Program::start("cloud", &self.launcher, &self.directory, |command| {
            command.args(["serve", "--json", "--threads", "1"]);
            command.arg("--listen").arg(self.listen.to_string());
            command.arg("--identity").arg(&self.identity);
            command.arg("--model").arg(&self.model);
            command.arg("--out").arg(&self.out);
            if let Some(ffmpeg) = &self.ffmpeg {
                command.env(Variable::VARIABLE, ffmpeg);
            }
        })
    }
}

impl Cloud {
    /// Returns the address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a line of its log.
    #[must_use]
    pub fn log(&self, part: &str) -> String {
        self.program.line(Says::Stderr, part)
    }

    /// `true` while the process is running.
    pub fn is_running(&mut self) -> bool {
        self.program.is_running()
    }

    /// Any signal.
    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(self) -> Ended {
        self.program.end()
    }

    /// Fills its disk, or frees it: see [`Program::fill_disk`].
    pub fn fill_disk(&self, full: bool) {
        self.program.fill_disk(full);
    }

    /// SIGKILL.
    pub fn kill(self) {
        self.program.kill();
    }

    /// Sends Ctrl-C. Returns the exit code and the cloud's own report.
    pub fn stop(self) -> (Option<i32>, Value) {
        self.program.interrupt();
        let ended = self.program.end();
        let last = ended.stdout.last().unwrap();
        let done: Value = serde_json::from_str(last).unwrap();
        assert_eq!(done["event"], "done", "{}", ended.stderr);
        (ended.code, done["report"].clone())
    }
}
