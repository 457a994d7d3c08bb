use std::fmt;
use std::str::FromStr;

/// The sending order of the frames that are under way on one connection. It orders only unsent data: packets
/// that already wait in a queue of the link keep their places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// None: they take turns, packet by packet.
    #[default]
    Equal,
    /// The one with the lowest number, so that frames arrive in their order.
    OldestFirst,
    /// The one with the highest number, so that the latest frame arrives first.
    NewestFirst,
}

/// A name that is not in [`Priority::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown priority '{0}', expected equal, oldest-first or newest-first")]
pub struct UnknownPriority(String);

impl Priority {
    /// Every priority.
    pub const ALL: [Self; 3] = [Self::Equal, Self::OldestFirst, Self::NewestFirst];

    /// The priority's name in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::OldestFirst => "oldest-first",
            Self::NewestFirst => "newest-first",
        }
    }

    /// Returns the priority of a frame's stream; the highest is sent first. Frames beyond 2³¹ − 1 share one priority.
    pub(crate) fn of_frame(self, frame: u64) -> i32 {
        let number = i32::try_from(frame).unwrap_or(i32::MAX);
        match self {
            Self::Equal => 0,
            Self::OldestFirst => -number,
            Self::NewestFirst => number,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
            .ok_or_else(|| UnknownPriority(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for priority in Priority::ALL {
            assert_eq!(priority.name().parse(), Ok(priority));
        }
        let error = "freshest".parse::<Priority>().unwrap_err().to_string();
        assert!(error.contains("newest-first"), "{error}");
    }

    #[test]
    fn the_first_has_the_highest_place() {
        let places = |priority: Priority| [0, 7, u64::MAX].map(|frame| priority.of_frame(frame));
        assert_eq!(places(Priority::Equal), [0, 0, 0]);
        assert_eq!(places(Priority::OldestFirst), [0, -7, -i32::MAX]);
        assert_eq!(places(Priority::NewestFirst), [0, 7, i32::MAX]);
    }
}
