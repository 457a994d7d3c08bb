//! Running a program on bytes: standard input in, standard output out.
//!
//! Input, output and diagnostics move on threads of their own, so no pipe can fill up and block.
//! A program that runs past its time limit, says too much or is given up on is killed together with
//! what it started, and waited for: nothing is left behind. If this process itself is killed, its
//! children's pipes close, which ends every well-behaved filter.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Fault;
use crate::confine::ResourceLimits;

/// A program to run once.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// The bytes given to it on standard input.
    pub input: &'a [u8],
    /// The longest time that it may run.
    pub time_limit: Duration,
    /// The most bytes that it may write to standard output.
    pub output_limit_bytes: usize,
}

impl Job<'_> {
    /// Runs the program to its end and returns its standard output.
    ///
    /// A program that does not read all of its input is not at fault for that.
    ///
    /// # Errors
    /// When it cannot be started, runs past a limit, or does not exit with status 0.
    pub fn run(&self) -> Result<Vec<u8>, ProcessError> {
        self.run_within(ResourceLimits::default())
    }

    /// As [`Self::run`], with limits to what the program may use.
    ///
    /// # Errors
    /// As [`Self::run`], and when the limits cannot be set.
    pub fn run_within(&self, limits: ResourceLimits) -> Result<Vec<u8>, ProcessError> {
        let start = Instant::now();
        let (running, pipes) = Running::spawn(self, limits)?;
        let report = thread::scope(|scope| self.attend(scope, running, pipes, start));
        let report = report.map_err(|source| self.io(source))?;
        self.judge(report)
    }

    /// Runs the program to its end, whatever its status, and returns what it said: for programs that
    /// read and write files.
    ///
    /// # Errors
    /// When it cannot be started or runs past a limit.
    pub fn run_to_log(&self) -> Result<Log, ProcessError> {
        self.run_to_log_within(ResourceLimits::default())
    }

    /// As [`Self::run_to_log`], with limits to what the program may use.
    ///
    /// # Errors
    /// As [`Self::run_to_log`], and when the limits cannot be set.
    pub fn run_to_log_within(&self, limits: ResourceLimits) -> Result<Log, ProcessError> {
        let start = Instant::now();
        let (running, pipes) = Running::spawn(self, limits)?;
        let report = thread::scope(|scope| self.attend(scope, running, pipes, start));
        let report = report.map_err(|source| self.io(source))?;
        match report {
            Report {
                end: End::Exited(status),
                output: Output::Whole(output),
                stderr,
            } => {
                let output = String::from_utf8_lossy(&output);
                let text = format!("{}\n{stderr}", output.trim_end());
                Ok(Log { status, text })
            }
            report => Err(match self.judge(report) {
                Err(error) => error,
                Ok(_) => self.io(io::Error::other("it was given up on")),
            }),
        }
    }

    /// Feeds and reads the child until it ends or is to be ended.
    ///
    /// `running` is dropped before this returns, and so before the scope joins its threads: a killed
    /// child's pipes are closed, which ends them.
    fn attend<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        mut running: Running,
        pipes: Pipes,
        start: Instant,
    ) -> io::Result<Report> {
        // Readers hold a sender each: the channel closes when both are done, and carries a message
        // only when one has given up.
        let (gave_up, finished) = mpsc::channel();
        let limit = self.output_limit_bytes;
        spawn(scope, move || feed(pipes.stdin, self.input))?;
        let reader = gave_up.clone();
        let output = spawn(scope, move || read_bounded(pipes.stdout, limit, &reader))?;
        let stderr = spawn(scope, move || read_tail(pipes.stderr, gave_up))?;
        let left = |start: Instant| self.time_limit.saturating_sub(start.elapsed());
        let end = match finished.recv_timeout(left(start)) {
            Err(RecvTimeoutError::Disconnected) => running.wait(|| left(start))?,
            Err(RecvTimeoutError::Timeout) => End::OutOfTime,
            Ok(()) => End::GivenUp,
        };
        drop(running);
        Ok(Report {
            end,
            output: join(output)?,
            stderr: join(stderr)?,
        })
    }

    fn judge(&self, report: Report) -> Result<Vec<u8>, ProcessError> {
        let Report {
            end,
            output,
            stderr,
        } = report;
        let program = self.program.to_owned();
        match end {
            End::Exited(status) if !status.success() => Err(ProcessError::Failed {
                program,
                status,
                stderr,
            }),
            End::OutOfTime => Err(ProcessError::TimeLimit {
                program,
                limit: self.time_limit,
                stderr,
            }),
            End::Exited(_) | End::GivenUp => match output {
                Output::Whole(bytes) => Ok(bytes),
                Output::TooLong => Err(ProcessError::OutputLimit {
                    program,
                    limit_bytes: self.output_limit_bytes,
                }),
                Output::Unreadable(source) => Err(self.io(source)),
            },
        }
    }

    fn io(&self, source: io::Error) -> ProcessError {
        ProcessError::Io {
            program: self.program.to_owned(),
            source,
        }
    }
}

