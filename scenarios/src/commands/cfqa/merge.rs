//! `splitsim cfqa merge`.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::benchmark::{self, ROWS};
use crate::outputs::Force;
use crate::{Failure, Output};
use splitsim_cli::OrRefuse;
use splitsim_display::printable;

/// Join the shards of a benchmark set.
///
/// The rows are those of a set that is built at once, times aside. Kept files stay where the shards are.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Merge {
    /// The folders of all shards
    #[arg(value_name = "SHARD", required = true)]
    shards: Vec<PathBuf>,
    /// The folder of the whole set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
}

impl Merge {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        self.check().or_refuse()?;
        let manifest = benchmark::merge(&self.shards, &self.out)?;
        let text = format!(
            "{} rows of {} features in {}\ncontent: {}",
            manifest.rows,
            manifest.features,
            printable(self.out.join(ROWS).display()),
            manifest.content
        );
        let shortfall = (!manifest.missing.is_empty() || manifest.failed > 0).then(|| {
            format!(
                "{} features are missing and {} compressed ones failed: build their shards again",
                manifest.missing.len(),
                manifest.failed
            )
        });
        Ok(Output::new(text, &manifest)?.short_of(shortfall))
    }

    fn check(&self) -> anyhow::Result<()> {
        self.force.check("--out", &self.out.join(ROWS))?;
        for shard in &self.shards {
            ensure!(shard.is_dir(), "no folder {}", shard.display());
            ensure!(
                *shard != self.out,
                "--out {}: one of the shards, name another folder",
                self.out.display()
            );
        }
        Ok(())
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa merge out/cfqa-1 out/cfqa-2 out/cfqa-3 out/cfqa-4 --out out/cfqa";
