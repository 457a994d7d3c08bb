//! `splitsim codec`.

mod import;
mod train;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use splitsim_cfqa::{Metric, score};
use splitsim_codec::{CodecId, CodecOptions, Container, FeatureCodec, Level, Limits, RangeMode};
use splitsim_feature::{Feature, Task, npy};
use splitsim_model::Package;
use splitsim_policy::RungChoice;

use crate::failure::OrRefuse;
use crate::{Failure, Output, Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum CodecCommand {
    /// Code a feature, decode the very bytes, and say what it cost
    Roundtrip(Roundtrip),
    /// Decode a bitstream
    Decode(Decode),
    /// Train a ladder of hyperpriors and write it into a model's package
    Train(train::Train),
    /// Put hyperprior checkpoints of CompressAI into a model's package
    Import(import::Import),
}

/// Code a feature, decode the very bytes, and say what it cost.
#[derive(Debug, Args)]
#[command(after_help = ROUNDTRIP_EXAMPLES)]
pub(crate) struct Roundtrip {
    /// The codec
    #[arg(long, value_name = "CODEC")]
    codec: CodecId,
    /// cheapest, richest, or an index on the model's ladder, 0 being the cheapest
    #[arg(long, value_name = "LEVEL")]
    level: RungChoice,
    /// The feature, .npy, f32 [views, layers, tokens, dim]
    #[arg(long = "in", value_name = "F.npy")]
    input: PathBuf,
    /// Where the reconstruction goes
    #[arg(long, value_name = "R.npy")]
    out: PathBuf,
    /// Where the bitstream goes, container included
    #[arg(long, value_name = "FILE")]
    bitstream: Option<PathBuf>,
    /// The model package whose feature it is, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task whose feature it is: cls, seg or dpt
    #[arg(long, value_name = "TASK")]
    task: Task,
    /// Where value ranges come from: package (calibrated) or feature (its own extremes, sent along)
    #[arg(long, value_name = "MODE", value_parser = range_mode, default_value = "package")]
    range: RangeMode,
}

/// Decode a bitstream that `codec roundtrip` or an edge made.
#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub(crate) struct Decode {
    /// The bitstream, container included
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where the feature goes
    #[arg(long, value_name = "R.npy")]
    out: PathBuf,
    /// The model package whose feature it is, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
}

impl CodecCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Roundtrip(roundtrip) => roundtrip.run(),
            Self::Decode(decode) => decode.run(),
            Self::Train(train) => train.run(screen),
            Self::Import(import) => import.run(),
        }
    }
}

/// Everything that a round trip needs.
struct Prepared {
    codec: Box<dyn FeatureCodec>,
    level: Level,
    label: String,
    feature: Feature,
}

impl Roundtrip {
    fn run(self) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        let package = Package::find(&self.model)?;
        let options = CodecOptions {
            range_mode: self.range.clone(),
            ..CodecOptions::default()
        };
        let codec = splitsim_hyperprior::open(self.codec, &package, self.task, &options)?;
        let ladder = codec.ladder();
        let level = match self.level {
            RungChoice::Cheapest => Level::CHEAPEST,
            RungChoice::Richest => ladder.richest(),
            RungChoice::Index(rung) => ladder.level(rung.0.into()).context("--level")?,
        };
        let label = ladder.rung(level)?.label.clone();
        let feature = npy::read(&self.input)?;
        Ok(Prepared {
            codec,
            level,
            label,
            feature,
        })
    }

    fn execute(&self, prepared: &Prepared) -> Result<Output> {
        let Prepared {
            codec,
            level,
            label,
            feature,
        } = prepared;
        let coded = codec
            .encode_and_decode(feature, *level)
            .with_context(|| self.input.display().to_string())?;
        npy::write(&self.out, &coded.reconstruction)?;
        if let Some(path) = &self.bitstream {
            std::fs::write(path, coded.container.to_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mse = score(Metric::Mse, feature, &coded.reconstruction)?.value();
        let (bytes, bpfp) = (coded.container.container_bytes(), coded.container.bpfp());
        let (encode_ms, decode_ms) = (milliseconds(coded.encode), milliseconds(coded.decode));
        let text = format!(
            "{label}: {bytes}, {bpfp}, mse {mse:.3e}, encoded in {encode_ms:.1} ms, \
             decoded in {decode_ms:.1} ms"
        );
        let json = json!({
            "codec": self.codec,
            "task": self.task,
            "level": level,
            "label": label,
            "bytes": bytes,
            "payload_bytes": coded.container.payload_bytes(),
            "bpfp": bpfp,
            "mse": mse,
            "clamped_points": coded.clamped_points,
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
        });
        Output::new(text, &json)
    }
}

impl Decode {
    fn run(self) -> Result<Output, Failure> {
        let (codec, container) = self.prepare().or_refuse()?;
        let from = || self.input.display().to_string();
        let feature = codec.decode(&container).with_context(from)?;
        npy::write(&self.out, &feature).map_err(anyhow::Error::from)?;
        let header = container.header();
        let (shape, task, level) = (feature.shape(), header.task, header.level);
        let text = format!(
            "{task} feature of {shape} at level {level} of {}",
            header.codec
        );
        let json = json!({
            "codec": header.codec,
            "task": task,
            "level": level,
            "shape": shape,
            "bytes": container.container_bytes(),
            "payload_bytes": container.payload_bytes(),
            "bpfp": container.bpfp(),
        });
        Ok(Output::new(text, &json)?)
    }

    fn prepare(&self) -> Result<(Box<dyn FeatureCodec>, Container)> {
        let package = Package::find(&self.model)?;
        let container = read_container(&self.input)
            .with_context(|| format!("{}: no bitstream", self.input.display()))?;
        let header = container.header();
        let options = CodecOptions::default();
        let codec = splitsim_hyperprior::open(header.codec, &package, header.task, &options)?;
        Ok((codec, container))
    }
}

fn read_container(path: &Path) -> Result<Container> {
    Ok(Container::parse(
        &Bytes::from(std::fs::read(path)?),
        &Limits::default(),
    )?)
}

fn range_mode(text: &str) -> Result<RangeMode, String> {
    match text {
        "package" => Ok(RangeMode::Package),
        "feature" => Ok(RangeMode::Feature),
        _ => Err("expected package or feature".to_owned()),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const ROUNDTRIP_EXAMPLES: &str = "\
Examples:
  splitsim codec roundtrip --codec hevc --level cheapest --model tiny-scenes --task cls \\
      --in f.npy --out r.npy
  splitsim codec roundtrip --codec hevc --level 4 --model tiny-scenes --task seg \\
      --in f.npy --out r.npy --bitstream f.splf --json";

const DECODE_EXAMPLES: &str = "\
Examples:
  splitsim codec decode --in f.splf --out r.npy --model tiny-scenes";
