//! The `splitsim` command: experiments, laboratory and model tools.

use splitsim_scenarios::Cli;

fn main() -> ! {
    splitsim_cli::launch::<Cli>()
}
