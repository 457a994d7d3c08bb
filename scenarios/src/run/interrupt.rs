//! Ctrl-C and SIGTERM.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Screen;

/// Cancels `stop` at the first signal; a second one ends the process at once.
///
/// # Errors
/// When the system does not let signals be caught.
pub(crate) fn watch(stop: CancellationToken, screen: Screen) -> Result<()> {
    let caught = |kind| signal(kind).context("cannot catch signals");
    let mut signals = (
        caught(SignalKind::interrupt())?,
        caught(SignalKind::terminate())?,
    );
    tokio::spawn(async move {
        next(&mut signals).await;
        stop.cancel();
        screen.note(
            "ending: frames under way are finished, what is done is kept; once more to end at once",
        );
        next(&mut signals).await;
        std::process::exit(1);
    });
    Ok(())
}

async fn next((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
