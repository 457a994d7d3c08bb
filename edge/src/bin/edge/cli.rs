//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use splitsim_cfqa::Metric;
use splitsim_cli::{Program, bounds, names};
use splitsim_codec::{CodecId, RangeMode};
use splitsim_feature::Task;
use splitsim_policy::{POLICIES, PolicyConfig, PolicyKind};
use splitsim_proto::Id;
use splitsim_source::SourceSpec;
use splitsim_transport::Priority;
use splitsim_vision::Compute;

/// The edge of a split inference: extracts features, codes them, judges what the cloud will decode,
/// and ships it.
#[derive(Debug, Parser)]
#[command(name = "edge", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a source of pictures through extraction, coding, decision and the cloud.
    #[command(after_long_help = EXAMPLES)]
    Run(Box<RunArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The cloud's host and port.
    #[arg(long, value_name = "ADDR")]
    pub(crate) connect: String,
    /// The directory of this edge's identity: cert.pem, key.pem and ca.pem.
    #[arg(long, value_name = "DIR")]
    pub(crate) identity: PathBuf,
    /// The name that the cloud's certificate must be for [default: the host of --connect].
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// A model package, by name or path. The cloud must have the same.
    #[arg(long, value_name = "MODEL", default_value = "tiny-scenes")]
    pub(crate) model: String,
    /// The task that the features are for.
    #[arg(long, default_value = "cls", value_parser = names::of(&Task::ALL, Task::name))]
    pub(crate) task: Task,
    /// scenes:SEED:COUNT for rendered scenes with ground truth, or a picture, or a folder of them.
    #[arg(long, default_value = "scenes:7:24")]
    pub(crate) source: SourceSpec,
    /// The codec of the features.
    #[arg(long, default_value = "hevc", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    pub(crate) codec: CodecId,
    #[arg(long, value_name = "MODE", default_value_t, help = ranges())]
    pub(crate) range: RangeMode,
    #[arg(
        long,
        default_value = "threshold:cosine>=0.95",
        value_parser = policy,
        help = policies()
    )]
    pub(crate) policy: PolicyConfig,
    /// A metric to record beside the policy's. May be given several times.
    #[arg(
        long = "metric",
        value_name = "METRIC",
        value_parser = names::of(&Metric::ALL, Metric::name)
    )]
    pub(crate) metrics: Vec<Metric>,
    /// The run; the same again continues it [default: that of the run in --out, or the time and a random
    /// suffix].
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    /// This edge, unique within the run; one that the certificate allows [default: that of the run in
    /// --out, or the certificate's].
    #[arg(long, value_name = "ID", value_parser = edge_id)]
    pub(crate) edge_id: Option<Id>,
    /// Journal of answered frames and spool of waiting ones [default: edge-out/RUN-ID/EDGE-ID]. An existing run
    /// there is continued: settings that are not given are taken from its journal.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The time to wait for a cloud that is absent or lost.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = bounds::RETRY_FOR.parser())]
    pub(crate) retry_for: Duration,
    /// The time that the cloud may be silent on a connection before it counts as lost.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = bounds::IDLE_TIMEOUT.parser())]
    pub(crate) idle_timeout: Duration,
    /// The time to wait for an answer once the cloud has a whole frame; then it is sent again, over another
    /// connection.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = bounds::REPLY_TIMEOUT.parser())]
    pub(crate) reply_timeout: Duration,
    /// Frames that may be under way at once; further ones wait for the answer to one of these.
    #[arg(long, value_name = "N", default_value = "1", value_parser = bounds::IN_FLIGHT.parser::<NonZeroU32>())]
    pub(crate) in_flight: NonZeroU32,
    /// The order in which frames under way are sent; with equal they take turns, the others need several in
    /// flight.
    #[arg(
        long,
        value_name = "ORDER",
        default_value_t,
        value_parser = names::of(&Priority::ALL, Priority::name)
    )]
    pub(crate) priority: Priority,
    /// Do not give the cloud original features and ground truth: it cannot measure the true
    /// distortion then.
    #[arg(long)]
    pub(crate) no_references: bool,
    /// The address for references, past an emulated or shaped link [default: as frames].
    #[arg(long, value_name = "ADDR", conflicts_with = "no_references")]
    pub(crate) references_connect: Option<String>,
    /// Frames that may wait between two stages.
    #[arg(long, alias = "depth", value_name = "N", default_value = "2", value_parser = bounds::QUEUE.parser::<NonZeroUsize>())]
    pub(crate) queue: NonZeroUsize,
    /// libtorch's threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = bounds::THREADS.parser::<NonZeroUsize>())]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Element type of the backbone's matrix products.
    #[arg(
        long,
        alias = "dtype",
        value_name = "TYPE",
        default_value_t,
        value_parser = names::of(&Compute::ALL, Compute::name)
    )]
    pub(crate) compute: Compute,
    /// Print one JSON object per frame and one summary to stdout.
    #[arg(long)]
    pub(crate) json: bool,
    /// The log filter for stderr: error, warn, info, debug, trace, or one such as splitsim_edge=debug.
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = Cli::LOG)]
    pub(crate) log: String,
}

