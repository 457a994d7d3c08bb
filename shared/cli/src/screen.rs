//! Progress on stderr: bars on a terminal, plain lines now and then elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use splitsim_display::{printable, printable_lines};

use crate::lines::Lines;
use crate::stdout::write_all;

/// The time between two plain lines for the same bar.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The display of progress, the log and errors, on stderr. Clones share the terminal.
///
/// Display never fails: whatever happens to stderr, the program's work continues.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    terminal: bool,
    /// `None` if no thread could be started: callers then write their lines themselves.
    lines: Option<Lines>,
}

/// The progress of one thing.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    plain: Option<PlainLines>,
    estimates: bool,
}

/// The replacement for a bar where there is no terminal: lines of text.
#[derive(Debug)]
struct PlainLines {
    screen: Screen,
    label: String,
    last: Instant,
    /// The count that the last line showed.
    said: Option<u64>,
}

/// Writes log lines above the bars.
#[derive(Debug, Clone)]
pub struct LogWriter(Screen);

impl Screen {
    /// The process' stderr.
    #[must_use]
    pub fn stderr() -> Self {
        let terminal = io::stderr().is_terminal();
        let bars = match terminal {
            true => MultiProgress::new(),
            false => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
        };
        let above = bars.clone();
        Self {
            bars,
            terminal,
            lines: Lines::new(move |line| write_above(&above, line)).ok(),
        }
    }

    /// Returns `true` if stderr is a terminal.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns `true` if stderr is a terminal and its user wants colours: `NO_COLOR` (no-color.org)
    /// is not set.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.terminal && !refused
    }

    /// A writer for logs that does not disturb the bars.
    #[must_use]
    pub fn log_writer(&self) -> LogWriter {
        LogWriter(self.clone())
    }

    /// A line of its own. Whatever text is in it, it stays one line.
    pub fn note(&self, line: &str) {
        self.push(format!("{}\n", printable(line)));
    }

    /// An error, by which the program does not do what it was asked. Further lines of its message are
    /// indented, so that none can pass for another message.
    pub fn error(&self, error: impl fmt::Display) {
        let text = printable_lines(&format!("error: {error}"));
        self.push(format!("{}\n", text.trim_end().replace('\n', "\n  ")));
    }

    /// A bar over `total` of something.
    pub fn bar(&self, label: impl Into<Cow<'static, str>>, total: u64) -> Bar {
        let label = printable(label.into()).to_string();
        let plain = (!self.terminal).then(|| PlainLines {
            screen: self.clone(),
            label: label.clone(),
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

    /// Waits until what was said is written.
    pub fn flush(&self) {
        if let Some(lines) = &self.lines {
            lines.flush();
        }
    }

    /// A text that is printable and may have its own colours and lines.
    pub(crate) fn raw(&self, text: &str) {
        self.push(format!("{}\n", text.trim_end_matches('\n')));
    }

    /// Says a text that ends with a line break.
    fn push(&self, text: String) {
        match &self.lines {
            Some(lines) => lines.push(text),
            // Nobody could be told that nobody can be told.
            None => drop(write_above(&self.bars, &text)),
        }
    }
}

impl Bar {
    /// Leaves the estimate of the time left to the message.
    #[must_use]
    pub fn without_estimate(mut self) -> Self {
        self.bar.set_style(style(TEMPLATE));
        self.estimates = false;
        self
    }

    /// Adds one to the count of finished steps.
    pub fn advance(&mut self) {
        self.set(self.bar.position() + 1);
    }

    /// Sets the total, if it was not known from the start.
    pub fn set_total(&mut self, total: u64) {
        self.bar.set_length(total);
    }

    /// Sets the count of finished steps.
    pub fn set(&mut self, done: u64) {
        self.bar.set_position(done);
        self.plain_line(false);
    }

    /// Shows a message beside the count.
    pub fn message(&self, message: &str) {
        self.bar.set_message(printable(message).to_string());
    }

    /// Takes the bar away, without a last word.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }

    /// Leaves the bar as it stands.
    pub fn finish(mut self) {
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
        plain.screen.note(&line);
    }
}

/// Takes whole records, as the log's subscriber writes them, and never fails.
impl Write for LogWriter {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let text = text.trim_end_matches('\n');
        if self.0.has_colours() {
            // The fields are printable already; what remains is the subscriber's own.
            self.0.push(format!("{text}\n"));
        } else {
            self.0.note(text);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines to stderr, above the bars that are there.
fn write_above(bars: &MultiProgress, lines: &str) -> io::Result<()> {
    match bars.is_hidden() {
        true => write_all(&mut io::stderr().lock(), lines.as_bytes()),
        false => bars.println(lines.trim_end_matches('\n')),
    }
}

/// A bar's looks.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants that the unit test parses")
        .progress_chars("=> ")
}

/// The layout of a bar. Text that does not fit the terminal is cut off at its right edge.
const TEMPLATE: &str = "  {prefix:<24} [{bar:16}] {pos}/{len} {wide_msg}";
const TEMPLATE_WITH_ESTIMATE: &str = "  {prefix:<24} [{bar:16}] {pos}/{len} ETA {eta} {wide_msg}";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A screen without a terminal, and the text that it shows.
    fn screen() -> (Screen, Arc<Mutex<String>>) {
        let said = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&said);
        let lines = Lines::new(move |line| {
            kept.lock().unwrap().push_str(line);
            Ok(())
        });
        let screen = Screen {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            terminal: false,
            lines: Some(lines.unwrap()),
        };
        (screen, said)
    }

    #[test]
    fn a_bar_counts_without_a_terminal_too() {
        let (screen, said) = screen();
        for mut bar in [
            screen.bar("counting", 3),
            screen.bar("counting", 3).without_estimate(),
        ] {
            bar.advance();
            bar.advance();
            assert_eq!(bar.bar.position(), 2);
            bar.finish();
        }
        screen.flush();
        assert_eq!(*said.lock().unwrap(), "counting 2/3\ncounting 2/3\n");
    }

    #[test]
    fn foreign_text_stays_on_its_line() {
        let (screen, said) = screen();
        screen.note("a\nERROR forged\u{1b}[2J");
        screen.error("b\nerror: forged");
        let mut writer = screen.log_writer();
        writer.write_all(b" WARN c\n WARN forged\x1b[1m\n").unwrap();
        let mut bar = screen.bar("d\u{1b}[0m", 1);
        bar.message("e\r\n");
        bar.advance();
        bar.finish();
        screen.flush();
        let expected = concat!(
            r"a\nERROR forged\u{1b}[2J",
            "\nerror: b\n  error: forged\n",
            r" WARN c\n WARN forged\u{1b}[1m",
            "\n",
            r"d\u{1b}[0m 1/1, e\r\n",
            "\n",
        );
        assert_eq!(*said.lock().unwrap(), expected);
    }
}
