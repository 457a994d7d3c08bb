use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Limits the log messages that a peer can cause: a number of messages per span of time passes, the others
/// are counted, and the next one that passes can state their number.
#[derive(Debug)]
pub struct Throttle {
    messages: u32,
    span: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The start of the current span.
    begun: Option<Instant>,
    said: u32,
    suppressed: u64,
}

impl Throttle {
    /// Lets `messages` through in every `span`.
    #[must_use]
    pub const fn new(messages: u32, span: Duration) -> Self {
        Self {
            messages,
            span,
            state: Mutex::new(State {
                begun: None,
                said: 0,
                suppressed: 0,
            }),
        }
    }

    /// Lets five messages through in ten seconds.
    #[must_use]
    pub const fn usual() -> Self {
        Self::new(5, Duration::from_secs(10))
    }

    /// Decides whether a message may be logged now: `Some` with the number of messages suppressed since the last one
    /// logged, or `None` if this one is suppressed too.
    #[must_use]
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |begun| now.saturating_duration_since(begun) >= self.span;
        if state.begun.is_none_or(is_over) {
            state.begun = Some(now);
            state.said = 0;
        }
        if state.said == self.messages {
            state.suppressed += 1;
            return None;
        }
        state.said += 1;
        Some(std::mem::take(&mut state.suppressed))
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::usual()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_counted() {
        let throttle = Throttle::new(2, Duration::from_secs(10));
        let start = Instant::now();
        let after = |seconds| throttle.admit(start + Duration::from_secs(seconds));
        assert_eq!(
            [after(0), after(1), after(2), after(9)],
            [Some(0), Some(0), None, None]
        );
        assert_eq!([after(10), after(11), after(12)], [Some(2), Some(0), None]);
        assert_eq!(after(40), Some(1));
    }
}
