//! The command line of `cloud`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use splitsim_cli::{Program, bounds};

/// The cloud's side of split inference: decodes features, runs task heads, logs the true distortion.
#[derive(Debug, Parser)]
#[command(name = "cloud", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve edges until interrupted (Ctrl-C or SIGTERM)
    #[command(after_help = EXAMPLES)]
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and UDP port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4433")]
    pub(crate) listen: SocketAddr,
    /// The cloud's identity, as made by `splitsim certs --out certs`
    #[arg(long, value_name = "DIR", default_value = "certs/cloud")]
    pub(crate) identity: PathBuf,
    /// Model package, by name or path; edges must run the same
    #[arg(long, value_name = "M", default_value = "tiny-scenes")]
    pub(crate) model: String,
    /// Folder for results.sqlite; an existing file is appended to
    #[arg(long, value_name = "DIR", default_value = "cloud-out")]
    pub(crate) out: PathBuf,
    /// Original features (NAME.npy) and truths (NAME.label.txt, .mask.png, .depth.png) by source name,
    /// for edges that send none; without them the distortion columns stay empty
    #[arg(long, value_name = "DIR")]
    pub(crate) references: Option<PathBuf>,
    /// Threads of one libtorch operation [default: libtorch's choice]
    #[arg(long, value_name = "N", value_parser = bounds::THREADS.parser::<NonZeroUsize>())]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Frames worked on at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = bounds::WORKERS.parser::<NonZeroUsize>())]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Interval of keep-alive packets on an idle connection; shorter than the idle timeout
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = bounds::KEEP_ALIVE.parser())]
    pub(crate) keep_alive: Duration,
    /// Silence of an edge after which its connection counts as lost
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = bounds::IDLE_TIMEOUT.parser())]
    pub(crate) idle_timeout: Duration,
    /// Connections at once; beyond the limit the longest idle one is closed
    #[arg(long, value_name = "N", default_value = "256", value_parser = bounds::CONNECTIONS.parser::<NonZeroUsize>())]
    pub(crate) connections: NonZeroUsize,
    /// Connections at once with one certificate; an edge needs two
    #[arg(long, value_name = "N", default_value = "64", value_parser = bounds::CONNECTIONS.parser::<NonZeroUsize>())]
    pub(crate) connections_per_certificate: NonZeroUsize,
    /// Runs that edges with one certificate may begin while this cloud runs
    #[arg(long, value_name = "N", default_value = "1024", value_parser = bounds::RUNS.parser::<NonZeroUsize>())]
    pub(crate) runs_per_certificate: NonZeroUsize,
    /// Memory for frames and references that are on the way, over all connections, MiB; others wait
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = bounds::BODY_MEMORY_MIB.parser::<u32>())]
    pub(crate) body_memory_mib: u32,
    /// Longest pause in the middle of a frame; longer than the outages to be survived
    /// [default: the idle timeout]
    #[arg(long, value_name = "TIME", value_parser = bounds::IDLE_TIMEOUT.parser())]
    pub(crate) request_timeout: Option<Duration>,
    /// Memory for references that wait for their frames, MiB
    #[arg(long, value_name = "MIB", default_value = "512", value_parser = bounds::MEMORY_MIB.parser::<u32>())]
    pub(crate) reference_memory_mib: u32,
    /// Time limit of one decoder process
    #[arg(
        long,
        alias = "decode-limit",
        value_name = "TIME",
        default_value = "60s",
        value_parser = bounds::CODEC_TIME.parser()
    )]
    pub(crate) codec_time_limit: Duration,
    /// Address space of one decoder process, MiB [default: 1024, and 128 bytes for each byte of the picture]
    #[arg(long, value_name = "MIB", value_parser = bounds::MEMORY_MIB.parser::<u32>())]
    pub(crate) decoder_memory_mib: Option<u32>,
    /// Print machine-readable lines: one JSON object when ready, one at the end
    #[arg(long)]
    pub(crate) json: bool,
    /// Log filter for stderr: error, warn, info, debug, trace, or a filter such as splitsim_cloud=debug
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = Cli::LOG)]
    pub(crate) log: String,
}

const EXAMPLES: &str = "\
Examples:
  One machine, two terminals, three scenes:
    splitsim certs --out certs
    cloud serve --identity certs/cloud
    edge run --connect 127.0.0.1:4433 --identity certs/edge --task cls --source scenes:7:3

  A cloud for edges on other machines, with original features at hand:
    splitsim certs --out certs --name cloud.example.org
    cloud serve --listen 0.0.0.0:4433 --identity certs/cloud --out run-1 --references originals

  For scripts: any free port, read from the first line:
    cloud serve --listen 127.0.0.1:0 --json

Exit codes: 0 done; 1 serving failed, a result could not be written, or is not there at the end; 2 wrong usage or
configuration, found before any edge was served.";

#[cfg(test)]
mod tests {
    use splitsim_cli::help;

    use super::*;

    #[test]
    fn help_fits_a_terminal_and_its_examples_parse() {
        let mut examples = 0;
        for text in help::texts::<Cli>() {
            for line in text.lines() {
                assert!(line.chars().count() <= help::WIDTH, "{line}");
            }
            for words in help::examples(&text) {
                if words[0] == "cloud" {
                    examples += 1;
                    Cli::try_parse_from(&words).unwrap();
                }
            }
        }
        assert_eq!(examples, 3);
    }
}
