use anyhow::anyhow;
use clap::{Parser, Subcommand};
use splitsim_cli::{Console, Program};

use crate::commands::{
    certs, cfqa, codec, export, features, heads, ladder, link, list, model, policies, report, run,
    scenes, validate,
};
use crate::{Failure, Output, Screen, Signals};

/// Edge-cloud split inference with a feature-quality gate, measured for real.
#[derive(Debug, Parser)]
#[command(name = "splitsim", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Log filter for stderr: error, warn, info, debug, trace, or one such as splitsim_edge=debug
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "RUST_LOG",
        default_value = Self::LOG
    )]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario: one cloud, one edge per task, policy after policy
    Run(run::Run),
    /// Make report.html of a run's results
    Report(report::Report),
    /// Write a run's results as Parquet or CSV
    Export(export::Export),
    /// Check scenario files without running them
    Validate(validate::Validate),
    /// List scenario files
    List(list::List),
    /// Procedural pictures with ground truth
    #[command(subcommand)]
    Scenes(scenes::ScenesCommand),
    /// Intermediate features of pictures
    #[command(subcommand)]
    Features(features::FeaturesCommand),
    /// Task heads on features
    #[command(subcommand)]
    Heads(heads::HeadsCommand),
    /// Traces of links
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Feature codecs
    #[command(subcommand)]
    Codec(codec::CodecCommand),
    /// Feature quality metrics, and whether they predict what tasks lose
    #[command(subcommand)]
    Cfqa(cfqa::CfqaCommand),
    /// Model packages
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Recorded ladders: every frame at every level
    #[command(subcommand)]
    Ladder(ladder::LadderCommand),
    /// Decision policies over recorded ladders
    #[command(subcommand)]
    Policies(policies::PoliciesCommand),
    /// Make the certificates with which edges and a cloud trust each other
    Certs(certs::Certs),
}

impl Cli {
    /// Does what was typed; progress goes to `screen`.
    fn perform(self, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        match self.command {
            Command::Run(run) => run.run(screen, signals),
            Command::Report(report) => report.run(screen),
            Command::Export(export) => export.run(),
            Command::Validate(validate) => validate.run(),
            Command::List(list) => list.run(),
            Command::Scenes(scenes) => scenes.run(screen),
            Command::Features(features) => features.run(screen),
            Command::Heads(heads) => heads.run(),
            Command::Link(link) => link.run(),
            Command::Codec(codec) => codec.run(screen),
            Command::Cfqa(cfqa) => cfqa.run(screen),
            Command::Model(model) => model.run(screen),
            Command::Ladder(ladder) => ladder.run(screen, signals),
            Command::Policies(policies) => policies.run(),
            Command::Certs(certs) => certs.run(),
        }
    }
}

impl Program for Cli {
    const LOG: &'static str = "warn";

    fn log(&self) -> &str {
        &self.log
    }

    fn run(self, console: &mut Console) -> Result<(), Failure> {
        let json = self.json;
        let output = self.perform(&console.screen, &console.signals)?;
        console.stdout.line(&output.render(json));
        match output.shortfall() {
            None => Ok(()),
            Some(shortfall) => Err(Failure::Failed(anyhow!("{shortfall}"))),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim run scenarios/demo.toml
  splitsim scenes render --count 12 --seed 4 --out out/scenes
  splitsim model info tiny-scenes
Exit codes: 0 done; 1 the work failed; 2 wrong usage or configuration, found before any work.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use splitsim_cli::help;

    use super::*;

    #[test]
    fn help_fits_a_terminal_and_its_examples_parse() {
        for text in help::texts::<Cli>() {
            for line in text.lines() {
                assert!(line.chars().count() <= help::WIDTH, "{line}");
            }
            for words in help::examples(&text) {
                if words[0] == "splitsim" {
                    let parsed = Cli::try_parse_from(&words);
                    assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
                }
            }
        }
    }

    #[test]
    fn options_go_by_the_names_of_scenario_keys_and_by_their_usual_ones() {
        for (line, one, other) in [
            (
                "model eval --model m --source scenes:4:1",
                "--compute bf16",
                "--dtype bf16",
            ),
            (
                "features extract --model m --task cls --source scenes:4:1 --out o",
                "--compute bf16",
                "--dtype bf16",
            ),
            (
                "cfqa build --model m --source scenes:4:1 --out o",
                "--compute bf16",
                "--dtype bf16",
            ),
            (
                "codec decode --in f --model m --out o",
                "--codec-time-limit 7s",
                "--time-limit 7s",
            ),
        ] {
            let parsed = |option: &str| {
                let words = format!("splitsim {line} {option}");
                format!("{:?}", Cli::try_parse_from(words.split(' ')).unwrap())
            };
            assert_eq!(parsed(one), parsed(other));
            let without = Cli::try_parse_from(format!("splitsim {line}").split(' '));
            assert_ne!(parsed(one), format!("{:?}", without.unwrap()));
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_that_does_something_has_examples() {
        fn check(command: &clap::Command) {
            let leaf = command.get_subcommands().next().is_none();
            let help = command.get_after_help().map(ToString::to_string);
            let has_examples = help.is_some_and(|help| help.starts_with("Examples:"));
            assert!(
                !leaf || has_examples,
                "{} lacks examples",
                command.get_name()
            );
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
