//! The format of a message on a stream: the length of the body as a 32-bit little-endian integer, then the
//! body.
//!
//! No I/O happens here. A reader reads [`PREFIX_BYTES`], learns from [`decode_prefix`] how many bytes
//! follow (after the limit has been checked, before anything is allocated), reads those, and hands
//! them to [`Message::decode_body`].
//!
//! ```
//! use splitsim_proto::framing::{self, MAX_MESSAGE_BYTES, PREFIX_BYTES};
//! use splitsim_proto::{FrameReply, Message, RequestError, RequestErrorKind};
//!
//! let reply = FrameReply::Failed(RequestError::new(RequestErrorKind::Overloaded, "busy"));
//! let bytes = framing::encode_frame(&reply)?;
//! assert_eq!(&bytes[..], b"\x0a\0\0\0\x12\x08\x08\x0a\x12\x04busy");
//!
//! let (prefix, body) = bytes.split_first_chunk::<PREFIX_BYTES>().expect("four bytes and more");
//! assert_eq!(framing::decode_prefix(*prefix, MAX_MESSAGE_BYTES)?, body.len());
//! assert_eq!(FrameReply::decode_body(body)?, reply);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::Bytes;

use crate::message::{InvalidMessage, Message};

/// Bytes of the length in front of every message.
pub const PREFIX_BYTES: usize = 4;

/// The longest message body. A frame header with the 256 attempts of a full ladder search needs some
/// 30 kB.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The reason why a message cannot be framed or unframed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The body is longer than allowed.
    #[error("message of {actual} bytes, at most {max} are allowed")]
    TooLong {
        /// Its length.
        actual: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The message breaks a rule.
    #[error("invalid {message}: {source}")]
    Invalid {
        /// The message's name.
        message: &'static str,
        /// The rule it breaks.
        source: InvalidMessage,
    },
}

/// The bytes of a message on a stream: length, then body.
///
/// # Errors
/// If the message breaks a rule that its reader checks, or is longer than [`MAX_MESSAGE_BYTES`].
pub fn encode_frame<M: Message>(message: &M) -> Result<Bytes, FramingError> {
    let body = message
        .encode_body()
        .map_err(|source| FramingError::Invalid {
            message: M::NAME,
            source,
        })?;
    let length = check_length(body.len(), MAX_MESSAGE_BYTES)?;
    let mut frame = Vec::with_capacity(PREFIX_BYTES + body.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame.into())
}

/// The length of the body that follows this prefix.
///
/// # Errors
/// If it exceeds `limit` or [`MAX_MESSAGE_BYTES`].
pub fn decode_prefix(prefix: [u8; PREFIX_BYTES], limit: usize) -> Result<usize, FramingError> {
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    check_length(length, limit.min(MAX_MESSAGE_BYTES)).map(|_| length)
}

/// Reads a message's body.
///
/// # Errors
/// If the bytes do not encode such a message, or the message breaks a rule.
pub fn decode_frame_body<M: Message>(body: &[u8]) -> Result<M, FramingError> {
    M::decode_body(body).map_err(|source| FramingError::Invalid {
        message: M::NAME,
        source,
    })
}

fn check_length(actual: usize, max: usize) -> Result<u32, FramingError> {
    u32::try_from(actual)
        .ok()
        .filter(|_| actual <= max)
        .ok_or(FramingError::TooLong { actual, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_checked_on_the_declared_length() {
        assert_eq!(decode_prefix([0x10, 0x27, 0, 0], 10_000), Ok(10_000));
        assert_eq!(
            decode_prefix([0x11, 0x27, 0, 0], 10_000),
            Err(FramingError::TooLong {
                actual: 10_001,
                max: 10_000
            })
        );
        assert!(decode_prefix([0xff; 4], usize::MAX).is_err());
    }
}
