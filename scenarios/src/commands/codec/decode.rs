use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use serde_json::json;
use splitsim_codec::{Container, FeatureCodec, Limits};
use splitsim_model::Package;

use super::args::{SoftwareArgs, StageArgs};
use crate::outputs::{Force, write_feature};
use crate::{Failure, Output};
use splitsim_cli::OrRefuse;

/// Decode a bitstream that `codec roundtrip` or an edge made.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Decode {
    /// The bitstream, container included
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// File for the feature
    #[arg(long, value_name = "R.npy")]
    out: PathBuf,
    /// The model package whose feature it is, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    software: SoftwareArgs,
}

impl Decode {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let (codec, container) = self.prepare().or_refuse()?;
        let from = || self.input.display().to_string();
        let feature = codec.decode(&container).with_context(from)?;
        write_feature(&self.out, &feature)?;
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
        self.force.check("--out", &self.out)?;
        let package = Package::find(&self.model)?;
        let container = read_container(&self.input)?;
        let header = container.header();
        let options = StageArgs::default().options(&self.software).decoding();
        let codec = splitsim_hyperprior::open(header.codec, &package, header.task, &options)?;
        Ok((codec, container))
    }
}

/// More than the header and the ranges of any container.
const MAX_HEAD_BYTES: u64 = 1 << 20;

fn read_container(path: &Path) -> Result<Container> {
    let limits = Limits::default();
    let bytes = splitsim_text::read(path, limits.payload_bytes as u64 + MAX_HEAD_BYTES)?;
    Container::parse(&Bytes::from(bytes), &limits)
        .with_context(|| format!("{}: no bitstream", path.display()))
}

const EXAMPLES: &str = "\
Examples:
  splitsim codec decode --in f.splf --out r.npy --model tiny-scenes";