/// The end and the output of a program that has ended.
#[derive(Debug)]
pub struct Log {
    /// Its exit status or signal.
    pub status: ExitStatus,
    /// Its standard output, then the last 2 KiB of its diagnostics.
    pub text: String,
}

impl Log {
    /// Refuses a log of a program that failed.
    ///
    /// # Errors
    /// With the last 2 KiB of the log, when the status is another than 0.
    pub fn require_success(&self, job: &Job<'_>) -> Result<(), ProcessError> {
        if self.status.success() {
            return Ok(());
        }
        let text = self.text.trim_end();
        let start = text.len().saturating_sub(TAIL_BYTES);
        let start = (start..text.len()).find(|&at| text.is_char_boundary(at));
        Err(ProcessError::Failed {
            program: job.program.to_owned(),
            status: self.status,
            stderr: text[start.unwrap_or(0)..].to_owned(),
        })
    }
}

/// The reason why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start {program}: {source}; run 'cargo xtask setup' or set SPLITSIM_FFMPEG")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its resource limits could not be set, and it was killed.
    #[error("cannot limit what {program} may use: {source}")]
    Unconfined {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("{program} ran longer than {limit:?} and was killed{}", said(.stderr))]
    TimeLimit {
        /// The program.
        program: PathBuf,
        /// The time that it had.
        limit: Duration,
        /// The last 2 KiB of its diagnostics.
        stderr: String,
    },
    /// It wrote more than it may, and was killed.
    #[error("{program} wrote more than {limit_bytes} bytes and was killed")]
    OutputLimit {
        /// The program.
        program: PathBuf,
        /// The bytes that it might write.
        limit_bytes: usize,
    },
    /// It ended with another status than 0.
    #[error("{program} failed ({status}){}", said(.stderr))]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status or signal.
        status: ExitStatus,
        /// The last 2 KiB of its diagnostics.
        stderr: String,
    },
    /// Talking to it failed.
    #[error("{program}: {source}")]
    Io {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl ProcessError {
    /// The party at fault: the data if the program judged its input, else the machine.
    ///
    /// A program that ends with a status of its own has judged its input; so has one that writes more than its
    /// input can mean. One that was killed, ran out of time or memory, or did not start has not.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::OutputLimit { .. } => Fault::Data,
            Self::Failed { status, stderr, .. } if is_judgement(*status, stderr) => Fault::Data,
            Self::Failed { .. }
            | Self::Spawn { .. }
            | Self::Unconfined { .. }
            | Self::TimeLimit { .. }
            | Self::Io { .. } => Fault::Machine,
        }
    }
}

/// `true` if the program itself chose to end with this status.
fn is_judgement(status: ExitStatus, stderr: &str) -> bool {
    let Some(code) = status.code() else {
        return false;
    };
    let said = stderr.to_lowercase();
    !cut_off::SHELL.contains(&code)
        && code != cut_off::NO_MEMORY
        && !cut_off::WORDS.iter().any(|word| said.contains(word))
}

