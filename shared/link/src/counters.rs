use splitsim_feature::units::Bytes;

/// Counts of the packets of one direction since the link's start, by their fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that entered the pipe.
    pub arrived: u64,
    /// Their bytes.
    pub arrived_bytes: Bytes,
    /// Packets that the link served, those lost thereafter included.
    pub served: u64,
    /// Their bytes.
    pub served_bytes: Bytes,
    /// Packets delivered.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: Bytes,
    /// Packets that found the queue full.
    pub dropped_full: u64,
    /// Packets that CoDel dropped.
    pub dropped_codel: u64,
    /// Packets that arrived while the link was down.
    pub dropped_down: u64,
    /// Packets lost on the way.
    pub lost: u64,
}

/// The reason why a packet is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropCause {
    /// The queue was full.
    Full,
    /// It had waited too long for CoDel.
    Codel,
    /// The link was down when it came.
    Down,
    /// It was lost on the way.
    Lost,
}

impl Counters {
    /// Packets that were not delivered and will not be.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped_full + self.dropped_codel + self.dropped_down + self.lost
    }

    pub(crate) const fn count_drop(&mut self, cause: DropCause) {
        match cause {
            DropCause::Full => self.dropped_full += 1,
            DropCause::Codel => self.dropped_codel += 1,
            DropCause::Down => self.dropped_down += 1,
            DropCause::Lost => self.lost += 1,
        }
    }
}

impl DropCause {
    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Codel => "codel",
            Self::Down => "down",
            Self::Lost => "lost",
        }
    }
}
