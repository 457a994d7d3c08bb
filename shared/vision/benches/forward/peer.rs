//! The processes of a comparison: a request a line, a JSON object a line in return.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::files::Files;
use crate::{Dtype, Outcome};

pub(crate) struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What it said when the model was loaded.
    pub(crate) greeting: Value,
}

impl Peer {
    /// This program's worker on the package.
    pub(crate) fn ours(files: &Files, dtype: Dtype) -> Outcome<Self> {
        Self::own("worker", files, dtype)
    }

    /// This program's measure of what a pass is made of.
    pub(crate) fn measure(files: &Files, dtype: Dtype) -> Outcome<Self> {
        Self::own("measure", files, dtype)
    }

    fn own(role: &str, files: &Files, dtype: Dtype) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).arg(files.package()).arg(dtype.name());
        Self::start(command)
    }

    /// PyTorch on the checkpoint.
    pub(crate) fn pytorch(files: &Files, dtype: Dtype, python: &str) -> Outcome<Self> {
        let script: PathBuf =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forward/pytorch.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(files.checkpoint())
            .arg(files.architecture.heads.to_string())
            .arg(dtype.name());
        Self::start(command)
    }

    fn start(mut command: Command) -> Outcome<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take().ok_or("no pipe to the process")?;
        let answers = child.stdout.take().ok_or("no pipe from the process")?;
        let mut peer = Self {
            child,
            requests,
            answers: BufReader::new(answers),
            greeting: Value::Null,
        };
        peer.greeting = peer.answer()?;
        Ok(peer)
    }

    pub(crate) fn ask(&mut self, request: &str) -> Outcome<Value> {
        writeln!(self.requests, "{request}")?;
        self.answer()
    }

    /// A number of an answer.
    pub(crate) fn number(&mut self, request: &str, field: &str) -> Outcome<f64> {
        let answer = self.ask(request)?;
        let number = answer[field].as_f64();
        Ok(number.ok_or_else(|| format!("{request}: no {field} in {answer}"))?)
    }

    fn answer(&mut self) -> Outcome<Value> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err("a process of the comparison ended; it says above why".into()),
            _ => Ok(serde_json::from_str(&line)?),
        }
    }

    /// Lets the process end and waits for it.
    pub(crate) fn end(self) -> Outcome<()> {
        let Self {
            mut child,
            requests,
            ..
        } = self;
        drop(requests);
        match child.wait()?.success() {
            true => Ok(()),
            false => Err("a process of the comparison failed at its end".into()),
        }
    }
}

/// The torch of a Python, if it has one.
pub(crate) fn torch_version(python: &str) -> Option<String> {
    let output = Command::new(python)
        .args(["-c", "import torch; print(torch.__version__)"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version.trim().to_owned())
}
