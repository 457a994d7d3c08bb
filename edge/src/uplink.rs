//! The two connections to the cloud, made when needed and made again when lost. Lanes share them: one
//! makes a connection for all.

use std::sync::{Arc, Mutex};

use splitsim_proto::{Ack, Hello, Prospect, Reference, RequestErrorKind, Settlement};
use splitsim_transport::{
    Backoff, Channel, CloseCode, Connection, Destination, Dialer, FrameSession, LinkCounter,
    ReferenceSession, Retry, Reuse, TransportError, with_backoff,
};
use tokio::time::Duration;

use crate::EdgeConfig;
use crate::event::EdgeEvent;
use crate::link_shares::{LinkShares, Passage};
use crate::lock::locked;
use crate::stages::Shared;

/// The reason why a frame got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It is the frame's, and lasts: the next one may do better.
    #[error("{0}")]
    Frame(String),
    /// The cloud has another frame in its place. This one is nowhere but here.
    #[error("{0}")]
    Conflict(String),
    /// It is the frame's, and may pass when it is sent again. Others are served meanwhile.
    #[error("{0}")]
    Repeat(TransportError),
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
    frames: Way<FrameLine>,
    /// `None` in a run without references.
    references: Option<Way<ReferenceSession>>,
    reuse: Reuse,
}

/// A frames connection, and what it sends for whom. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct FrameLine {
    session: FrameSession,
    counter: LinkCounter,
    shares: Arc<Mutex<LinkShares>>,
}

/// A cloud's addresses, and the connection that is made.
#[derive(Debug)]
struct Way<S> {
    dialer: Dialer,
    held: Mutex<Held<S>>,
    /// Locked by whoever makes the connection; others wait for it.
    making: tokio::sync::Mutex<()>,
}

/// A connection, if there is one.
#[derive(Debug)]
struct Held<S> {
    session: Option<S>,
    /// `true` if one broke and has not been replaced since.
    broken: bool,
}

/// A session over a connection.
trait Session: Clone {
    fn connection(&self) -> &Connection;
    /// The cloud's description of its software.
    fn cloud(&self) -> String;
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
        })
    }

    /// `true` if a connection was lost and has not been made again.
    pub(crate) fn is_broken(&self) -> bool {
        let references = self.references.as_ref();
        self.frames.is_broken() || references.is_some_and(Way::is_broken)
    }

    /// A cold connection carries one frame.
    pub(crate) fn frame_answered(&self) {
        if self.reuse == Reuse::Cold
            && let Some(line) = locked(&self.frames.held).session.take()
        {
            line.connection().close(CloseCode::Done, "");
        }
    }

    /// Makes the connections that are missing, within the retry's time.
    pub(crate) async fn connect(&self, retry: &Backoff) -> Result<(), Trouble> {
        self.frames(retry).await?;
        self.references(retry).await.map(drop)
    }

    /// The frames connection, made if it is missing.
    pub(crate) async fn frames(&self, retry: &Backoff) -> Result<FrameLine, Trouble> {
        let dialer = &self.frames.dialer;
        let connect = || async {
            let session = dialer.connect_frames(&self.hello).await;
            session.map(FrameLine::new)
        };
        self.frames.made(&self.shared, retry, connect).await
    }

    /// The reference connection, made if it is missing; `None` in a run without references.
    pub(crate) async fn references(
        &self,
        retry: &Backoff,
    ) -> Result<Option<ReferenceSession>, Trouble> {
        let Some(way) = &self.references else {
            return Ok(None);
        };
        let connect = || way.dialer.connect_references(&self.hello);
        way.made(&self.shared, retry, connect).await.map(Some)
    }

    /// Sends a reference, and waits until the cloud has it.
    pub(crate) async fn send_reference(
        &self,
        reference: &Reference,
        retry: &Backoff,
    ) -> Result<(), Trouble> {
        let Some(session) = self.references(retry).await? else {
            return Ok(());
        };
        match session.send_reference(reference).await {
            Ok(Ack { .. }) => Ok(()),
            Err(error) => Err(self.references_failed(&session, error)),
        }
    }

    /// Sends a settlement over the connection that there is, and waits until the cloud has it. `None`
    /// when there is none.
    pub(crate) async fn settle(&self, settlement: &Settlement) -> Option<Result<(), Trouble>> {
        let session = self.references.as_ref()?.session()?;
        Some(match session.settle(settlement).await {
            Ok(Ack { .. }) => Ok(()),
            Err(error) => Err(self.references_failed(&session, error)),
        })
    }

    /// Classifies the error of a frame's sending, and gives up the connection if the error broke it.
    pub(crate) fn frames_failed(&self, line: &FrameLine, error: TransportError) -> Trouble {
        if !is_answer(&error) {
            self.frames.lost(line);
        }
        Trouble::of(error)
    }

    fn references_failed(&self, session: &ReferenceSession, error: TransportError) -> Trouble {
        if !is_answer(&error)
            && let Some(way) = &self.references
        {
            way.lost(session);
        }
        Trouble::of(error)
    }

    /// Closes both connections and lets the cloud know why. The sessions are still held then: one that
    /// is dropped first is closed without a word.
    pub(crate) async fn close(&self, code: CloseCode, reason: &str) {
        let references = self.references.as_ref().map(|way| &way.dialer);
        for dialer in references.into_iter().chain([&self.frames.dialer]) {
            dialer.close(code, reason, FAREWELL).await;
        }
    }
}

