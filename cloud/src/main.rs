//! `cloud`: serves edges on this machine. See `cloud serve --help`.

mod cli;
mod serve;

use cli::{Cli, Command};
use splitsim_cli::{Console, Failure, Program};

fn main() -> ! {
    splitsim_cli::launch::<Cli>()
}

impl Program for Cli {
    const LOG: &'static str = "info";

    /// The exit code after an interrupt: it is the normal way to end a cloud.
    const INTERRUPTED: u8 = 0;

    fn log(&self) -> &str {
        let Command::Serve(args) = &self.command;
        &args.log
    }

    fn run(self, console: &mut Console) -> Result<(), Failure> {
        let Command::Serve(args) = self.command;
        serve::run(&args, console)
    }
}
