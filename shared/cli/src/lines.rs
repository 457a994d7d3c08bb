//! The way of lines to stderr: a bounded queue, and the one thread that writes.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A queue of lines for stderr. Clones share the queue.
///
/// Callers wait for a slow reader, but not for one that has stopped (a pager that nobody scrolls, a
/// stopped collector of logs): after [`PATIENCE`], lines are dropped until it reads again, and a
/// line then reports their number.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<String>,
    /// A line has been taken and is not written yet.
    writing: bool,
    /// The reader has taken nothing for as long as anybody waits.
    still: bool,
    /// Lines for which there was no room.
    dropped: u64,
    /// `true` once the reader is gone.
    unread: bool,
}

/// Lines that may wait.
const CAPACITY: usize = 1024;

/// The time to wait while the queue is full.
const PATIENCE: Duration = Duration::from_secs(1);

impl Lines {
    /// A queue whose lines `write` gets, on a thread of its own; each ends with a line break.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn new(
        write: impl FnMut(&str) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        thread::Builder::new()
            .name("stderr".to_owned())
            .spawn(move || shared.write_all(write))?;
        Ok(lines)
    }

    /// Adds a line.
    pub(crate) fn push(&self, line: String) {
        let mut state = self.0.lock();
        if !state.still && state.is_full() {
            (state, _) = self
                .0
                .changed
                .wait_timeout_while(state, PATIENCE, |state| state.is_full())
                .unwrap_or_else(PoisonError::into_inner);
            state.still = state.is_full();
        }
        if state.is_full() {
            state.dropped += 1;
            return;
        }
        if !state.unread {
            state.waiting.push_back(line);
            self.0.changed.notify_all();
        }
    }

    /// Waits until all is written, though not for a reader that stands still.
    pub(crate) fn flush(&self) {
        let pending = |state: &mut State| state.writing || !state.waiting.is_empty();
        // Poisoned or late, there is nothing more to be done.
        drop(
            self.0
                .changed
                .wait_timeout_while(self.0.lock(), PATIENCE, pending),
        );
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting.len() >= CAPACITY && !self.unread
    }

    /// Takes the next text to write; `None` if nothing is queued.
    fn next(&mut self) -> Option<String> {
        if self.dropped > 0 && self.waiting.is_empty() {
            let dropped = std::mem::take(&mut self.dropped);
            return Some(format!(
                "{dropped} lines are missing here: nobody read them in time\n"
            ));
        }
        self.waiting.pop_front()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nobody reads any more.
    fn write_all(&self, mut write: impl FnMut(&str) -> io::Result<()>) {
        loop {
            let mut state = self.lock();
            let line = loop {
                if let Some(line) = state.next() {
                    break line;
                }
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            state.writing = true;
            drop(state);
            let written = write(&line);
            let mut state = self.lock();
            state.writing = false;
            state.still = false;
            // A device that is full now may have room for the next line.
            if written.is_err_and(|error| error.kind() != ErrorKind::StorageFull) {
                state.unread = true;
                state.waiting.clear();
            }
            let unread = state.unread;
            drop(state);
            self.changed.notify_all();
            if unread {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A way whose reader takes a line whenever it is allowed to.
    fn way() -> (Lines, Sender<io::Result<()>>, Receiver<String>) {
        let (allow, allowed) = channel();
        let (seen, read) = channel();
        let lines = Lines::new(move |line| {
            seen.send(line.to_owned()).unwrap();
            allowed.recv().unwrap()
        });
        (lines.unwrap(), allow, read)
    }

    #[test]
    fn lines_arrive_in_their_order() {
        let (lines, allow, read) = way();
        for line in ["a\n", "b\n"] {
            lines.push(line.to_owned());
            allow.send(Ok(())).unwrap();
        }
        lines.flush();
        assert_eq!(read.try_iter().collect::<Vec<_>>(), ["a\n", "b\n"]);
    }

    #[test]
    fn a_reader_that_stands_still_loses_lines_and_hears_how_many() {
        let (lines, allow, read) = way();
        lines.push("first\n".to_owned());
        // The thread holds the first line; the rest fills the queue, and three find no room.
        assert_eq!(read.recv().unwrap(), "first\n");
        (0..CAPACITY + 3).for_each(|line| lines.push(format!("{line}\n")));
        (0..CAPACITY + 2).for_each(|_| allow.send(Ok(())).unwrap());
        let last = read.iter().take(CAPACITY + 1).last().unwrap();
        assert_eq!(last, "3 lines are missing here: nobody read them in time\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_left_in_peace() {
        let (lines, allow, read) = way();
        lines.push("seen\n".to_owned());
        allow.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        lines.flush();
        (0..2 * CAPACITY).for_each(|_| lines.push("unseen\n".to_owned()));
        lines.flush();
        assert_eq!(read.iter().collect::<Vec<_>>(), ["seen\n"]);
    }

    #[test]
    fn a_device_that_is_full_may_be_freed() {
        let (lines, allow, read) = way();
        lines.push("lost\n".to_owned());
        allow.send(Err(ErrorKind::StorageFull.into())).unwrap();
        lines.push("written\n".to_owned());
        allow.send(Ok(())).unwrap();
        lines.flush();
        assert_eq!(read.try_iter().count(), 2);
    }
}