fn edge_id(text: &str) -> Result<Id, String> {
    Id::new(text).map_err(|error| error.to_string())
}

/// Every policy by an example, from the policies themselves.
fn policies() -> String {
    format!(
        "What decides over levels, one of {}; further settings are in docs/policies.md",
        PolicyKind::examples().join(" | ")
    )
}

/// Every range mode, from the codecs themselves.
fn ranges() -> String {
    format!(
        "Where value ranges come from: {}",
        RangeMode::FORMS.join(", ")
    )
}

fn policy(text: &str) -> Result<PolicyConfig, names::Misnamed> {
    names::parse(text, &POLICIES.names())
}

const EXAMPLES: &str = "\
Examples:
  In one terminal, a cloud, with identities for both sides:
    splitsim certs --out certs
    cloud serve --listen 127.0.0.1:4433 --identity certs/cloud --model tiny-scenes --out run

  In another, an edge that ships what is good enough:
    edge run --connect 127.0.0.1:4433 --identity certs/edge

  Depth, a stricter gate, all frames' numbers for other programs:
    edge run --connect 127.0.0.1:4433 --identity certs/edge --task dpt \\
      --policy 'threshold:cka>=0.99' --metric mse --json > frames.jsonl

  Own pictures, no gate, a cloud on another machine, three frames on the way, fresh ones first:
    edge run --connect cloud.example.org:4433 --identity certs/edge --source photos/ \\
      --policy always:cheapest --no-references --in-flight 3 --priority newest-first

  Continue a run that broke off, with the settings that it was begun with:
    edge run --connect 127.0.0.1:4433 --identity certs/edge --out edge-out/ID/edge-1

Exit codes: 0 done; 1 the run or some frames failed; 2 wrong usage or configuration.
Progress and the log go to stderr, results to stdout.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use splitsim_cli::help;
    use splitsim_transport::{Backoff, TransportOptions};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_fits_a_terminal_and_its_examples_parse() {
        let mut examples = 0;
        for text in help::texts::<Cli>() {
            for line in text.lines() {
                assert!(line.chars().count() <= help::WIDTH, "{line}");
            }
            for mut words in help::examples(&text) {
                words.truncate(
                    words
                        .iter()
                        .position(|word| word == ">")
                        .unwrap_or(words.len()),
                );
                if words[0] == "edge" {
                    examples += 1;
                    Cli::try_parse_from(&words).unwrap();
                }
            }
        }
        assert_eq!(examples, 4);
    }

    /// Times default to the libraries' values, as they do in scenarios.
    #[test]
    fn times_have_one_default() {
        let line = ["edge", "run", "--connect", "a:1", "--identity", "d"];
        let Command::Run(args) = Cli::parse_from(line).command;
        let transport = TransportOptions::default();
        assert_eq!(
            [args.retry_for, args.idle_timeout, args.reply_timeout],
            [
                Backoff::default().total,
                transport.idle_timeout,
                transport.reply_timeout
            ]
        );
    }

    #[test]
    fn help_lists_every_policy_metric_and_range() {
        let help = help::texts::<Cli>().concat();
        let unbroken = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let metrics = Metric::ALL.map(Metric::name);
        let lists = [&PolicyKind::examples()[..], &metrics, &RangeMode::FORMS];
        for name in lists.concat() {
            assert!(unbroken.contains(name), "{name} is not in\n{help}");
        }
    }

    #[test]
    fn wrong_values_are_answered_with_the_right_ones() {
        let base = ["edge", "run", "--connect", "a:1", "--identity", "d"];
        for (wrong, expected) in [
            (["--task", "pose"], "expected cls, seg or dpt"),
            (["--policy", "gate"], "expected always, threshold, bisect"),
            (["--source", "scenes:1"], "a seed and a count"),
            (
                ["--retry-for", "soon"],
                "expected a time from 1ms to 365 days",
            ),
            (["--in-flight", "0"], "a whole number from 1 to 256"),
            (["--priority", "new"], "equal, oldest-first or newest-first"),
        ] {
            let line = base.iter().chain(&wrong);
            let error = Cli::try_parse_from(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
