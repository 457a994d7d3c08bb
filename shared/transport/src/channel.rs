use std::fmt;

/// The purpose of a connection, agreed in the handshake by its ALPN identifier (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Frames, over the link that is measured.
    Frames,
    /// References and settlements of experiments, beside that link.
    References,
}

impl Channel {
    /// Both channels.
    pub const ALL: [Self; 2] = [Self::Frames, Self::References];

    /// The ALPN identifier, with the protocol's version.
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Frames => b"splitsim/1",
            Self::References => b"splitsim-reference/1",
        }
    }

    pub(crate) fn of_alpn(alpn: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.alpn() == alpn)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Frames => "frames",
            Self::References => "references",
        })
    }
}
