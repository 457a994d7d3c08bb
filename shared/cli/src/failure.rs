//! Failures of commands, and their exit codes.

use std::fmt;

/// The reason why a command did not do its work. The only place that knows exit codes.
#[derive(Debug)]
pub enum Failure {
    /// Wrong usage or configuration, found before any work started.
    Refused(anyhow::Error),
    /// The work was begun and failed.
    Failed(anyhow::Error),
}

impl Failure {
    /// The process' exit code: 2 for what was refused, 1 for what failed.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    const fn error(&self) -> &anyhow::Error {
        match self {
            Self::Refused(error) | Self::Failed(error) => error,
        }
    }
}

/// The chain of an error's causes on one line. A cause that the message before it already quotes is left out.
#[must_use]
pub fn causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said.trim_end().to_owned()
}

/// The causes, as [`causes`] tells them.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&causes(self.error()))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Marks errors of the preparation, before any work starts.
pub trait OrRefuse<T> {
    /// Turns any error into [`Failure::Refused`].
    ///
    /// # Errors
    /// When there is an error.
    fn or_refuse(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrRefuse<T> for Result<T, E> {
    fn or_refuse(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Refused(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let io = || anyhow!("no such file");
        let check = |error: anyhow::Error, expected: &str| {
            assert_eq!(Failure::from(error).to_string(), expected);
        };
        check(
            io().context("a.npy: no such file").context("reading"),
            "reading: a.npy: no such file",
        );
        check(io().context("reading"), "reading: no such file");
    }

    #[test]
    fn what_is_refused_exits_with_2() {
        let refused: Result<(), _> = Err(anyhow!("no")).or_refuse();
        assert_eq!(refused.unwrap_err().exit_code(), 2);
        assert_eq!(Failure::from(anyhow!("no")).exit_code(), 1);
    }
}
