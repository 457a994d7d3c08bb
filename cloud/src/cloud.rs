use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use splitsim_transport::{CloseCode, CloudEndpoint, Incoming};
use splitsim_vision::Engine;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout, timeout_at};

use crate::connection::{note_panic, serve};
use crate::shared::{Shared, blocking};
use crate::{CloudConfig, CloudError, CloudReport};

/// A cloud that listens. Any number of edges may connect; each frame is decoded, judged and recorded
/// before it is answered.
pub struct Cloud {
    endpoint: CloudEndpoint,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

/// The interval at which the results file is checked while no frame arrives.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// The time that peers are given to learn that their connections have been closed.
const FAREWELL: Duration = Duration::from_secs(2);

impl Cloud {
    /// Opens decoders and results, and binds the socket. Needs a tokio runtime with time and network.
    ///
    /// `engine` has been loaded with the heads of the configuration's tasks.
    ///
    /// # Errors
    /// If a decoder, the results or the references cannot be opened, or the socket cannot be bound:
    /// see [`CloudError::is_configuration`].
    pub async fn start(config: CloudConfig, engine: Engine) -> Result<Self, CloudError> {
        let transport = config.limits.windows(&config.transport);
        let endpoint = CloudEndpoint::bind(config.listen, &config.identity, &transport)?;
        let local_addr = endpoint.local_addr()?;
        let shared = blocking("open the results", move || Shared::open(&config, engine)).await??;
        Ok(Self {
            endpoint,
            local_addr,
            shared: Arc::new(shared),
        })
    }

    /// The address listened on, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The results file.
    #[must_use]
    pub fn results_path(&self) -> &Path {
        self.shared.journal.path()
    }

    /// Serves until `shutdown` is ready. Then no more is taken, frames in flight are finished for at most
    /// [`drain`](crate::CloudLimits::drain), connections are closed with a reason, and the results are
    /// folded into one file.
    ///
    /// # Errors
    /// If the results cannot be closed. Frames that were recorded and are not in the file are no error
    /// here: [`CloudReport::missing`] counts them.
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<CloudReport, CloudError> {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut watch = interval(WATCH_EVERY);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = watch.tick() => {
                    let shared = Arc::clone(&self.shared);
                    blocking("look after the results", move || shared.journal.watch()).await?;
                }
                Some(ended) = connections.join_next() => note_panic(ended),
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.admit(incoming, &mut connections),
                    None => break,
                }
            }
        }
        self.shared.stop.cancel();
        self.drain(connections).await;
        self.endpoint
            .close(CloseCode::Shutdown, "the cloud is shutting down");
        // A peer that does not confirm has no more time: it finds out by its idle timeout.
        let _ = timeout(FAREWELL, self.endpoint.wait_idle()).await;
        self.conclude().await
    }

    /// Closes the results, and finds out whether all is in them that was acknowledged.
    async fn conclude(&self) -> Result<CloudReport, CloudError> {
        let mut report = self.shared.tally.report();
        let (shared, recorded) = (Arc::clone(&self.shared), report.frames);
        let closed = blocking("close the results", move || shared.journal.close(recorded)).await?;
        report.missing = match closed {
            Ok(missing) => missing,
            Err(error) if recorded > 0 => {
                tracing::error!(%error, "what was recorded is not in the results");
                recorded
            }
            Err(error) => return Err(error.into()),
        };
        if report.missing > 0 {
            let path = self.results_path().display();
            tracing::error!(
                missing = report.missing,
                "frames that were answered as recorded are not in {path}"
            );
        }
        Ok(report)
    }

    fn admit(&self, incoming: Incoming, connections: &mut JoinSet<()>) {
        connections.spawn(serve(Arc::clone(&self.shared), incoming));
    }

    /// Lets every connection finish what it has in flight, and turns new ones away.
    async fn drain(&self, mut connections: JoinSet<()>) {
        let limit = self.shared.limits.drain;
        tracing::info!(connections = connections.len(), ?limit, "shutting down");
        let deadline = Instant::now() + limit;
        let draining = async {
            loop {
                tokio::select! {
                    ended = connections.join_next() => match ended {
                        Some(ended) => note_panic(ended),
                        None => break,
                    },
                    Some(incoming) = self.endpoint.accept() => incoming.refuse(),
                }
            }
        };
        if timeout_at(deadline, draining).await.is_err() {
            tracing::warn!(
                ?limit,
                "frames in flight were given up; their edges keep them"
            );
        }
    }
}
