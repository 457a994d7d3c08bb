//! `splitsim certs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use splitsim_display::printable;
use splitsim_proto::Id;
use splitsim_transport::identity::{self, CreatedIdentities, IdentityError, IdentityOptions};

use crate::{Failure, Output};
use splitsim_cli::OrRefuse;

/// Make an authority, an identity for the cloud and those of edges; again, to add edges.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Certs {
    /// Folder for ca/, cloud/ and edges/ID/ (or edge/); an existing authority signs the new certificates
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A name or address of the cloud, beside localhost; give it as often as needed
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// An edge that gets a certificate of its own, with which it can be no other; give it as often as needed
    /// [default: one certificate for any edge]
    #[arg(long = "edge", value_name = "ID", value_parser = edge_id)]
    edges: Vec<Id>,
    /// Validity of the certificates of cloud and edges
    #[arg(long, value_name = "TIME", default_value = "3652d", value_parser = valid_for)]
    valid_for: Duration,
    /// Make the identities of the cloud and of the edges named anew; the authority stays, and so do others
    #[arg(long)]
    force: bool,
}

impl Certs {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let options = IdentityOptions {
            names: self.names,
            edges: self.edges,
            valid_for: self.valid_for,
            overwrite: self.force,
        };
        let created = match identity::create(&self.out, &options) {
            Ok(created) => created,
            Err(error @ IdentityError::Exists { .. }) => {
                let remedy = ": another --out, or --force";
                return Err(anyhow::anyhow!("{error}{remedy}")).or_refuse();
            }
            Err(
                error @ (IdentityError::Name { .. }
                | IdentityError::ValidFor(_)
                | IdentityError::Invalid { .. }
                | IdentityError::Missing { .. }),
            ) => return Err(error).or_refuse(),
            Err(error) => return Err(Failure::Failed(error.into())),
        };
        Ok(Output::new(text(&created), &json(&created))?)
    }
}

fn text(created: &CreatedIdentities) -> String {
    let names = created.cloud_names.join(", ");
    let cloud = format!(
        "for the cloud: {} ({names})",
        printable(created.cloud.display())
    );
    if created.edges.is_empty() {
        return format!(
            "{cloud}\nfor the edges: {}",
            printable(created.edge.display())
        );
    }
    let edges = created.edges.iter();
    let edges = edges.map(|edge| {
        format!(
            "\nfor edge {}: {}",
            edge.id,
            printable(edge.directory.display())
        )
    });
    cloud + &edges.collect::<String>()
}

fn json(created: &CreatedIdentities) -> serde_json::Value {
    let edges = created.edges.iter();
    let edges = edges.map(|edge| (edge.id.to_string(), json!(edge.directory)));
    json!({
        "cloud": created.cloud,
        "names": created.cloud_names,
        "edge": created.edge,
        "edges": edges.collect::<serde_json::Map<_, _>>(),
    })
}

fn edge_id(text: &str) -> Result<Id, String> {
    Id::new(text).map_err(|error| error.to_string())
}

fn valid_for(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time.is_zero() {
        true => Err("certificates that are never valid are of no use".to_owned()),
        false => Ok(time),
    }
}

const EXAMPLES: &str = "\
Examples:
  One machine, or all machines of one owner:
    splitsim certs --out certs
  A cloud that is reached by other names; its certificate is made anew:
    splitsim certs --out certs --name cloud.example.org --name 192.0.2.7
  Edges of which each can be itself alone; one more later:
    splitsim certs --out certs --edge cam-1 --edge cam-2 --valid-for 90d
    splitsim certs --out certs --edge cam-3
Then: cloud serve --identity certs/cloud …
and:  edge run --identity certs/edge …   or   --identity certs/edges/cam-1 …
certs/cloud/edges, made with the first --edge, lists the edges that the cloud
admits: take a line out, and that edge is turned away from then on. So is
certs/edge, which is for any edge.
The key in DIR/ca signs further identities: keep it where it was made.";
