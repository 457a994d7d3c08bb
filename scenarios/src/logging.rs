//! Traces on stderr.

use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::failure::OrRefuse;
use crate::{Failure, Screen};

/// Sends traces that pass `filter` to the screen's stderr, above its bars.
///
/// # Errors
/// When the filter is none.
pub fn start(filter: &str, screen: &Screen) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("--log '{filter}' is no filter, try info or splitsim_edge=debug"))
        .or_refuse()?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.is_terminal())
        .with_writer(Mutex::new(screen.log_writer()))
        .try_init()
        .map_err(|error| Failure::Failed(anyhow::anyhow!(error)))
}
