//! A page's examples, one after the other.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use splitsim_tests::eventually;
use tempfile::TempDir;

use crate::COLUMNS;
use crate::folder;
use crate::tables::{self, SKIPPED};

/// A text with examples.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) name: String,
    /// The lines that hold examples.
    pub(crate) text: String,
    pub(crate) examples: Vec<String>,
}

/// The outcome of a page.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) ran: usize,
    pub(crate) failures: Vec<String>,
}

/// The time that one example may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// A page at work.
struct Reader<'a> {
    page: &'a Page,
    directory: TempDir,
    port: u16,
    /// A cloud that an example started.
    cloud: Option<Server>,
    done: Done,
}

/// A program that serves until it is stopped.
struct Server {
    example: String,
    child: Child,
}

impl Page {
    /// The examples that are listed as not to be run.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = &String> {
        self.examples.iter().filter(|example| is_skipped(example))
    }

    pub(crate) fn run(&self) -> Done {
        if self.examples.iter().all(|example| is_skipped(example)) {
            return Done::default();
        }
        let mut reader = Reader {
            page: self,
            directory: folder::fresh(&self.name),
            port: free_port(),
            cloud: None,
            done: Done::default(),
        };
        for example in self.examples.iter().filter(|example| !is_skipped(example)) {
            reader.follow(example);
        }
        reader.stop_cloud();
        reader.done
    }
}

fn is_skipped(example: &str) -> bool {
    SKIPPED
        .iter()
        .any(|(beginning, _)| example.starts_with(beginning))
}

impl Reader<'_> {
    fn follow(&mut self, example: &str) {
        let typed = tables::smaller(example).replace("4433", &self.port.to_string());
        if tables::serves(&typed) {
            self.stop_cloud();
            self.start_cloud(example, &typed);
        } else {
            let child = self.shell(&typed, "example");
            let status = end(child);
            self.judge(example, &typed, "example", status);
        }
        self.done.ran += 1;
    }

    fn start_cloud(&mut self, example: &str, typed: &str) {
        let mut child = self.shell(&format!("exec {typed}"), "cloud");
        let ready = || {
            let said = self.said("cloud");
            said.contains("serving ") || said.contains("\"ready\"")
        };
        let ended = eventually("a cloud that serves", || match child.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => ready().then_some(None),
        });
        match ended {
            Some(status) => self.judge(example, typed, "cloud", Some(status)),
            None => {
                let example = example.to_owned();
                self.cloud = Some(Server { example, child });
            }
        }
    }

    fn stop_cloud(&mut self) {
        if let Some(Server { example, child }) = self.cloud.take() {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            let status = end(child);
            self.judge(&example, "Ctrl-C", "cloud", status);
        }
    }

    /// Starts a shell that writes into two files.
    fn shell(&self, typed: &str, name: &str) -> Child {
        let directory = self.directory.path();
        let file = |ending: &str| File::create(directory.join(format!("{name}.{ending}"))).unwrap();
        Command::new("bash")
            .args(["-c", typed])
            .current_dir(directory)
            .env("PATH", folder::search_path())
            .env("HOME", directory)
            .env("COLUMNS", COLUMNS.to_string())
            .env_remove("RUST_LOG")
            .env_remove("SPLITSIM_MODELS")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap()
    }

    fn said(&self, name: &str) -> String {
        let read = |ending: &str| {
            let path = self.directory.path().join(format!("{name}.{ending}"));
            String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
        };
        last_lines(&format!("{}{}", read("stdout"), read("stderr")))
    }

    fn judge(&mut self, example: &str, typed: &str, name: &str, status: Option<ExitStatus>) {
        let Some(problem) = problem(status) else {
            return;
        };
        let (page, said) = (&self.page.name, self.said(name));
        self.done.failures.push(format!(
            "{page}: {problem}\n  {example}\n  run as: {typed}\n{said}"
        ));
    }
}

fn problem(status: Option<ExitStatus>) -> Option<String> {
    match status {
        Some(status) if status.success() => None,
        Some(status) => Some(status.to_string()),
        None => Some(format!("not done within {LIMIT:?}")),
    }
}

/// Waits for the end; `None` when it took too long, and was killed.
fn end(mut child: Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}
