//! The two connections to the cloud, made when needed and made again when lost.

use std::net::SocketAddr;

use splitsim_proto::{Ack, Hello, Reference, Settlement};
use splitsim_transport::{
    Backoff, Channel, CloseCode, Connection, EdgeEndpoint, FrameSession, ReferenceSession, Retry,
    Reuse, Target, TransportError, with_backoff,
};
use tokio::time::{Duration, timeout};

use crate::EdgeConfig;
use crate::event::EdgeEvent;
use crate::stages::Shared;

/// What comes between a frame and its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It is the frame's: the next one may do better.
    #[error("{0}")]
    Frame(String),
    /// It may pass.
    #[error("{0}")]
    Passing(TransportError),
    /// It will not pass.
    #[error("{0}")]
    Lasting(TransportError),
    /// The run is to end, and waiting makes no sense any more.
    #[error("the run was stopped")]
    Stopped,
}

/// The way to one cloud.
#[derive(Debug)]
pub(crate) struct Uplink {
    hello: Hello,
    shared: Shared,
    frames: Way<FrameSession>,
    /// `None` in a run without references.
    references: Option<Way<ReferenceSession>>,
    reuse: Reuse,
    /// Whether a connection broke that was not made anew since.
    broken: bool,
}

/// A socket, where it is to lead, and the connection that is made.
#[derive(Debug)]
struct Way<S> {
    endpoint: EdgeEndpoint,
    target: Target,
    session: Option<S>,
}

impl Uplink {
    /// Sockets, but no connections yet.
    pub(crate) fn new(
        config: &EdgeConfig,
        hello: Hello,
        shared: Shared,
    ) -> Result<Self, TransportError> {
        let beside = config.reference_target.as_ref().unwrap_or(&config.target);
        Ok(Self {
            hello,
            shared,
            frames: Way::new(config, &config.target)?,
            references: match config.references {
                true => Some(Way::new(config, beside)?),
                false => None,
            },
            reuse: config.transport.reuse,
            broken: false,
        })
    }

    /// Whether a connection was lost and has not been made again.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// A cold connection carries one frame.
    pub(crate) fn frame_answered(&mut self) {
        if self.reuse == Reuse::Cold
            && let Some(session) = self.frames.session.take()
        {
            session.connection().close(CloseCode::Done, "");
        }
    }

    /// Makes the connections that are missing, within the retry's time.
    pub(crate) async fn connect(&mut self, retry: &Backoff) -> Result<(), Trouble> {
        self.frames(retry).await?;
        self.references(retry).await.map(drop)
    }

    /// The frames connection, made if it is missing.
    pub(crate) async fn frames(&mut self, retry: &Backoff) -> Result<FrameSession, Trouble> {
        let Way {
            endpoint,
            target,
            session,
        } = &mut self.frames;
        if let Some(session) = session {
            return Ok(session.clone());
        }
        let connect = || endpoint.connect_frames(target, &self.hello);
        let made = patiently(&self.shared, target.address, retry, connect).await?;
        let cloud = made.welcome().software_version.to_string();
        announce(&self.shared, made.connection(), cloud).await;
        let references = self.references.as_ref();
        self.broken = references.is_some_and(|way| way.session.is_none());
        Ok(session.insert(made).clone())
    }

    /// The reference connection, made if it is missing; `None` in a run without references.
    pub(crate) async fn references(
        &mut self,
        retry: &Backoff,
    ) -> Result<Option<ReferenceSession>, Trouble> {
        let Some(Way {
            endpoint,
            target,
            session,
        }) = &mut self.references
        else {
            return Ok(None);
        };
        if let Some(session) = session {
            return Ok(Some(session.clone()));
        }
        let connect = || endpoint.connect_references(target, &self.hello);
        let made = patiently(&self.shared, target.address, retry, connect).await?;
        let cloud = made.welcome().software_version.to_string();
        announce(&self.shared, made.connection(), cloud).await;
        self.broken = false;
        Ok(Some(session.insert(made).clone()))
    }