/// The signs of an end that is not of the program's choosing.
mod cut_off {
    /// Exit codes by which a shell in the program's place says that it was not found or cannot be executed,
    /// or that a signal ended it: 128 and the signal's number, for ABRT, KILL, SEGV and TERM.
    pub(super) const SHELL: [i32; 6] = [126, 127, 134, 137, 139, 143];
    /// The low byte of `-ENOMEM`, with which ffmpeg ends when an allocation fails.
    pub(super) const NO_MEMORY: i32 = 256 - 12;
    /// Diagnostics: of `strerror(ENOMEM)`, of C++, and of ffmpeg after SIGINT or SIGTERM.
    pub(super) const WORDS: [&str; 4] = [
        "cannot allocate memory",
        "bad_alloc",
        "out of memory",
        "received signal",
    ];
}

fn said(stderr: &str) -> String {
    match stderr {
        "" => String::new(),
        stderr => format!(": {stderr}"),
    }
}

struct Report {
    end: End,
    output: Output,
    stderr: String,
}

enum End {
    Exited(ExitStatus),
    OutOfTime,
    GivenUp,
}

enum Output {
    Whole(Vec<u8>),
    TooLong,
    Unreadable(io::Error),
}

struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// A child in a process group of its own, which is killed and waited for when this is dropped.
struct Running {
    child: Child,
    reaped: bool,
}

impl Running {
    fn spawn(job: &Job<'_>, limits: ResourceLimits) -> Result<(Self, Pipes), ProcessError> {
        let mut command = Command::new(job.program);
        if limits.memory_bytes.is_some() {
            // glibc sets address space aside for every thread that allocates, used or not.
            command.env("MALLOC_ARENA_MAX", "1");
        }
        let spawned = command
            .args(job.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let child = spawned.map_err(|source| ProcessError::Spawn {
            program: job.program.to_owned(),
            source,
        })?;
        let mut running = Self {
            child,
            reaped: false,
        };
        let confined = limits.apply(&running.child, job.time_limit);
        confined.map_err(|source| ProcessError::Unconfined {
            program: job.program.to_owned(),
            source,
        })?;
        let pipes = running.pipes();
        let pipes = pipes.ok_or_else(|| job.io(io::Error::other("a pipe is missing")))?;
        Ok((running, pipes))
    }

    fn pipes(&mut self) -> Option<Pipes> {
        Some(Pipes {
            stdin: self.child.stdin.take()?,
            stdout: self.child.stdout.take()?,
            stderr: self.child.stderr.take()?,
        })
    }

    /// Waits for a child whose output has ended, which is about to end itself.
    fn wait(&mut self, left: impl Fn() -> Duration) -> io::Result<End> {
        let mut pause = Duration::from_micros(50);
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.reaped = true;
                return Ok(End::Exited(status));
            }
            if left().is_zero() {
                return Ok(End::OutOfTime);
            }
            thread::sleep(pause.min(left()));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        // The unreaped child keeps its group's number from being given to anyone else. Both calls
        // fail only when the child is gone already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new()
        .stack_size(64 << 10)
        .spawn_scoped(scope, work)
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> io::Result<T> {
    let panicked = |_| io::Error::other("a pipe's thread panicked");
    thread.join().map_err(panicked)
}

/// Writes all input and closes the pipe. A child that stops reading is judged by its exit status.
fn feed(mut stdin: ChildStdin, input: &[u8]) {
    let _ = stdin.write_all(input);
}

fn read_bounded(stdout: ChildStdout, limit: usize, gave_up: &Sender<()>) -> Output {
    let mut bytes = Vec::new();
    let read = stdout.take(limit as u64 + 1).read_to_end(&mut bytes);
    let output = match read {
        Ok(_) if bytes.len() <= limit => return Output::Whole(bytes),
        Ok(_) => Output::TooLong,
        Err(source) => Output::Unreadable(source),
    };
    // The receiver is gone only when the child has been given up on anyway.
    let _ = gave_up.send(());
    output
}

/// Reads to the end, keeping the last [`TAIL_BYTES`]. Holds the sender until then.
fn read_tail(mut stderr: ChildStderr, _until_done: Sender<()>) -> String {
    let mut tail = Vec::new();
    let mut buffer = [0; TAIL_BYTES];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => tail.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    }
    String::from_utf8_lossy(&tail).trim().to_owned()
}

const TAIL_BYTES: usize = 2048;

#[cfg(test)]
mod tests;
