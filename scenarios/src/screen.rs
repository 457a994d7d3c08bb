//! Progress on stderr: bars on a terminal, plain lines now and then elsewhere.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a plain line is written for one bar.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Where progress is shown. Clones share the terminal.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    terminal: bool,
}

/// The progress of one thing.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    plain: Option<PlainLines>,
    estimates: bool,
}

/// What stands for a bar where there is no terminal.
#[derive(Debug)]
struct PlainLines {
    label: String,
    last: Instant,
    /// How many were done by the last line.
    said: Option<u64>,
}

/// Writes log lines above the bars.
#[derive(Debug, Clone)]
pub struct LogWriter(MultiProgress);

impl Screen {
    /// The process' stderr.
    #[must_use]
    pub fn stderr() -> Self {
        Self {
            bars: MultiProgress::new(),
            terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether stderr is a terminal.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A writer for logs that does not disturb the bars.
    #[must_use]
    pub fn log_writer(&self) -> LogWriter {
        LogWriter(self.bars.clone())
    }

    /// A line of its own.
    pub(crate) fn note(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// A bar over `total` of something.
    pub(crate) fn bar(&self, label: impl Into<Cow<'static, str>>, total: u64) -> Bar {
        let label = label.into();
        let plain = (!self.terminal).then(|| PlainLines {
            label: label.clone().into_owned(),
            last: Instant::now(),
            said: None,
        });
        let bar = self.bars.add(ProgressBar::new(total));
        bar.set_style(style(TEMPLATE_WITH_ESTIMATE));
        bar.set_prefix(label);
        Bar {
            bar,
            plain,
            estimates: true,
        }
    }
}

impl Bar {
    /// Leaves the estimate of the time left to the message.
    pub(crate) fn without_estimate(mut self) -> Self {
        self.bar.set_style(style(TEMPLATE));
        self.estimates = false;
        self
    }

    /// One more is done.
    pub(crate) fn advance(&mut self) {
        self.set(self.bar.position() + 1);
    }

    /// How many there are, where that was not known from the start.
    pub(crate) fn set_total(&mut self, total: u64) {
        self.bar.set_length(total);
    }

    /// So many are done.
    pub(crate) fn set(&mut self, done: u64) {
        self.bar.set_position(done);
        self.plain_line(false);
    }

    /// What is known beside the count.
    pub(crate) fn message(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Takes the bar away, without a last word.
    pub(crate) fn clear(self) {
        self.bar.finish_and_clear();
    }

    /// Leaves the bar as it stands.
    pub(crate) fn finish(mut self) {
        self.bar.abandon();
        self.plain_line(true);
    }

    fn plain_line(&mut self, last: bool) {
        let Some(plain) = &mut self.plain else { return };
        if !last && plain.last.elapsed() < PLAIN_EVERY {
            return;
        }
        if last && plain.said == Some(self.bar.position()) {
            return;
        }
        plain.last = Instant::now();
        plain.said = Some(self.bar.position());
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let mut line = format!("{} {done}/{total}", plain.label);
        if !self.bar.message().is_empty() {
            line = format!("{line}, {}", self.bar.message());
        }
        if !last && self.estimates {
            let left = Duration::from_secs(self.bar.eta().as_secs());
            line = format!("{line}, about {} left", humantime::format_duration(left));
        }
        eprintln!("{line}");
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A bar's looks.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants that the unit test parses")
        .progress_chars("=> ")
}

/// What does not fit the terminal is cut off at its right edge.
const TEMPLATE: &str = "  {prefix:<24} [{bar:16}] {pos}/{len} {wide_msg}";
const TEMPLATE_WITH_ESTIMATE: &str = "  {prefix:<24} [{bar:16}] {pos}/{len} ETA {eta} {wide_msg}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_counts_without_a_terminal_too() {
        let screen = Screen {
            bars: MultiProgress::new(),
            terminal: false,
        };
        for mut bar in [
            screen.bar("counting", 3),
            screen.bar("counting", 3).without_estimate(),
        ] {
            bar.advance();
            bar.advance();
            assert_eq!(bar.bar.position(), 2);
            bar.finish();
        }
    }
}