    /// Sends a reference, and waits until the cloud has it.
    pub(crate) async fn send_reference(
        &mut self,
        reference: &Reference,
        retry: &Backoff,
    ) -> Result<(), Trouble> {
        let Some(session) = self.references(retry).await? else {
            return Ok(());
        };
        match session.send_reference(reference).await {
            Ok(Ack { .. }) => Ok(()),
            Err(error) => Err(self.references_failed(error)),
        }
    }

    /// Sends a settlement over the connection that there is, and waits until the cloud has it. `None`
    /// when there is none.
    pub(crate) async fn settle(&mut self, settlement: &Settlement) -> Option<Result<(), Trouble>> {
        let session = self.references.as_ref()?.session.clone()?;
        Some(match session.settle(settlement).await {
            Ok(Ack { .. }) => Ok(()),
            Err(error) => Err(self.references_failed(error)),
        })
    }

    /// Judges what a frame's sending failed with; a connection that it broke is made anew.
    pub(crate) fn frames_failed(&mut self, error: TransportError) -> Trouble {
        if !is_answer(&error) {
            self.frames.session = None;
            self.broken = true;
        }
        Trouble::of(error)
    }

    fn references_failed(&mut self, error: TransportError) -> Trouble {
        if !is_answer(&error)
            && let Some(way) = &mut self.references
        {
            way.session = None;
            self.broken = true;
        }
        Trouble::of(error)
    }

    /// Closes both connections and lets the cloud know why. The sessions are still held then: one that
    /// is dropped first is closed without a word.
    pub(crate) async fn close(self, code: CloseCode, reason: &str) {
        // The sessions live until then: dropping them would close the connections without a word.
        let references = self.references.as_ref().map(|way| &way.endpoint);
        for endpoint in references.into_iter().chain([&self.frames.endpoint]) {
            endpoint.close(code, reason);
            // A cloud that is gone need not hear it.
            let _ = timeout(FAREWELL, endpoint.wait_idle()).await;
        }
    }
}

impl<S> Way<S> {
    fn new(config: &EdgeConfig, target: &Target) -> Result<Self, TransportError> {
        let endpoint = EdgeEndpoint::toward(target.address, &config.identity, &config.transport)?;
        Ok(Self {
            endpoint,
            target: target.clone(),
            session: None,
        })
    }
}

impl Trouble {
    fn of(error: TransportError) -> Self {
        match error {
            TransportError::TooLarge { .. }
            | TransportError::ContainerLength { .. }
            | TransportError::Framing {
                direction: "to", ..
            } => Self::Frame(error.to_string()),
            TransportError::Rejected { .. } if !error.is_transient() => {
                Self::Frame(error.to_string())
            }
            error if error.is_transient() => Self::Passing(error),
            error => Self::Lasting(error),
        }
    }
}

/// Whether the connection is as good as before.
const fn is_answer(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Rejected { .. }
            | TransportError::TooLarge { .. }
            | TransportError::ContainerLength { .. }
    )
}

/// Connects with patience, until it works, cannot work, takes too long, or the run is to end.
async fn patiently<T, F>(
    shared: &Shared,
    cloud: SocketAddr,
    retry: &Backoff,
    connect: impl FnMut() -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, TransportError>>,
{
    let told = |retry: &Retry<'_>| {
        let event = EdgeEvent::Retrying {
            attempts: retry.attempts,
            delay: retry.delay,
            reason: retry.error.to_string(),
        };
        // Where so many events wait that there is no room, this one is not missed.
        drop(shared.events.try_send(event));
    };
    tokio::select! {
        biased;
        () = shared.stop.requested() => Err(Trouble::Stopped),
        connected = with_backoff(retry, connect, told) => connected.map_err(|error| match error {
            // Which cloud did not answer is not known further in.
            TransportError::OutOfTime(waited) => {
                Trouble::Lasting(TransportError::HandshakeTimeout { peer: cloud, waited })
            }
            error => Trouble::of(error),
        }),
    }
}

async fn announce(shared: &Shared, connection: &Connection, cloud: String) {
    let channel: Channel = connection.channel();
    shared
        .tell(EdgeEvent::Connected {
            channel,
            peer: connection.peer(),
            cloud,
        })
        .await;
}

/// How long a cloud is given to take note of the end.
const FAREWELL: Duration = Duration::from_secs(2);
