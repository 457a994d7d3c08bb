use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use splitsim_feature::{Task, units};
use splitsim_proto::framing::MAX_MESSAGE_BYTES;
use splitsim_proto::{
    Ack, FrameHeader, FrameReply, Message, Reference, ReferenceReply, ReferenceRequest, Settlement,
    Welcome,
};
use tokio::time::{Instant, timeout};

use crate::stream::{Reader, Writer, encode};
use crate::{Connection, Priority, TransportError, TransportOptions};

/// An edge's frames connection, after the hello. Clones share the connection, and frames may be under
/// way at once, up to the welcome's `max_frames_in_flight`.
#[derive(Debug, Clone)]
pub struct FrameSession {
    connection: Connection,
    welcome: Welcome,
    priority: Priority,
    reply_timeout: Duration,
}

/// An edge's reference connection, after the hello. Clones share the connection.
#[derive(Debug, Clone)]
pub struct ReferenceSession {
    connection: Connection,
    welcome: Welcome,
    reply_timeout: Duration,
}

/// A frame that was sent, and the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SentFrame {
    /// The cloud's answer.
    pub reply: FrameReply,
    /// Bytes written to the stream: length, header and container.
    pub stream_bytes: units::Bytes,
    /// From opening the stream until the whole reply was there.
    pub round_trip: Duration,
}

