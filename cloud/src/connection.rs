//! One connection of an edge: hello, then requests until either side is done.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use splitsim_feature::Task;
use splitsim_proto::{
    Ack, FrameReply, FrameResult, Hello, Message, PathSample, Reference, ReferenceReply, Refusal,
    RequestError, RequestErrorKind, Settlement,
};
use splitsim_results::{FrameKey, Recorded};
use splitsim_transport::{
    Allowance, Certified, Channel, CloseCode, CloudSession, Connection, Exchange, Incoming,
    IpVersion, ReceivedFrame, ReceivedRequest, TransportError,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field};

use crate::CloudError;
use crate::frame::{self, Arrival};
use crate::peers::Seat;
use crate::records;
use crate::references::Original;
use crate::seldom::seldom;
use crate::shared::{Shared, blocking};
use crate::tally::Event;

/// Serves a connection from its handshake to its end. An edge's faults are logged and are never errors of the
/// cloud.
pub(crate) async fn serve(shared: Arc<Shared>, incoming: Incoming) {
    let span = tracing::info_span!(
        "edge",
        peer = %incoming.peer(),
        channel = field::Empty,
        run = field::Empty,
        edge = field::Empty
    );
    let stop = shared.stop.clone();
    let serving = async {
        let welcomed = tokio::select! {
            welcomed = welcome(&shared, incoming) => welcomed,
            () = stop.cancelled() => return,
        };
        match welcomed {
            Ok(Some(welcomed)) => serve_session(shared, welcomed).await,
            Ok(None) => {}
            Err(error) => {
                if let Some(others) = shared.warnings.turned_away.admit(Instant::now()) {
                    tracing::warn!(%error, others, "connection turned away");
                }
            }
        }
    };
    serving.instrument(span).await;
}

/// A connection whose edge may send requests.
struct Welcomed {
    session: CloudSession,
    certified: Certified,
    seat: Seat,
}

/// Handshake, hello and registration; `None` when the run cannot be recorded.
async fn welcome(
    shared: &Arc<Shared>,
    incoming: Incoming,
) -> Result<Option<Welcomed>, TransportError> {
    let connection = incoming.handshake().await?;
    Span::current().record("channel", field::display(connection.channel()));
    let certified = connection.certified();
    let mut seat = None;
    let session = connection
        .answer_hello(|hello| {
            Span::current().record("run", field::display(&hello.run_id));
            Span::current().record("edge", field::display(&hello.edge_id));
            let welcome = shared.welcome(hello, certified.as_ref())?;
            seat = certified
                .as_ref()
                .map(|certified| shared.peers.seat(certified))
                .transpose()?;
            Ok(welcome)
        })
        .await?;
    // Whoever has no certificate for an edge was not welcomed.
    let (Some(certified), Some(seat)) = (certified, seat) else {
        return Ok(None);
    };
    let (cloud, hello) = (Arc::clone(shared), session.hello().clone());
    let registered = blocking("register a run", move || {
        cloud
            .register(&hello)
            .map_err(|error| cloud.not_recorded(&error))
    });
    let reason = match registered.await {
        Ok(Ok(())) => {
            let session = session.allow(Allowance {
                bodies: seat.bodies(),
                patience: shared.patience,
            });
            return Ok(Some(Welcomed {
                session,
                certified,
                seat,
            }));
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    session.connection().close(CloseCode::Failed, &reason);
    Ok(None)
}

async fn serve_session(shared: Arc<Shared>, welcomed: Welcomed) {
    let Welcomed {
        session,
        certified,
        seat,
    } = welcomed;
    let hello = session.hello();
    tracing::info!(policy = %hello.policy, software = %hello.software_version, "connected");
    let edge = Arc::new(Edge {
        hello: hello.clone(),
        ip_version: session.connection().ip_version(),
        shared,
        certified,
        seat,
    });
    let ended = match session.connection().channel() {
        Channel::Frames => serve_frames(&edge, &session).await,
        Channel::References => serve_references(&edge, &session).await,
    };
    match ended {
        Ok(Ended::Done) => tracing::info!("done"),
        Ok(Ended::Stopped) => shut(session.connection()),
        Ok(Ended::GaveWay) => {
            let reason = "idle for long, and another connection needed the place; connect again";
            session.connection().close(CloseCode::Shutdown, reason);
            tracing::info!("gave way to another connection");
        }
        Ok(Ended::Revoked(refusal)) => {
            let reason = refusal.to_string();
            session.connection().close(CloseCode::Refused, &reason);
            tracing::warn!(reason, "closed");
        }
        Err(error) => {
            if let Some(others) = edge.shared.warnings.lost.admit(Instant::now()) {
                tracing::warn!(%error, others, "connection lost");
            }
        }
    }
}

fn shut(connection: &Connection) {
    connection.close(CloseCode::Shutdown, "the cloud is shutting down");
    tracing::info!("closed for shutdown");
}

/// The reason why a connection ended.
enum Ended {
    /// The edge had no more.
    Done,
    /// The cloud is shutting down.
    Stopped,
    /// It was idle, and another needed its place.
    GaveWay,
    /// Its edge is admitted no more.
    Revoked(Refusal),
}

/// An edge that was welcomed on a connection.
struct Edge {
    shared: Arc<Shared>,
    hello: Hello,
    ip_version: IpVersion,
    certified: Certified,
    seat: Seat,
}

/// Takes frames as they come, works on several at once, and waits for all before it returns.
async fn serve_frames(edge: &Arc<Edge>, session: &CloudSession) -> Result<Ended, TransportError> {
    let mut frames = JoinSet::new();
    let ended = loop {
        tokio::select! {
            biased;
            () = edge.shared.stop.cancelled() => break Ok(Ended::Stopped),
            Some(answered) = frames.join_next() => note_panic(answered),
            () = edge.seat.gives_way() => break Ok(Ended::GaveWay),
            accepted = session.accept() => match accepted {
                Ok(Some(exchange)) => {
                    if let Err(refusal) = edge.shared.admit(Some(&edge.certified)) {
                        break Ok(Ended::Revoked(refusal));
                    }
                    let answer = answer_frame(Arc::clone(edge), exchange);
                    frames.spawn(answer.in_current_span());
                }
                Ok(None) => break Ok(Ended::Done),
                Err(error) => break Err(error),
            }
        }
    };
    while let Some(answered) = frames.join_next().await {
        note_panic(answered);
    }
    ended
}

pub(crate) fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task failed");
    }
}

