//! Messages and raw bytes on one side of a bidirectional stream.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream, WriteError};
use splitsim_feature::units;
use splitsim_proto::Message;
use splitsim_proto::framing::{self, FramingError, PREFIX_BYTES};
use tokio::time::{timeout, timeout_at};

use crate::pace::Pacer;
use crate::{CloseCode, TransportError};

/// The bytes allocated before any of the peer's declared bytes have arrived. The buffer grows as they
/// arrive, so a declared size alone costs no memory.
const FIRST_ALLOCATION: usize = 64 << 10;

/// As much of a request as is waited for at once: at 10 kbit/s, one minute's.
const PIECE_BYTES: usize = 64 << 10;

/// The sending side.
#[derive(Debug)]
pub(crate) struct Writer {
    inner: SendStream,
    peer: SocketAddr,
    written: u64,
}

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Reader {
    inner: RecvStream,
    peer: SocketAddr,
    pacer: Option<Pacer>,
}

impl Writer {
    pub(crate) const fn new(inner: SendStream, peer: SocketAddr) -> Self {
        Self {
            inner,
            peer,
            written: 0,
        }
    }

    /// Lets streams with a higher place go before this one, and those with a lower one wait for it.
    pub(crate) fn set_place(&self, place: i32) {
        // Fails only on a stream that is finished or stopped already, which has nothing left to send.
        let _ = self.inner.set_priority(place);
    }

    /// Writes a message.
    pub(crate) async fn message<M: Message>(&mut self, message: &M) -> Result<(), TransportError> {
        let peer = self.peer;
        let frame = encode(peer, message)?;
        self.raw(frame).await
    }

    /// Writes raw bytes.
    pub(crate) async fn raw(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        self.try_raw(bytes)
            .await
            .map_err(|error| TransportError::of_write(self.peer, error))
    }

    /// Writes a request. A peer that stops reading it is not an error yet, because its answer gives the reason. Returns
    /// `false` if no progress was possible for `limit`.
    pub(crate) async fn request(
        &mut self,
        parts: [Bytes; 2],
        limit: Duration,
    ) -> Result<bool, TransportError> {
        for mut part in parts {
            while !part.is_empty() {
                let piece = part.split_to(part.len().min(PIECE_BYTES));
                match timeout(limit, self.try_raw(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(WriteError::Stopped(_))) => return Ok(true),
                    Ok(Err(error)) => return Err(TransportError::of_write(self.peer, error)),
                    Err(_) => return Ok(false),
                }
            }
        }
        self.finish();
        Ok(true)
    }

    /// Bytes written so far.
    pub(crate) const fn written(&self) -> units::Bytes {
        units::Bytes(self.written)
    }

    /// Ends the stream: nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        // Fails only on a stream that is finished or stopped already, where there is nothing to end.
        let _ = self.inner.finish();
    }

    /// Waits until the peer has everything, or has stopped reading.
    pub(crate) async fn acknowledged(&self) {
        // Either way there is nothing left to wait for.
        let _ = self.inner.stopped().await;
    }

    async fn try_raw(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        let length = bytes.len() as u64;
        self.inner.write_chunk(bytes).await?;
        self.written += length;
        Ok(())
    }
}

impl Reader {
    pub(crate) const fn new(inner: RecvStream, peer: SocketAddr) -> Self {
        Self {
            inner,
            peer,
            pacer: None,
        }
    }

    /// Sets the time limit for the peer's further bytes.
    pub(crate) fn set_pace(&mut self, pacer: Pacer) {
        self.pacer = Some(pacer);
    }

    /// Restarts the time limit after this side has kept the peer waiting.
    pub(crate) fn resume(&mut self) {
        if let Some(pacer) = &mut self.pacer {
            pacer.restart();
        }
    }

    /// Reads a message of at most `limit` bytes.
    pub(crate) async fn message<M: Message>(&mut self, limit: usize) -> Result<M, TransportError> {
        let prefix = self.bytes("a message's length", PREFIX_BYTES).await?;
        let mut length = [0; PREFIX_BYTES];
        length.copy_from_slice(&prefix);
        let length =
            framing::decode_prefix(length, limit).map_err(|source| self.framing(source))?;
        let body = self.bytes(M::NAME, length).await?;
        framing::decode_frame_body(&body).map_err(|source| self.framing(source))
    }

    /// Checks a body's `declared` length.
    pub(crate) fn check_size(
        &self,
        what: &'static str,
        declared: units::Bytes,
        limit: units::Bytes,
    ) -> Result<(), TransportError> {
        if declared <= limit {
            return Ok(());
        }
        Err(TransportError::TooLarge {
            peer: self.peer,
            what,
            actual: declared,
            limit,
        })
    }

    /// Reads the `declared` bytes that end the stream.
    pub(crate) async fn rest(
        &mut self,
        what: &'static str,
        declared: units::Bytes,
    ) -> Result<Bytes, TransportError> {
        let length = usize::try_from(declared.0).unwrap_or(usize::MAX);
        let bytes = self.bytes(what, length).await?;
        self.end(what).await?;
        Ok(bytes.into())
    }

    /// Checks that the stream ends here.
    pub(crate) async fn end(&mut self, what: &'static str) -> Result<(), TransportError> {
        match self.chunk(1).await? {
            None => Ok(()),
            Some(_) => Err(TransportError::Trailing {
                peer: self.peer,
                what,
            }),
        }
    }

    /// Tells the peer to send no more.
    pub(crate) fn stop(&mut self) {
        // Fails only on a stream that has ended, where there is nothing to stop.
        let _ = self.inner.stop(CloseCode::Protocol.to_varint());
    }

    async fn bytes(
        &mut self,
        what: &'static str,
        length: usize,
    ) -> Result<Vec<u8>, TransportError> {
        let mut bytes = Vec::with_capacity(length.min(FIRST_ALLOCATION));
        while bytes.len() < length {
            let Some(chunk) = self.chunk(length - bytes.len()).await? else {
                return Err(TransportError::Truncated {
                    peer: self.peer,
                    what,
                    expected: length as u64,
                    actual: bytes.len() as u64,
                });
            };
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn chunk(&mut self, max: usize) -> Result<Option<Bytes>, TransportError> {
        let read = loop {
            let reading = self.inner.read_chunk(max, true);
            let Some(pacer) = &mut self.pacer else {
                break reading.await;
            };
            match timeout_at(pacer.deadline(), reading).await {
                Ok(read) => break read,
                Err(_) if pacer.extend() => {}
                Err(_) => {
                    return Err(TransportError::Stalled {
                        peer: self.peer,
                        patience: pacer.patience(),
                    });
                }
            }
        };
        let chunk = read.map_err(|error| TransportError::of_read(self.peer, error))?;
        if let (Some(chunk), Some(pacer)) = (&chunk, &mut self.pacer) {
            pacer.came(chunk.bytes.len());
        }
        Ok(chunk.map(|chunk| chunk.bytes))
    }

    pub(crate) fn framing(&self, source: FramingError) -> TransportError {
        TransportError::Framing {
            peer: self.peer,
            direction: "from",
            source: Box::new(source),
        }
    }
}

/// The bytes of a message for `peer`.
pub(crate) fn encode<M: Message>(peer: SocketAddr, message: &M) -> Result<Bytes, TransportError> {
    framing::encode_frame(message).map_err(|source| TransportError::Framing {
        peer,
        direction: "to",
        source: Box::new(source),
    })
}