impl FrameSession {
    pub(crate) const fn new(
        connection: Connection,
        welcome: Welcome,
        options: &TransportOptions,
    ) -> Self {
        Self {
            connection,
            welcome,
            priority: options.priority,
            reply_timeout: options.reply_timeout,
        }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the cloud's welcome: its model, codecs and limits.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Sends a frame on a stream of its own, and waits for the reply. The options' [`Priority`] orders frames that are
    /// sent at once.
    ///
    /// # Errors
    /// If the container is not as long as the header says or longer than agreed (nothing is sent
    /// then), the stream or connection breaks, no reply comes in time
    /// ([`reply_timeout`](TransportOptions::reply_timeout)), or the reply is to another frame. A failure that the cloud
    /// reports for the frame is no error here, but is in [`SentFrame::reply`].
    pub async fn send_frame(
        &self,
        header: &FrameHeader,
        container: Bytes,
    ) -> Result<SentFrame, TransportError> {
        self.check_container(header, units::Bytes::of(&container))?;
        let message = encode(self.connection.peer(), header)?;
        let start = Instant::now();
        let place = self.priority.of_frame(header.frame);
        let way = (&self.connection, self.reply_timeout, place);
        let (reply, stream_bytes) = ask(way, [message, container]).await?;
        let round_trip = start.elapsed();
        if let FrameReply::Result(result) = &reply {
            let answered = (result.frame, result.task());
            check_answer(&self.connection, answered, (header.frame, header.task))?;
        }
        Ok(SentFrame {
            reply,
            stream_bytes,
            round_trip,
        })
    }

    fn check_container(
        &self,
        header: &FrameHeader,
        actual: units::Bytes,
    ) -> Result<(), TransportError> {
        let declared = header.container_bytes();
        if actual != declared {
            return Err(TransportError::ContainerLength { declared, actual });
        }
        let limit = self.welcome.limits.max_container_bytes;
        check_size(&self.connection, "container", actual, limit)
    }
}

impl SentFrame {
    /// The part of the round trip that was not the cloud's own work: both ways on the link. Where the
    /// cloud did not answer with a result, its work is not known and the whole round trip is returned.
    #[must_use]
    pub fn transfer(&self) -> Duration {
        match &self.reply {
            FrameReply::Result(result) => self.round_trip.saturating_sub(result.stages.total()),
            FrameReply::Failed(_) => self.round_trip,
        }
    }
}

impl ReferenceSession {
    pub(crate) const fn new(
        connection: Connection,
        welcome: Welcome,
        options: &TransportOptions,
    ) -> Self {
        Self {
            connection,
            welcome,
            reply_timeout: options.reply_timeout,
        }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the cloud's welcome: its model, codecs and limits.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Sends a frame's reference, and waits until the cloud has it.
    ///
    /// # Errors
    /// If it is larger than agreed (nothing is sent then), the stream or connection breaks, or the
    /// cloud does not take it.
    pub async fn send_reference(&self, reference: &Reference) -> Result<Ack, TransportError> {
        let header = reference.header();
        let limit = self.welcome.limits.max_reference_bytes;
        check_size(&self.connection, "reference", header.body_bytes(), limit)?;
        let request = ReferenceRequest::Reference(header);
        let about = (reference.frame(), reference.task());
        match self.ask(&request, reference.body(), about).await? {
            ReferenceReply::Reference(ack) => Ok(ack),
            ReferenceReply::Settlement(_) => {
                Err(self.unexpected("a settlement", "a reference's answer"))
            }
            ReferenceReply::Failed(source) => Err(TransportError::Rejected {
                peer: self.connection.peer(),
                frame: reference.frame(),
                source,
            }),
        }
    }

    /// Sends the measurements that follow a frame's reply, and waits until the cloud has them.
    ///
    /// # Errors
    /// If the stream or connection breaks, or the cloud does not accept them.
    pub async fn settle(&self, settlement: &Settlement) -> Result<Ack, TransportError> {
        let request = ReferenceRequest::Settlement(*settlement);
        let about = (settlement.frame, settlement.task);
        match self.ask(&request, Bytes::new(), about).await? {
            ReferenceReply::Settlement(ack) => Ok(ack),
            ReferenceReply::Reference(_) => {
                Err(self.unexpected("a reference", "a settlement's answer"))
            }
            ReferenceReply::Failed(source) => Err(TransportError::Rejected {
                peer: self.connection.peer(),
                frame: settlement.frame,
                source,
            }),
        }
    }

    async fn ask(
        &self,
        request: &ReferenceRequest,
        body: Bytes,
        about: (u64, Task),
    ) -> Result<ReferenceReply, TransportError> {
        let message = encode(self.connection.peer(), request)?;
        let request = [message, body];
        let way = (&self.connection, self.reply_timeout, ANY_PLACE);
        let (reply, _) = ask::<ReferenceReply>(way, request).await?;
        if let ReferenceReply::Reference(ack) | ReferenceReply::Settlement(ack) = &reply {
            check_answer(&self.connection, (ack.frame, ack.task), about)?;
        }
        Ok(reply)
    }

    fn unexpected(&self, actual: &str, expected: &str) -> TransportError {
        TransportError::UnexpectedReply {
            peer: self.connection.peer(),
            actual: actual.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// Makes one request on a stream of its own: sends a message and raw bytes, and reads a message. Streams with a
/// higher `place` are sent before it. Also returns the number of bytes written.
///
/// `limit` bounds every wait that only the peer can end: for a stream, for room for more of the
/// request, for the answer once it has all. The idle timeout bounds the link's time in between.
async fn ask<M: Message>(
    (connection, limit, place): (&Connection, Duration, i32),
    request: [Bytes; 2],
) -> Result<(M, units::Bytes), TransportError> {
    let silent = || TransportError::ReplyTimeout {
        peer: connection.peer(),
        waited: limit,
    };
    let opened = timeout(limit, connection.open_bi()).await;
    let (mut writer, mut reader) = opened.map_err(|_| silent())??;
    writer.set_place(place);
    if !writer.request(request, limit).await? {
        return Err(silent());
    }
    let reply = answer(&writer, &mut reader, limit).await;
    Ok((reply.unwrap_or_else(|| Err(silent()))?, writer.written()))
}

/// The answer to a request, `None` when none has come `limit` after the peer had all of the request.
async fn answer<M: Message>(
    writer: &Writer,
    reader: &mut Reader,
    limit: Duration,
) -> Option<Result<M, TransportError>> {
    let mut reading = pin!(async {
        let reply = reader.message(MAX_MESSAGE_BYTES).await?;
        reader.end("the reply").await?;
        Ok(reply)
    });
    tokio::select! {
        biased;
        reply = &mut reading => return Some(reply),
        () = writer.acknowledged() => {}
    }
    timeout(limit, reading).await.ok()
}

/// The priority of streams without an order: QUIC's default.
const ANY_PLACE: i32 = 0;

fn check_size(
    connection: &Connection,
    what: &'static str,
    actual: units::Bytes,
    limit: units::Bytes,
) -> Result<(), TransportError> {
    if actual <= limit {
        return Ok(());
    }
    Err(TransportError::TooLarge {
        peer: connection.peer(),
        what,
        actual,
        limit,
    })
}

fn check_answer(
    connection: &Connection,
    actual: (u64, Task),
    expected: (u64, Task),
) -> Result<(), TransportError> {
    if actual == expected {
        return Ok(());
    }
    let name = |(frame, task)| format!("frame {frame}, task {task}");
    Err(TransportError::UnexpectedReply {
        peer: connection.peer(),
        actual: name(actual),
        expected: name(expected),
    })
}
