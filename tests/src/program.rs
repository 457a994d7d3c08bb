use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::LIMIT;

/// A process whose output is kept line by line. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdout: Transcript,
    stderr: Transcript,
}

/// One of a process's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Results.
    Stdout,
    /// Progress and errors.
    Stderr,
}

/// The end of a process, with its output.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The lines of its results.
    pub stdout: Vec<String>,
    /// Progress and errors.
    pub stderr: String,
}

/// The file of a program of the workspace: cargo puts it two folders above this test.
#[must_use]
pub fn executable(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is not built; run `cargo xtask test`, which builds every program before the tests",
        path.display()
    );
    path
}

/// Tries again and again until there is a result.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Program {
    /// Starts a program of the workspace in `directory`, behind the words of `launcher`: a shell that
    /// sets a limit, say, and then becomes the program.
    pub fn start(
        name: &str,
        launcher: &[OsString],
        directory: &Path,
        set_up: impl FnOnce(&mut Command),
    ) -> Self {
        let program = executable(name);
        let mut command = match launcher {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.current_dir(directory).env_remove("RUST_LOG");
        set_up(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            name: name.to_owned(),
            stdout: Transcript::of(child.stdout.take().unwrap()),
            stderr: Transcript::of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Waits for the first line that contains `part`, from the start of the program.
    #[must_use]
    pub fn line(&self, on: Says, part: &str) -> String {
        let transcript = match on {
            Says::Stdout => &self.stdout,
            Says::Stderr => &self.stderr,
        };
        let heard = transcript.wait(|text| {
            let line = text.lines.iter().find(|line| line.contains(part)).cloned();
            line.map(Some).or_else(|| text.ended.then_some(None))
        });
        heard.flatten().unwrap_or_else(|| {
            panic!(
                "{} did not say '{part}'; it said\n{}",
                self.name,
                self.said()
            )
        })
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Any signal. A program that has ended does not hear it.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets it write nothing more to files, as on a disk that is full, or everything again.
    pub fn fill_disk(&self, full: bool) {
        let limit = Rlimit {
            current: full.then_some(0),
            maximum: None,
        };
        // A program that has ended has no limits.
        let _ = prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit);
    }

    /// SIGKILL: no farewell, no cleaning up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `true` while the process is running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let start = Instant::now();
        for transcript in [&self.stdout, &self.stderr] {
            let ended = transcript.wait(|text| text.ended.then_some(()));
            assert!(
                ended.is_some(),
                "{} did not end within {LIMIT:?}; it said\n{}",
                self.name,
                self.said()
            );
        }
        let status: ExitStatus = eventually("the end of a program that has said its last", || {
            self.child.try_wait().unwrap()
        });
        let took = start.elapsed();
        assert!(took < LIMIT, "{} took {took:?} to end", self.name);
        Ended {
            code: status.code(),
            stdout: self.stdout.text().lines.clone(),
            stderr: self.stderr.text().lines.join("\n"),
        }
    }

    fn said(&self) -> String {
        let text = |transcript: &Transcript| transcript.text().lines.join("\n");
        format!("{}\n{}", text(&self.stdout), text(&self.stderr))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only where the process has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output received through a pipe so far. Clones share it.
#[derive(Debug, Clone, Default)]
struct Transcript(Arc<(Mutex<Text>, Condvar)>);

#[derive(Debug, Default)]
struct Text {
    lines: Vec<String>,
    ended: bool,
}

impl Transcript {
    /// Reads a pipe to its end, on a thread of its own.
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let writer = transcript.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                writer.change(|text| text.lines.push(line));
            }
            writer.change(|text| text.ended = true);
        });
        transcript
    }

    fn change(&self, change: impl FnOnce(&mut Text)) {
        change(&mut self.text());
        self.0.1.notify_all();
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a result; `None` at the limit.
    fn wait<T>(&self, result: impl Fn(&Text) -> Option<T>) -> Option<T> {
        let pending = |text: &mut Text| result(text).is_none();
        let (text, _) = self
            .0
            .1
            .wait_timeout_while(self.text(), LIMIT, pending)
            .unwrap_or_else(PoisonError::into_inner);
        result(&text)
    }
}
