use prost::Message as _;

use crate::names::NameError;
use crate::wire;

/// A message that may travel, see [`framing`](crate::framing).
///
/// Implemented by this crate's message types only.
pub trait Message: Sized + sealed::Sealed {
    /// The message's name in `proto/splitsim.proto`, for diagnoses.
    const NAME: &'static str;

    /// The protobuf encoding.
    ///
    /// # Errors
    /// If a reader would refuse the message.
    fn encode_body(&self) -> Result<Vec<u8>, InvalidMessage>;

    /// Reads a protobuf encoding and checks everything in it.
    ///
    /// # Errors
    /// If the bytes do not encode such a message, or the message breaks a rule.
    fn decode_body(bytes: &[u8]) -> Result<Self, InvalidMessage>;
}

mod sealed {
    pub trait Sealed {}
}

/// The reason why a message is refused, with the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// The bytes are no protobuf encoding of the message.
    #[error("not a {message}: {reason}")]
    Malformed {
        /// The message expected.
        message: &'static str,
        /// The decoder's message.
        reason: String,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// An enumeration value that this version does not know.
    #[error("{field} has the unknown value {actual}")]
    UnknownValue {
        /// The field.
        field: &'static str,
        /// The value found.
        actual: i32,
    },
    /// A text that is no valid name or identifier.
    #[error("{field}: {source}")]
    Name {
        /// The field.
        field: &'static str,
        /// The fault.
        source: NameError,
    },
    /// A list is too long or too short.
    #[error("{field} has {actual} entries, expected {min} to {max}")]
    Count {
        /// The field.
        field: &'static str,
        /// Entries found.
        actual: usize,
        /// The fewest allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// A number is NaN or infinite.
    #[error("{field} is {actual}, expected a finite number")]
    NotFinite {
        /// The field.
        field: &'static str,
        /// The value as text.
        actual: String,
    },
    /// A value that contradicts the rest of the message.
    #[error("{field} is {actual}, expected {expected}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// The value found.
        actual: String,
        /// The expected value.
        expected: String,
    },
}

/// Implements [`Message`] for each domain type, by way of its protobuf type of the same name.
macro_rules! messages {
    ($($domain:ident),* $(,)?) => {$(
        impl sealed::Sealed for crate::$domain {}

        impl Message for crate::$domain {
            const NAME: &'static str = stringify!($domain);

            fn encode_body(&self) -> Result<Vec<u8>, InvalidMessage> {
                let wire = wire::$domain::from(self);
                let bytes = wire.encode_to_vec();
                Self::try_from(wire).map(|_| bytes)
            }

            fn decode_body(bytes: &[u8]) -> Result<Self, InvalidMessage> {
                wire::$domain::decode(bytes)
                    .map_err(|error| InvalidMessage::Malformed {
                        message: Self::NAME,
                        reason: error.to_string(),
                    })
                    .and_then(Self::try_from)
            }
        }
    )*};
}

messages!(
    Hello,
    HelloReply,
    FrameHeader,
    FrameReply,
    ReferenceRequest,
    ReferenceReply
);
