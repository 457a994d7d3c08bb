use std::time::Duration;

use bytes::Bytes;
use splitsim_feature::units;
use splitsim_proto::framing::{FramingError, MAX_MESSAGE_BYTES};
use splitsim_proto::{
    FrameHeader, Hello, Limits, Message, Reference, ReferenceHeader, ReferenceRequest, Settlement,
    Welcome,
};

use crate::budget::BodyRoom;
use crate::pace::Pace;
use crate::stream::{Reader, Writer};
use crate::{BodyShare, CloseCode, Connection, TransportError};

/// The cloud's view of a connection, after the hello.
#[derive(Debug)]
pub struct CloudSession {
    connection: Connection,
    hello: Hello,
    welcome: Welcome,
    bodies: Option<BodyShare>,
    pace: Option<Pace>,
}

/// The limits on the requests of a connection.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// The memory for their bodies. A body is read only once there is memory for it; until then its edge waits.
    pub bodies: BodyShare,
    /// The longest pause in the middle of a request; every further 16 KiB start the time anew. It should be longer than
    /// the outages that edges are to survive.
    pub patience: Duration,
}

/// One request of an edge: read it, then reply to it.
#[derive(Debug)]
pub struct Exchange {
    writer: Writer,
    reader: Reader,
    limits: Limits,
    bodies: Option<BodyShare>,
    /// Memory for the request's body, until it is replied to.
    room: Option<BodyRoom>,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedFrame {
    /// The edge's header.
    pub header: FrameHeader,
    /// The container, of the length that the header states; its content is unchecked.
    pub container: Bytes,
}

/// A request of an edge on a reference connection.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceivedRequest {
    /// Keep this reference.
    Reference(Reference),
    /// Log this settlement.
    Settlement(Settlement),
}

impl CloudSession {
    pub(crate) const fn new(connection: Connection, hello: Hello, welcome: Welcome) -> Self {
        Self {
            connection,
            hello,
            welcome,
            bodies: None,
            pace: None,
        }
    }

    /// Sets the limits on further requests; without this call, bodies wait for no memory and have no time limit.
    #[must_use]
    pub fn allow(mut self, allowance: Allowance) -> Self {
        self.bodies = Some(allowance.bodies);
        self.pace = Some(Pace::new(allowance.patience));
        self
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the edge's hello: its identity, model and codecs.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Returns the cloud's welcome, with the limits of this connection.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Waits for the next request; `None` when the edge has closed the connection because all is done,
    /// or this side has closed it.
    ///
    /// At most [`max_streams`](crate::TransportOptions::max_streams) requests are open at once. The caller must check
    /// `max_frames_in_flight`, and may reply
    /// [`Overloaded`](splitsim_proto::RequestErrorKind::Overloaded).
    ///
    /// # Errors
    /// If the connection ends otherwise.
    pub async fn accept(&self) -> Result<Option<Exchange>, TransportError> {
        match self.connection.accept_bi().await {
            Ok((writer, mut reader)) => {
                if let Some(pace) = &self.pace {
                    reader.set_pace(pace.begin());
                }
                Ok(Some(Exchange {
                    writer,
                    reader,
                    limits: self.welcome.limits,
                    bodies: self.bodies.clone(),
                    room: None,
                }))
            }
            Err(
                TransportError::ClosedHere { .. }
                | TransportError::Closed {
                    code: Some(CloseCode::Done),
                    ..
                },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Exchange {
    /// Reads a frame. After an error that
    /// [has an answer](TransportError::to_request_error), [`Self::reply`] still reaches the edge.
    ///
    /// # Errors
    /// If header or container break a rule or a limit, or the stream breaks.
    pub async fn recv_frame(&mut self) -> Result<ReceivedFrame, TransportError> {
        let outcome = self.read_frame().await;
        if outcome.is_err() {
            self.reader.stop();
        }
        outcome
    }

    /// Reads a request of a reference connection. After an error that
    /// [has an answer](TransportError::to_request_error), [`Self::reply`] still reaches the edge.
    ///
    /// # Errors
    /// If header or body break a rule or a limit, or the stream breaks.
    pub async fn recv_request(&mut self) -> Result<ReceivedRequest, TransportError> {
        let outcome = self.read_request().await;
        if outcome.is_err() {
            self.reader.stop();
        }
        outcome
    }

    /// Answers, and ends the exchange: [`FrameReply`](splitsim_proto::FrameReply) to a frame,
    /// [`ReferenceReply`](splitsim_proto::ReferenceReply) to a request.
    ///
    /// # Errors
    /// If the reply breaks a rule, or the stream or connection has broken.
    pub async fn reply<M: Message>(mut self, reply: &M) -> Result<(), TransportError> {
        self.room = None;
        self.writer.message(reply).await?;
        self.writer.finish();
        Ok(())
    }

    /// As [`Self::reply`], and waits until the edge has all of it or is gone: for a reply after which
    /// the connection may be closed at once.
    ///
    /// # Errors
    /// As [`Self::reply`].
    pub async fn deliver<M: Message>(mut self, reply: &M) -> Result<(), TransportError> {
        self.room = None;
        self.writer.message(reply).await?;
        self.writer.finish();
        self.writer.acknowledged().await;
        Ok(())
    }

    async fn read_frame(&mut self) -> Result<ReceivedFrame, TransportError> {
        let header: FrameHeader = self.reader.message(MAX_MESSAGE_BYTES).await?;
        let limit = self.limits.max_container_bytes;
        let container = self
            .body("container", header.container_bytes(), limit)
            .await?;
        Ok(ReceivedFrame { header, container })
    }

    /// Reads the body that ends the stream, once it has been found to be within `limit` and there is room for it.
    async fn body(
        &mut self,
        what: &'static str,
        declared: units::Bytes,
        limit: units::Bytes,
    ) -> Result<Bytes, TransportError> {
        self.reader.check_size(what, declared, limit)?;
        if let Some(bodies) = &self.bodies {
            self.room = bodies.room(declared).await;
            self.reader.resume();
        }
        self.reader.rest(what, declared).await
    }

    async fn read_request(&mut self) -> Result<ReceivedRequest, TransportError> {
        match self.reader.message(MAX_MESSAGE_BYTES).await? {
            ReferenceRequest::Reference(header) => self.read_reference(&header).await,
            ReferenceRequest::Settlement(settlement) => {
                self.reader.end("the settlement").await?;
                Ok(ReceivedRequest::Settlement(settlement))
            }
        }
    }

    async fn read_reference(
        &mut self,
        header: &ReferenceHeader,
    ) -> Result<ReceivedRequest, TransportError> {
        let limit = self.limits.max_reference_bytes;
        let body = self.body("reference", header.body_bytes(), limit).await?;
        Reference::from_parts(header, &body)
            .map(ReceivedRequest::Reference)
            .map_err(|source| {
                self.reader.framing(FramingError::Invalid {
                    message: "Reference",
                    source,
                })
            })
    }
}