async fn answer_frame(edge: Arc<Edge>, mut exchange: Exchange) {
    let _busy = edge.seat.busy();
    let received = tokio::select! {
        biased;
        received = exchange.recv_frame() => received,
        () = edge.shared.stop.cancelled() => {
            let reply = FrameReply::Failed(edge.refuse(shutting_down()));
            return deliver(&edge.shared.stop, exchange, &reply).await;
        }
    };
    let frame = match received {
        Ok(frame) => frame,
        Err(error) => {
            if let Some(answer) = edge.unreadable(&error) {
                deliver(
                    &edge.shared.stop,
                    exchange,
                    &FrameReply::Failed(edge.refuse(answer)),
                )
                .await;
            }
            return;
        }
    };
    let span = tracing::info_span!("frame", frame = frame.header.frame, task = %frame.header.task);
    async {
        let reply = match edge.work_on(frame).await {
            Ok(result) => FrameReply::Result(result),
            Err(error) => FrameReply::Failed(edge.refuse(error)),
        };
        deliver(&edge.shared.stop, exchange, &reply).await;
    }
    .instrument(span)
    .await;
}

/// Replies, and waits until the edge has it: a connection may be closed right after its last reply.
/// When the cloud stops, an edge that does not say so is waited for no longer than [`LINGER`].
async fn deliver<M: Message>(stop: &CancellationToken, exchange: Exchange, reply: &M) {
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    let delivered = tokio::select! {
        delivered = exchange.deliver(reply) => delivered,
        () = patience => {
            seldom!(warn, "the edge has not confirmed the reply");
            return;
        }
    };
    if let Err(error) = delivered {
        seldom!(warn, %error, "the reply did not reach the edge");
    }
}

/// Some round trips of a slow link.
const LINGER: Duration = Duration::from_secs(1);

/// Serves references and settlements one at a time, which bounds the memory for reading them.
async fn serve_references(
    edge: &Arc<Edge>,
    session: &CloudSession,
) -> Result<Ended, TransportError> {
    loop {
        let exchange = tokio::select! {
            biased;
            () = edge.shared.stop.cancelled() => return Ok(Ended::Stopped),
            () = edge.seat.gives_way() => return Ok(Ended::GaveWay),
            accepted = session.accept() => match accepted? {
                Some(exchange) => exchange,
                None => return Ok(Ended::Done),
            }
        };
        if let Err(refusal) = edge.shared.admit(Some(&edge.certified)) {
            return Ok(Ended::Revoked(refusal));
        }
        answer_request(edge, exchange).await;
    }
}

async fn answer_request(edge: &Arc<Edge>, mut exchange: Exchange) {
    let _busy = edge.seat.busy();
    let received = tokio::select! {
        biased;
        received = exchange.recv_request() => Some(received),
        () = edge.shared.stop.cancelled() => None,
    };
    let answer = match received {
        Some(Ok(ReceivedRequest::Reference(reference))) => edge.keep(reference).await,
        Some(Ok(ReceivedRequest::Settlement(settlement))) => edge.settle(settlement).await,
        Some(Err(error)) => match edge.unreadable(&error) {
            Some(answer) => Err(answer),
            None => return,
        },
        None => Err(shutting_down()),
    };
    let reply = answer.unwrap_or_else(|error| ReferenceReply::Failed(edge.refuse(error)));
    if let Err(error) = exchange.reply(&reply).await {
        seldom!(warn, %error, "the reply did not reach the edge");
    }
}

