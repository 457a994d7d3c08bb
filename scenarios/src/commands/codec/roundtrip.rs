use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use splitsim_cfqa::{Metric, Reference};
use splitsim_codec::{CodecId, FeatureCodec, Level};
use splitsim_feature::{Feature, Task, npy};
use splitsim_model::Package;
use splitsim_policy::RungChoice;
use splitsim_trial::Trial;

use super::args::{SoftwareArgs, StageArgs};
use super::milliseconds;
use crate::outputs::{Force, check_distinct, write_feature};
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, names};

/// Code a feature, decode the very bytes, and say what it cost.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Roundtrip {
    /// The codec
    #[arg(long, value_name = "CODEC", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codec: CodecId,
    /// cheapest, richest, or an index on the model's ladder, 0 being the cheapest
    #[arg(long, value_name = "LEVEL")]
    level: RungChoice,
    /// The feature, .npy, f32 [views, layers, tokens, dim]
    #[arg(long = "in", value_name = "F.npy")]
    input: PathBuf,
    /// File for the reconstruction
    #[arg(long, value_name = "R.npy")]
    out: PathBuf,
    /// File for the bitstream, container included
    #[arg(long, value_name = "FILE")]
    bitstream: Option<PathBuf>,
    /// The model package whose feature it is, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task whose feature it is: cls, seg or dpt
    #[arg(long, value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    task: Task,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    software: SoftwareArgs,
}

/// Everything that a round trip needs.
struct Prepared {
    codec: Box<dyn FeatureCodec>,
    level: Level,
    label: String,
    feature: Feature,
}

impl Roundtrip {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        check_distinct(&[
            ("--out", Some(&self.out)),
            ("--bitstream", self.bitstream.as_deref()),
        ])?;
        self.force.check("--out", &self.out)?;
        if let Some(path) = &self.bitstream {
            self.force.check("--bitstream", path)?;
        }
        let package = Package::find(&self.model)?;
        let options = self.stage.options(&self.software);
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
        let reference = Reference::new(feature.clone());
        let trial = Trial::run(codec.as_ref(), &reference, *level, &[Metric::Mse])
            .with_context(|| self.input.display().to_string())?;
        let mse = trial.score_by(Metric::Mse)?;
        let coded = trial.encoded;
        write_feature(&self.out, &coded.reconstruction)?;
        if let Some(path) = &self.bitstream {
            splitsim_durable::replace(path, coded.container.to_bytes())?;
        }
        let (bytes, bpfp) = (coded.container.container_bytes(), coded.container.bpfp());
        let (encode_ms, decode_ms) = (milliseconds(coded.encode), milliseconds(coded.decode));
        let clamped = match coded.clamped_points {
            0 => String::new(),
            points => format!(", {points} points lay outside of the range and were clamped"),
        };
        let text = format!(
            "{label}: {bytes}, {bpfp}, mse {mse:.3e}, encoded in {encode_ms:.1} ms, \
             decoded in {decode_ms:.1} ms{clamped}"
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

const EXAMPLES: &str = "\
Examples:
  splitsim codec roundtrip --codec hevc --level cheapest --model tiny-scenes --task cls \\
      --in f.npy --out r.npy
  splitsim codec roundtrip --codec hevc --level 4 --model tiny-scenes --task seg \\
      --in f.npy --out fine.npy --bitstream f.splf --json";
