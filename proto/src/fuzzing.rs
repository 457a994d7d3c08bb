//! The bodies of the fuzz targets, as functions, so that a test can replay earlier findings.
//!
//! Each function panics only when an invariant is violated, and returns `true` if the input was accepted.

use std::fmt::Debug;

use bytes::Bytes;
use splitsim_feature::units;

use crate::framing::{self, MAX_MESSAGE_BYTES, PREFIX_BYTES};
use crate::{
    CloudSide, FrameHeader, FrameReply, Hello, HelloReply, Limits, Message, Name, Reference,
    ReferenceReply, ReferenceRequest, negotiate,
};

/// Any bytes are either refused or become a message that encodes and decodes to itself. The first byte selects the
/// message type.
pub fn message(input: &[u8]) -> bool {
    let Some((&kind, body)) = input.split_first() else {
        return false;
    };
    match kind % 6 {
        0 => reads_back(Hello::decode_body(body).ok()),
        1 => reads_back(HelloReply::decode_body(body).ok()),
        2 => reads_back(FrameHeader::decode_body(body).ok()),
        3 => reads_back(FrameReply::decode_body(body).ok()),
        4 => reads_back(ReferenceRequest::decode_body(body).ok()),
        _ => reads_back(ReferenceReply::decode_body(body).ok()),
    }
}

/// Reads any bytes as a cloud reads a connection: the hello, then requests with their bodies, alternately of both
/// channels. The negotiated limits hold, and no read exceeds a declared length.
pub fn exchange(input: &[u8]) -> bool {
    let mut stream = Stream(input);
    let Some(hello) = stream.message::<Hello>() else {
        return false;
    };
    let Some(limits) = agreed(&hello) else {
        return false;
    };
    assert!(limits.max_container_bytes <= hello.max_container_bytes);
    while stream.frame(&limits).is_some() && stream.request(&limits).is_some() {}
    true
}

/// Returns the limits set by a cloud that supports every model, task and codec that the edge announces.
fn agreed(hello: &Hello) -> Option<Limits> {
    let side = CloudSide {
        model: hello.model.clone(),
        tasks: hello.tasks.clone(),
        codecs: hello.codecs.clone(),
        limits: Limits {
            max_container_bytes: units::Bytes(1 << 16),
            max_reference_bytes: units::Bytes(1 << 16),
            max_frames_in_flight: 4,
        },
        software_version: Name::new("fuzzed cloud").ok()?,
    };
    let reply = match negotiate(hello, &side) {
        Ok(welcome) => HelloReply::Welcome(welcome),
        Err(refusal) => HelloReply::Refusal(refusal),
    };
    reads_back(Some(reply.clone()));
    match reply {
        HelloReply::Welcome(welcome) => Some(welcome.limits),
        HelloReply::Refusal(_) => None,
    }
}

/// Bytes of a peer that are still to be read.
struct Stream<'a>(&'a [u8]);

impl<'a> Stream<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn message<M: Message + PartialEq + Debug>(&mut self) -> Option<M> {
        let prefix = self.take(PREFIX_BYTES)?.first_chunk().copied()?;
        let length = framing::decode_prefix(prefix, MAX_MESSAGE_BYTES).ok()?;
        assert!(length <= MAX_MESSAGE_BYTES);
        let message: M = framing::decode_frame_body(self.take(length)?).ok()?;
        let again = framing::encode_frame(&message);
        let again = again.ok().map(|frame| frame.slice(PREFIX_BYTES..));
        let again = again.and_then(|body| M::decode_body(&body).ok());
        assert_eq!(again.as_ref(), Some(&message));
        Some(message)
    }

    fn body(&mut self, declared: units::Bytes, limit: units::Bytes) -> Option<&'a [u8]> {
        let declared = usize::try_from(declared.min(limit).0).ok()?;
        self.take(declared)
    }

    fn frame(&mut self, limits: &Limits) -> Option<()> {
        let header: FrameHeader = self.message()?;
        let shipped = header
            .shipped()
            .expect("a header that is read ships an attempt");
        assert_eq!(shipped.container_bytes, header.container_bytes());
        self.body(header.container_bytes(), limits.max_container_bytes)
            .map(drop)
    }

    fn request(&mut self, limits: &Limits) -> Option<()> {
        let ReferenceRequest::Reference(header) = self.message()? else {
            return Some(());
        };
        let declared = header.body_bytes();
        let body = Bytes::copy_from_slice(self.body(declared, limits.max_reference_bytes)?);
        if let Ok(reference) = Reference::from_parts(&header, &body) {
            assert_eq!(reference.header(), header);
            assert_eq!(reference.body(), body);
        }
        Some(())
    }
}

/// `true` if there is a message. Asserts that encoding and decoding a message returns the same message.
fn reads_back<M: Message + PartialEq + Debug>(message: Option<M>) -> bool {
    if let Some(message) = &message {
        let body = message.encode_body().ok();
        let again = body.and_then(|body| M::decode_body(&body).ok());
        assert_eq!(again.as_ref(), Some(message));
    }
    message.is_some()
}
