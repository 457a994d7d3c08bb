//! `splitsim link`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use splitsim_feature::units::BitRate;
use splitsim_link::trace::{
    self, RateUnit, Stated, Statistics, TimeUnit, Trace, TraceError, generate,
};

use crate::outputs::Force;
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, bounds};

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Make a trace of a link's rate
    Trace(MakeTrace),
    /// Write a trace in another format or in the units of its own
    Convert(Convert),
    /// Say what a trace is like
    Info(Info),
}

/// Make a trace of a link's rate, one row a second. The same kind, seed and length give the same trace
/// for ever.
#[derive(Debug, Args)]
#[command(after_help = TRACE_EXAMPLES)]
pub(crate) struct MakeTrace {
    /// Kind of link that the trace resembles
    #[arg(long, value_enum)]
    kind: Kind,
    /// Seed of the trace
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Length of the trace, seconds
    #[arg(long, value_name = "N", value_parser = bounds::TRACE_SECONDS.parser::<u64>())]
    seconds: u64,
    /// Rates as seconds,Mbit/s, or Mahimahi's opportunities
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// File for the trace
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
}

/// Say what a trace is like: length, rates over seconds, outages. Reads every format that a scenario
/// may name.
#[derive(Debug, Args)]
#[command(after_help = INFO_EXAMPLES)]
pub(crate) struct Info {
    /// The trace
    #[arg(value_name = "FILE")]
    trace: PathBuf,
    #[command(flatten)]
    units: UnitArgs,
}

/// Write a trace as seconds,Mbit/s or as Mahimahi's opportunities. Reads every format that a scenario may
/// name, and two columns in other units, which options state.
#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub(crate) struct Convert {
    /// The trace
    #[arg(value_name = "FILE")]
    trace: PathBuf,
    #[command(flatten)]
    units: UnitArgs,
    /// Rates as seconds,Mbit/s, or Mahimahi's opportunities [default: that of the trace]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File for the converted trace
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
}

/// Units of a trace's columns.
#[derive(Debug, Args)]
struct UnitArgs {
    /// Unit of the times: s, ms, us or ns [default: the format's]
    #[arg(long, value_name = "UNIT", value_parser = time_unit)]
    times: Option<TimeUnit>,
    /// Unit of the rates: bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s or MB/s [default: the format's]
    #[arg(long, value_name = "UNIT", value_parser = rate_unit)]
    rates: Option<RateUnit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// 20, 10, 5, 2, 1, 2, 5, 10 Mbit/s, ten seconds each
    Steps,
    /// A phone in a moving car, with an outage of 60 s
    LteDrive,
    /// 5G with times of LTE in between
    #[value(name = "5g")]
    FiveG,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Csv,
    Mahimahi,
}

/// A year of seconds: more is a mistake.
const LONGEST_SECONDS: u64 = 31_536_000;

impl LinkCommand {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        match self {
            Self::Trace(trace) => {
                let made = trace.make().or_refuse()?;
                write(&trace.out, &made, trace.force)
            }
            Self::Convert(convert) => {
                let converted = convert.converted().or_refuse()?;
                write(&convert.out, &converted, convert.force)
            }
            Self::Info(info) => Ok(describe(&info.units.read(&info.trace).or_refuse()?)?),
        }
    }
}

impl MakeTrace {
    fn make(&self) -> Result<Trace> {
        if self.seconds > LONGEST_SECONDS {
            bail!("--seconds {}: at most {LONGEST_SECONDS}", self.seconds);
        }
        let kind = match self.kind {
            Kind::Steps => generate::Kind::Steps,
            Kind::LteDrive => generate::Kind::LteDrive,
            Kind::FiveG => generate::Kind::FiveG,
        };
        let steps = generate::trace(kind, self.seed, self.seconds)
            .with_context(|| format!("--seconds {}", self.seconds))?;
        self.format.of(Trace::Rates(steps))
    }
}

impl Convert {
    fn converted(&self) -> Result<Trace> {
        let read = self.units.read(&self.trace)?;
        match self.format {
            Some(format) => format
                .of(read)
                .with_context(|| self.trace.display().to_string()),
            None => Ok(read),
        }
    }
}

