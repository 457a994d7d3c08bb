//! Ctrl-C, SIGTERM, and a terminal that goes away.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Screen;
use crate::end::end;

/// The process' ear for Ctrl-C (SIGINT), SIGTERM and SIGHUP. Clones hear the same.
///
/// Until somebody asks for a [`stop`](Self::stop), while a model loads say, a signal ends the process by an
/// exit code of its own. From then on the first signal asks the work to end, and the second ends the
/// process at once. A process that `nohup` has started does not hear SIGHUP.
///
/// A file that reaches the limit of `ulimit -f` gives an error like a full disk, and no signal.
#[derive(Debug, Clone)]
pub struct Signals(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    screen: Screen,
    mode: Mutex<Mode>,
}

#[derive(Debug)]
enum Mode {
    /// End at once: no work is under way that could be kept.
    AtOnce { code: u8 },
    /// Work is under way that ends when it is asked to.
    Politely {
        stop: CancellationToken,
        said: &'static str,
    },
    /// The work was asked to end.
    Asked,
}

impl Signals {
    /// Listens from now on, on a thread of its own. `code` is the exit code of a process that is ended
    /// before its work has begun.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub(crate) fn listen(screen: &Screen, code: u8) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot listen for signals")?;
        let caught = |kind| signal(kind).context("cannot catch signals");
        let context = runtime.enter();
        let mut heard = vec![
            caught(SignalKind::interrupt())?,
            caught(SignalKind::terminate())?,
        ];
        if !hangup_is_ignored() {
            heard.push(caught(SignalKind::hangup())?);
        }
        // Caught and passed over, it no longer ends the process: the write fails with EFBIG.
        drop(caught(SignalKind::from_raw(libc::SIGXFSZ))?);
        drop(context);
        let signals = Self(Arc::new(Shared {
            screen: screen.clone(),
            mode: Mutex::new(Mode::AtOnce { code }),
        }));
        let listener = Arc::clone(&signals.0);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || listener.attend(&runtime, heard))
            .context("cannot listen for signals")?;
        Ok(signals)
    }

    /// Returns a token that the next signal cancels, printing `said`. The signal after that ends
    /// the process.
    #[must_use]
    pub fn stop(&self, said: &'static str) -> CancellationToken {
        let stop = CancellationToken::new();
        *self.0.mode() = Mode::Politely {
            stop: stop.clone(),
            said,
        };
        stop
    }
}

impl Shared {
    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attend(&self, runtime: &Runtime, mut heard: Vec<Signal>) {
        loop {
            runtime.block_on(poll_fn(|context| {
                let mut polls = heard.iter_mut().map(|signal| signal.poll_recv(context));
                match polls.any(|poll| poll.is_ready()) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            }));
            self.hear();
        }
    }

    fn hear(&self) {
        let mut mode = self.mode();
        match &*mode {
            Mode::AtOnce { code } => {
                self.screen
                    .note("interrupted before any work was begun that could be kept");
                end(&self.screen, *code)
            }
            Mode::Politely { stop, said } => {
                stop.cancel();
                self.screen.note(said);
                *mode = Mode::Asked;
            }
            Mode::Asked => {
                self.screen.note("ended at once");
                end(&self.screen, 1)
            }
        }
    }
}

/// `true` if the process was started with SIGHUP ignored, as `nohup` does it.
#[allow(
    clippy::disallowed_methods,
    reason = "the kernel's own file is short and never waits"
)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_ignored(&status, libc::SIGHUP)
}

/// `true` if the text of `/proc/PID/status` counts a signal among those that the process ignores.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_known_from_the_process_status() {
        let status = "Name:\tedge\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, libc::SIGHUP) && is_ignored(status, libc::SIGPIPE));
        assert!(!is_ignored(status, libc::SIGTERM) && !is_ignored("", libc::SIGHUP));
    }
}