impl FrameLine {
    fn new(session: FrameSession) -> Self {
        Self {
            counter: session.connection().link_counter(),
            session,
            shares: Arc::default(),
        }
    }

    pub(crate) const fn session(&self) -> &FrameSession {
        &self.session
    }

    /// A frame is under way from now on.
    pub(crate) fn enter(&self, frame: u64) {
        let mut shares = locked(&self.shares);
        shares.enter(frame, self.counter.usage());
    }

    /// A frame is under way no more.
    pub(crate) fn leave(&self, frame: u64) -> Passage {
        let mut shares = locked(&self.shares);
        shares.leave(frame, self.counter.usage())
    }
}

impl Session for FrameLine {
    fn connection(&self) -> &Connection {
        self.session.connection()
    }

    fn cloud(&self) -> String {
        self.session.welcome().software_version.to_string()
    }
}

impl Session for ReferenceSession {
    fn connection(&self) -> &Connection {
        Self::connection(self)
    }

    fn cloud(&self) -> String {
        self.welcome().software_version.to_string()
    }
}

impl<S: Session> Way<S> {
    fn new(config: &EdgeConfig, to: &Destination) -> Result<Self, TransportError> {
        Ok(Self {
            dialer: Dialer::new(to.clone(), &config.identity, &config.transport)?,
            held: Mutex::new(Held {
                session: None,
                broken: false,
            }),
            making: tokio::sync::Mutex::new(()),
        })
    }

    /// The session that there is, or the one that this lane or another makes now.
    async fn made<F>(
        &self,
        shared: &Shared,
        retry: &Backoff,
        connect: impl FnMut() -> F,
    ) -> Result<S, Trouble>
    where
        F: Future<Output = Result<S, TransportError>>,
    {
        if let Some(session) = self.session() {
            return Ok(session);
        }
        let _making = self.making.lock().await;
        if let Some(session) = self.session() {
            return Ok(session);
        }
        let made = patiently(shared, self.dialer.destination(), retry, connect).await?;
        announce(shared, made.connection(), made.cloud()).await;
        *locked(&self.held) = Held {
            session: Some(made.clone()),
            broken: false,
        };
        Ok(made)
    }

    fn session(&self) -> Option<S> {
        locked(&self.held).session.clone()
    }

    /// A session has broken. One that was made since then has not.
    fn lost(&self, broken: &S) {
        let mut held = locked(&self.held);
        let is_it = |session: &mut S| session.connection().is_same(broken.connection());
        if held.session.take_if(is_it).is_some() {
            held.broken = true;
        }
    }

    fn is_broken(&self) -> bool {
        locked(&self.held).broken
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
            TransportError::Rejected { ref source, .. } => match source.kind.prospect() {
                Prospect::CloudMayRecover => Self::Passing(error),
                Prospect::WorthRepeating => Self::Repeat(error),
                Prospect::Hopeless if source.kind == RequestErrorKind::Conflict => {
                    Self::Conflict(error.to_string())
                }
                Prospect::Hopeless => Self::Frame(error.to_string()),
            },
            error if error.is_transient() => Self::Passing(error),
            error => Self::Lasting(error),
        }
    }
}

/// `true` if the error is an answer of the cloud: the connection is as good as before.
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
    cloud: &Destination,
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
                let cloud = cloud.to_string();
                Trouble::Lasting(TransportError::NoAnswer { cloud, waited })
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

/// The time that a cloud is given to take note of the end.
const FAREWELL: Duration = Duration::from_secs(2);
