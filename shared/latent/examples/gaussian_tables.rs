//! Writes the tables that `splitsim_latent::gaussian` embeds:
//! `cargo run -p splitsim-latent --example gaussian_tables -- shared/latent/src/gaussian.tables`

use std::error::Error;

use splitsim_latent::gaussian::GaussianTables;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: gaussian_tables FILE")?;
    Ok(std::fs::write(path, GaussianTables::compute()?.to_bytes())?)
}