impl UnitArgs {
    fn read(&self, path: &Path) -> Result<Trace, TraceError> {
        let stated = Stated {
            time: self.times,
            rate: self.rates,
        };
        trace::read_in(path, stated)
    }
}

impl Format {
    fn of(self, trace: Trace) -> Result<Trace> {
        match (self, trace) {
            (Self::Mahimahi, Trace::Rates(steps)) => {
                let list = trace::write::to_opportunities(&steps)?;
                Ok(Trace::Opportunities(list))
            }
            (Self::Csv, Trace::Opportunities(_)) => {
                bail!("opportunities are no rates; only rates can be written as csv")
            }
            (Self::Csv, trace @ Trace::Rates(_))
            | (Self::Mahimahi, trace @ Trace::Opportunities(_)) => Ok(trace),
        }
    }
}

fn time_unit(name: &str) -> Result<TimeUnit, String> {
    // Also as it is spelt elsewhere.
    let name = name.replace(['µ', 'μ'], "u");
    by_name(TimeUnit::ALL, TimeUnit::name, &name)
}

fn rate_unit(name: &str) -> Result<RateUnit, String> {
    let name = name.replace("bps", "bit/s");
    by_name(RateUnit::ALL, RateUnit::name, &name)
}

fn by_name<U: Copy, const N: usize>(
    all: [U; N],
    name_of: fn(U) -> &'static str,
    name: &str,
) -> Result<U, String> {
    let found = all.into_iter().find(|&unit| name_of(unit) == name);
    found.ok_or_else(|| format!("expected one of {}", all.map(name_of).join(", ")))
}

fn write(out: &Path, trace: &Trace, force: Force) -> Result<Output, Failure> {
    let text = trace::write::text(trace);
    let check = force.check_content("--out", out, text.as_bytes());
    check.or_refuse()?;
    splitsim_durable::replace(out, text).map_err(anyhow::Error::from)?;
    Ok(describe(trace)?)
}

fn describe(trace: &Trace) -> Result<Output> {
    let Statistics {
        length,
        mean,
        p5,
        p50,
        p95,
        empty,
        longest_gap,
    } = Statistics::of(trace);
    let format = match trace {
        Trace::Rates(_) => "rates",
        Trace::Opportunities(_) => "opportunities of 1500 B",
    };
    let rates = [("mean", mean), ("p5", p5), ("p50", p50), ("p95", p95)];
    let mbit = |(name, rate): (&str, BitRate)| format!("{name} {:.2}", rate.0 as f64 / 1e6);
    let text = format!(
        "{format} over {:.1} s; Mbit/s over seconds: {}; nothing in {:.1} % of the seconds, at most for \
         {:.1} s",
        length.as_secs_f64(),
        rates.map(mbit).join(", "),
        empty * 100.0,
        longest_gap.as_secs_f64()
    );
    let json = json!({
        "format": format,
        "length_s": length.as_secs_f64(),
        "mean_bps": mean.0,
        "p5_bps": p5.0,
        "p50_bps": p50.0,
        "p95_bps": p95.0,
        "empty_share": empty,
        "longest_gap_s": longest_gap.as_secs_f64(),
    });
    Output::new(text, &json)
}

const TRACE_EXAMPLES: &str = "\
Examples:
  splitsim link trace --kind lte-drive --seed 1 --seconds 300 --out scenarios/traces/lte-drive.csv
  splitsim link trace --kind 5g --seconds 120 --format mahimahi --out out/5g.up";

const CONVERT_EXAMPLES: &str = "\
Examples:
  splitsim link convert oboe.txt --times ms --rates kbit/s --out oboe.csv
  splitsim link convert scenarios/traces/5g.csv --format mahimahi --out out/5g.up
Formats: docs/scenarios.md.";

const INFO_EXAMPLES: &str = "\
Examples:
  splitsim link info scenarios/traces/lte-drive.csv
  splitsim link info Verizon-LTE-short.up --json
  splitsim link info oboe.txt --times ms --rates kbit/s
Formats: docs/scenarios.md.";
