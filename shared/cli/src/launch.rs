//! A program from its command line to its exit code.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::{ArgMatches, Error, Parser};
use splitsim_display::printable_lines;

use crate::end::end;
use crate::{Failure, Screen, Signals, Stdout, help, logging, paths};

/// A program: what can be typed after its name, and what is done then.
pub trait Program: Parser {
    /// The log filter by default.
    const LOG: &'static str;

    /// The exit code of a process that a signal ends before its work has begun: 1, because the work was
    /// not done. Programs that run until a signal ends them set another.
    const INTERRUPTED: u8 = 1;

    /// Reads the command line from clap's matches. Programs override it if they need to know which
    /// options were left out.
    ///
    /// # Errors
    /// When clap's view lacks what the program's type has.
    fn read(typed: &ArgMatches) -> Result<Self, Error> {
        Self::from_arg_matches(typed)
    }

    /// The filter that was typed.
    fn log(&self) -> &str;

    /// Does what was typed.
    ///
    /// # Errors
    /// When it is refused before any work, or fails. What came of it until then has been written.
    fn run(self, console: &mut Console) -> Result<(), Failure>;
}

/// The surroundings of a running program: its output, its screen and its signals.
#[derive(Debug)]
pub struct Console {
    /// For results.
    pub stdout: Stdout,
    /// For progress, the log and errors.
    pub screen: Screen,
    /// Ctrl-C and SIGTERM.
    pub signals: Signals,
}

/// Runs a program, and ends the process with its exit code: 0 done, 1 failed, 2 refused.
///
/// Help and version go to stdout, wrong usage to stderr with exit code 2, as everywhere; neither cares
/// whether somebody reads.
pub fn launch<P: Program>() -> ! {
    let screen = Screen::stderr();
    let code = catch_unwind(AssertUnwindSafe(|| run::<P>(&screen)));
    // The panic's message has been written by its hook.
    end(&screen, code.unwrap_or(PANICKED))
}

/// The exit code of a Rust program that panicked.
const PANICKED: u8 = 101;

fn run<P: Program>(screen: &Screen) -> u8 {
    let mut stdout = Stdout::default();
    let program = match parse::<P>() {
        Ok(program) => program,
        Err(error) => return explain::<P>(&error, stdout, screen),
    };
    let signals = match Signals::listen(screen, P::INTERRUPTED) {
        Ok(signals) => signals,
        Err(error) => return conclude::<P>(Err(Failure::Failed(error)), &stdout, screen),
    };
    let filter = match program.log().trim() {
        "" => P::LOG,
        filter => filter,
    };
    let outcome = logging::start(filter, screen).and_then(|()| {
        tracing::debug!("listening for signals");
        let mut console = Console {
            stdout: std::mem::take(&mut stdout),
            screen: screen.clone(),
            signals,
        };
        let outcome = program.run(&mut console);
        stdout = console.stdout;
        outcome
    });
    conclude::<P>(outcome, &stdout, screen)
}

fn parse<P: Program>() -> Result<P, Error> {
    let matches = help::command::<P>().try_get_matches()?;
    P::read(&matches).map_err(|error| error.format(&mut help::command::<P>()))
}

/// Prints help, the version, or what is wrong with what was typed.
fn explain<P: Program>(error: &Error, mut stdout: Stdout, screen: &Screen) -> u8 {
    if error.use_stderr() {
        // What was typed may hold file names, which are not coloured then.
        let foreign = std::env::args_os().any(|word| !is_plain(&word));
        match foreign {
            true => screen.raw(&printable_lines(&error.to_string())),
            false if screen.has_colours() => screen.raw(&error.render().ansi().to_string()),
            false => screen.raw(&error.to_string()),
        }
        return 2;
    }
    stdout.note(error.print().and_then(|()| io::stdout().flush()));
    conclude::<P>(Ok(()), &stdout, screen)
}

fn is_plain(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|word| printable_lines(word) == word)
}

/// The exit code; says what went wrong, the writing of results included.
fn conclude<P: Program>(outcome: Result<(), Failure>, stdout: &Stdout, screen: &Screen) -> u8 {
    let code = match &outcome {
        Ok(()) => 0,
        Err(failure) => {
            let error = failure.to_string();
            let words: Vec<String> = std::env::args_os()
                .skip(1)
                .filter_map(|word| word.into_string().ok())
                .collect();
            let remark = paths::remark(&error, &words, &help::command::<P>());
            screen.error(format_args!("{error}{}", remark.unwrap_or_default()));
            failure.exit_code()
        }
    };
    match stdout.failure() {
        None => code,
        Some(error) => {
            screen.error(format_args!("cannot write results to stdout: {error}"));
            code.max(1)
        }
    }
}
