//! `splitsim certs`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use splitsim_transport::identity::{self, IdentityError, IdentityOptions};

use crate::failure::OrRefuse;
use crate::{Failure, Output};

/// Make an authority, an identity for the cloud and one for the edges.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Certs {
    /// Where to: ca/, cloud/ and edge/ are made in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A name or address of the cloud, beside localhost; give it as often as needed
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// Replace identities that are there; edges and clouds with the old ones are then strangers
    #[arg(long)]
    force: bool,
}

impl Certs {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let options = IdentityOptions {
            names: self.names,
            overwrite: self.force,
            ..IdentityOptions::default()
        };
        let created = match identity::create(&self.out, &options) {
            Ok(created) => created,
            Err(error @ IdentityError::Exists { .. }) => {
                let remedy = "; --force replaces it";
                return Err(anyhow::anyhow!("{error}{remedy}")).or_refuse();
            }
            Err(error @ IdentityError::Name { .. }) => return Err(error).or_refuse(),
            Err(error) => return Err(Failure::Failed(error.into())),
        };
        let (cloud, edge) = (created.cloud.display(), created.edge.display());
        let text = format!("for the cloud: {cloud}\nfor the edges: {edge}");
        let json = json!({ "cloud": created.cloud, "edge": created.edge });
        Ok(Output::new(text, &json)?)
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim certs --out certs
  splitsim certs --out certs --name cloud.example.org --name 192.0.2.7
Then: cloud serve --identity certs/cloud …   and: edge run --identity certs/edge …
The key in DIR/ca signs further identities: keep it where it was made.";
