use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;

/// A process that answers a request a line with a JSON object a line.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    greeting: Value,
}

/// An error that explains why a process cannot be used as a peer in a measurement.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The process could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A pipe broke.
    #[error("no pipe to the process: {0}")]
    Pipe(#[from] io::Error),
    /// The process ended before it answered.
    #[error("the process ended while it was asked '{request}'; what it wrote stands above")]
    Ended {
        /// The request.
        request: String,
    },
    /// The answer is not a JSON object of the expected fields.
    #[error("asked '{request}', the process answered '{answer}': expected {expected}")]
    Answer {
        /// The request.
        request: String,
        /// The answer.
        answer: String,
        /// The fields expected.
        expected: String,
    },
    /// The process failed at its end.
    #[error("the process failed at its end: {0}")]
    Failed(ExitStatus),
}

impl Peer {
    /// Starts the process and waits for its greeting, which it sends when it is ready.
    ///
    /// # Errors
    /// When it cannot be started, or ends or says something else first.
    pub fn start(mut command: Command) -> Result<Self, PeerError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| PeerError::Start {
                program: command.get_program().to_string_lossy().into_owned(),
                source,
            })?;
        let missing = || io::Error::other("none was made");
        let requests = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        let mut peer = Self {
            child,
            requests,
            answers: BufReader::new(answers),
            greeting: Value::Null,
        };
        peer.greeting = peer.answer("its greeting")?;
        Ok(peer)
    }

    /// A Python script as a process.
    #[must_use]
    pub fn script(python: &str, script: &Path) -> Command {
        let mut command = Command::new(python);
        command.arg(script);
        command
    }

    /// The greeting that the process sent when it was ready.
    #[must_use]
    pub const fn greeting(&self) -> &Value {
        &self.greeting
    }

    /// Sends a line and waits for the answer.
    ///
    /// # Errors
    /// When the process ends instead, or answers something else than JSON.
    pub fn ask(&mut self, request: &str) -> Result<Value, PeerError> {
        match writeln!(self.requests, "{request}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
        self.answer(request)
    }

    /// Sends a line and takes a number out of the answer.
    ///
    /// # Errors
    /// Those of [`Peer::ask`], and when there is no such number.
    pub fn number(&mut self, request: &str, field: &str) -> Result<f64, PeerError> {
        let answer = self.ask(request)?;
        answer[field].as_f64().ok_or_else(|| PeerError::Answer {
            request: request.to_owned(),
            answer: answer.to_string(),
            expected: format!("a number '{field}'"),
        })
    }

    fn answer(&mut self, request: &str) -> Result<Value, PeerError> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(PeerError::Ended {
                request: request.to_owned(),
            });
        }
        serde_json::from_str(&line).map_err(|error| PeerError::Answer {
            request: request.to_owned(),
            answer: line.trim_end().to_owned(),
            expected: format!("JSON ({error})"),
        })
    }

    /// Lets the process end and waits for it.
    ///
    /// # Errors
    /// When it fails at its end.
    pub fn end(self) -> Result<(), PeerError> {
        let Self {
            mut child,
            requests,
            ..
        } = self;
        drop(requests);
        let status = child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(PeerError::Failed(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Peer, PeerError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Peer::start(command)
    }

    #[test]
    fn a_process_greets_answers_and_ends() {
        let echo = r#"echo '{"ready": true}'; while read word number; do echo "{\"$word\": $number}"; done"#;
        let mut peer = shell(echo).unwrap();
        assert_eq!(peer.greeting()["ready"], true);
        assert_eq!(peer.ask("one 1").unwrap()["one"], 1);
        assert_eq!(peer.number("half 0.5", "half").unwrap(), 0.5);
        let error = peer.number("half 0.5", "whole").unwrap_err();
        assert!(error.to_string().contains("a number 'whole'"), "{error}");
        peer.end().unwrap();
    }

    #[test]
    fn a_process_that_is_none_or_ends_is_an_error() {
        let error = Peer::start(Command::new("no-such-program")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot start no-such-program")
        );
        assert!(matches!(shell("exit 0"), Err(PeerError::Ended { .. })));
        assert!(matches!(shell("echo hello"), Err(PeerError::Answer { .. })));
        let mut short = shell("echo '{}'; read word; exit 3").unwrap();
        assert!(matches!(short.ask("word"), Err(PeerError::Ended { .. })));
        assert!(matches!(short.end(), Err(PeerError::Failed(_))));
    }
}
