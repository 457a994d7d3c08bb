//! The shell of the three programs `edge`, `cloud` and `splitsim`.
//!
//! Open in this order:
//!
//! - [`launch`]: a program from its command line to its exit code;
//! - [`Console`]: what a program at work has of its surroundings: [`Stdout`] for results, [`Screen`] for
//!   progress and log, [`Signals`];
//! - [`Failure`], [`OrRefuse`]: why work was not done, and the exit code that says so;
//! - [`Count`], [`Span`], [`bounds`]: numbers and times of options, with the range that is sensible;
//! - [`names`]: options whose values are the names of a type;
//! - [`help`]: help texts that fit a terminal;
//! - [`VERSION`]: the version with the commit that it was built from.
//!
//! No output can end a program: a reader of stdout that goes away ends the output, a device that is full
//! is reported at the end by message and exit code, and nothing that happens to stderr does anything.

pub mod bounds;
mod end;
mod failure;
pub mod help;
mod launch;
mod lines;
mod logging;
pub mod names;
mod paths;
mod screen;
mod signals;
mod stdout;
mod version;

pub use bounds::{Count, OutOfRange, Span};
pub use failure::{Failure, OrRefuse, causes};
pub use launch::{Console, Program, launch};
pub use screen::{Bar, LogWriter, Screen};
pub use signals::Signals;
pub use stdout::Stdout;
pub use version::VERSION;