impl Edge {
    /// Waits for a worker, and lets it process the frame.
    async fn work_on(self: &Arc<Self>, frame: ReceivedFrame) -> Result<FrameResult, RequestError> {
        let arrival = Arrival::now();
        let shared = &self.shared;
        let _place = shared.waiting.try_acquire().map_err(|_| {
            RequestError::new(
                RequestErrorKind::Overloaded,
                format!(
                    "{} frames wait for a worker already; send this one again later",
                    shared.limits.frames_waiting
                ),
            )
        })?;
        let _worker = shared
            .workers
            .acquire()
            .await
            .map_err(|_| shutting_down())?;
        let edge = Arc::clone(self);
        let processed = blocking("process a frame", move || {
            frame::process(&edge.shared, &edge.hello, &frame, arrival)
        });
        processed.await.unwrap_or_else(worker_failed)
    }

    async fn keep(self: &Arc<Self>, reference: Reference) -> Result<ReferenceReply, RequestError> {
        let edge = Arc::clone(self);
        let kept = blocking("keep a reference", move || edge.keep_now(reference));
        kept.await.unwrap_or_else(worker_failed)
    }

    /// A reference of a frame that is recorded is of no more use.
    fn keep_now(&self, reference: Reference) -> Result<ReferenceReply, RequestError> {
        let (frame, task) = (reference.frame(), reference.task());
        if !self.hello.tasks.contains(&task) {
            return Err(RequestError::new(
                RequestErrorKind::ReferenceRefused,
                format!("task {task} is none of those that the hello named"),
            ));
        }
        let key = records::key(&self.hello, frame, task);
        let shared = &self.shared;
        let recorded = shared.journal.with(|store| store.contains(&key));
        let duplicate = recorded.map_err(|error| shared.not_recorded(&error))? || {
            let size = reference.header().body_bytes();
            let original = Original::of_reference(reference).map_err(|error| {
                RequestError::new(RequestErrorKind::ReferenceRefused, error.to_string())
            })?;
            shared.references.pool.keep(key, size, original)?
        };
        shared.tally.count(Event::Reference);
        tracing::debug!(frame, %task, duplicate, "reference");
        Ok(ReferenceReply::Reference(ack(frame, task, duplicate)))
    }

    async fn settle(
        self: &Arc<Self>,
        settlement: Settlement,
    ) -> Result<ReferenceReply, RequestError> {
        let edge = Arc::clone(self);
        let settled = blocking("settle a frame", move || edge.settle_now(&settlement));
        settled.await.unwrap_or_else(worker_failed)
    }

    fn settle_now(&self, settlement: &Settlement) -> Result<ReferenceReply, RequestError> {
        let (frame, task) = (settlement.frame, settlement.task);
        let key = records::key(&self.hello, frame, task);
        let shared = &self.shared;
        let unsettled = || {
            shared
                .unsettled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let experiment = unsettled().get(&key).copied();
        let record = records::settlement(key.clone(), settlement, self.ip_version, experiment)
            .ok_or_else(|| {
                RequestError::new(
                    RequestErrorKind::HeaderRefused,
                    "the settlement's byte counts are beyond what a link carries",
                )
            })?;
        let recorded = shared
            .journal
            .with(|store| store.settle(&record))
            .map_err(|error| shared.not_recorded(&error))?;
        unsettled().remove(&key);
        let duplicate = recorded == Recorded::Duplicate;
        if !duplicate {
            shared.tally.count(Event::Settlement);
            self.sample(&key, settlement.path)?;
        }
        Ok(ReferenceReply::Settlement(ack(frame, task, duplicate)))
    }

    /// Records how the edge's connection was.
    fn sample(&self, key: &FrameKey, path: Option<PathSample>) -> Result<(), RequestError> {
        let shared = &self.shared;
        let Some(path) = path.filter(|_| shared.connection_samples) else {
            return Ok(());
        };
        let record = records::connection(key, path, SystemTime::now());
        shared
            .journal
            .with(|store| store.record_connection_samples(&[record]))
            .map_err(|error| shared.not_recorded(&error))
    }

    /// The answer to a request that could not be read, if there is somebody to answer.
    fn unreadable(&self, error: &TransportError) -> Option<RequestError> {
        let answer = error.to_request_error();
        if answer.is_none()
            && let Some(others) = self.shared.warnings.requests.admit(Instant::now())
        {
            tracing::warn!(%error, others, "a request broke off");
        }
        answer
    }

    /// Counts and logs an answer that is an error.
    fn refuse(&self, error: RequestError) -> RequestError {
        self.shared.tally.count(Event::Error);
        if let Some(others) = self.shared.warnings.requests.admit(Instant::now()) {
            tracing::warn!(kind = %error.kind, message = %error.message, others, "refused");
        }
        error
    }
}

const fn ack(frame: u64, task: Task, duplicate: bool) -> Ack {
    Ack {
        frame,
        task,
        duplicate,
    }
}

fn shutting_down() -> RequestError {
    RequestError::new(
        RequestErrorKind::ShuttingDown,
        "the cloud is shutting down; nothing of this was kept",
    )
}

fn worker_failed<T>(error: CloudError) -> Result<T, RequestError> {
    Err(RequestError::new(
        RequestErrorKind::BrokeDown,
        error.to_string(),
    ))
}
