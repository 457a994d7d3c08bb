use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// The process' stdout, for results.
///
/// Writes never fail at once. When the reader goes away, the rest is dropped silently: a user who
/// ends a pipe early has seen enough. Any other failure, such as a full device, ends the output as
/// well; [`failure`](Self::failure) reports it once everything else is done.
#[derive(Debug, Default)]
pub struct Stdout {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    /// Nobody reads any more.
    Unread,
    Failed(io::Error),
}

impl Stdout {
    /// Writes a text, and a line break where it has none.
    pub fn line(&mut self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write(&format!("{text}{end}"));
    }

    /// The error that kept results from being written; `None` if the reader merely went away.
    #[must_use]
    pub const fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            State::Open | State::Unread => None,
            State::Failed(error) => Some(error),
        }
    }

    fn write(&mut self, text: &str) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let mut stdout = io::stdout().lock();
        let written =
            write_all(&mut stdout, text.as_bytes()).and_then(|()| patiently(|| stdout.flush()));
        self.note(written);
    }

    /// Remembers how writing went.
    pub(crate) fn note(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.state = State::Unread,
            Err(error) => self.state = State::Failed(error),
        }
    }
}

/// Between attempts at a stream that takes nothing at the moment.
const PAUSE: Duration = Duration::from_millis(5);

/// Like [`Write::write_all`], but also works on a descriptor that another program has made
/// non-blocking, as a terminal multiplexer or a job runner does with a pipe that it shares.
pub(crate) fn write_all(to: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match patiently(|| to.write(bytes))? {
            0 => return Err(ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_no_failure_and_a_full_device_is() {
        let mut stdout = Stdout::default();
        stdout.note(Err(ErrorKind::BrokenPipe.into()));
        assert!(stdout.failure().is_none());
        let mut stdout = Stdout::default();
        stdout.note(Err(ErrorKind::StorageFull.into()));
        let failure = stdout.failure().map(io::Error::kind);
        assert_eq!(failure, Some(ErrorKind::StorageFull));
    }

    /// Takes a byte at every other attempt.
    struct Slow {
        taken: Vec<u8>,
        busy: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.busy = !self.busy;
            if self.busy {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.push(bytes[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_would_block_is_waited_for() {
        let mut slow = Slow {
            taken: Vec::new(),
            busy: false,
        };
        write_all(&mut slow, b"whole").unwrap();
        assert_eq!(slow.taken, b"whole");
    }
}
