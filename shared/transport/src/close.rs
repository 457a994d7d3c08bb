use std::fmt;

use quinn::VarInt;

/// The reason why a side closes a connection or gives up a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The side went without saying why, as QUIC reports a connection or stream that was dropped.
    Dropped,
    /// All is done.
    Done,
    /// The hello was refused.
    Refused,
    /// The peer broke the protocol or a limit.
    Protocol,
    /// This side is shutting down.
    Shutdown,
    /// This side failed.
    Failed,
}

impl CloseCode {
    const ALL: [Self; 6] = [
        Self::Dropped,
        Self::Done,
        Self::Refused,
        Self::Protocol,
        Self::Shutdown,
        Self::Failed,
    ];

    pub(crate) const fn to_varint(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Dropped => 0,
            Self::Done => 1,
            Self::Refused => 2,
            Self::Protocol => 3,
            Self::Shutdown => 4,
            Self::Failed => 5,
        })
    }

    pub(crate) fn of_varint(code: VarInt) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.to_varint() == code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dropped => "without a word",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Protocol => "protocol violation",
            Self::Shutdown => "shutting down",
            Self::Failed => "failed",
        })
    }
}
