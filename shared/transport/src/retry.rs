//! Retries until a cloud is reachable.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::TransportError;

/// The waits between attempts, and the total time allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first attempt; each further one is twice as long. Default 200 ms.
    pub initial: Duration,
    /// The longest wait. Default 5 s.
    pub max: Duration,
    /// The time after the first attempt at which to give up. Default 60 s.
    pub total: Duration,
}

/// An attempt that failed and will be followed by another.
#[derive(Debug)]
pub struct Retry<'a> {
    /// Attempts so far.
    pub attempts: u32,
    /// The wait before the next one.
    pub delay: Duration,
    /// The error of this attempt.
    pub error: &'a TransportError,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(5),
            total: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The wait after this many attempts, counted from 1.
    #[must_use]
    pub fn delay(&self, attempts: u32) -> Duration {
        let factor = 2u32.saturating_pow(attempts.saturating_sub(1));
        self.initial.saturating_mul(factor).min(self.max)
    }
}

/// Tries until success, until an error that [is not transient](TransportError::is_transient), or until
/// the total time has passed. `on_retry` is called after every attempt that will be followed by another.
///
/// ```no_run
/// # use splitsim_transport::{Backoff, EdgeEndpoint, FrameSession, Target, TransportError};
/// # async fn connect(endpoint: &EdgeEndpoint, target: &Target, hello: &splitsim_proto::Hello)
/// # -> Result<FrameSession, TransportError> {
/// let backoff = Backoff::default();
/// splitsim_transport::with_backoff(
///     &backoff,
///     || endpoint.connect_frames(target, hello),
///     |retry| eprintln!("{}; again in {:?}", retry.error, retry.delay),
/// )
/// .await
/// # }
/// ```
///
/// # Errors
/// The error that is not transient, or [`TransportError::GaveUp`] around the last one.
pub async fn with_backoff<T, F>(
    backoff: &Backoff,
    mut attempt: impl FnMut() -> F,
    mut on_retry: impl FnMut(&Retry<'_>),
) -> Result<T, TransportError>
where
    F: Future<Output = Result<T, TransportError>>,
{
    let start = Instant::now();
    let deadline = start + backoff.total;
    let mut attempts = 0;
    let mut last = None;
    loop {
        attempts += 1;
        let error = match (timeout_at(deadline, attempt()).await, last.take()) {
            (Ok(Ok(value)), _) => return Ok(value),
            (Ok(Err(error)), _) if !error.is_transient() => return Err(error),
            (Ok(Err(error)), _) => error,
            (Err(_), Some(earlier)) => return Err(gave_up(attempts, start, earlier)),
            (Err(_), None) => return Err(TransportError::OutOfTime(backoff.total)),
        };
        let delay = backoff.delay(attempts);
        if Instant::now() + delay >= deadline {
            return Err(gave_up(attempts, start, error));
        }
        on_retry(&Retry {
            attempts,
            delay,
            error: &error,
        });
        sleep(delay).await;
        last = Some(error);
    }
}

fn gave_up(attempts: u32, start: Instant, last: TransportError) -> TransportError {
    TransportError::GaveUp {
        attempts,
        elapsed: start.elapsed(),
        last: Box::new(last),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const PEER: &str = "127.0.0.1:4433";

    fn silent() -> TransportError {
        let peer: SocketAddr = PEER.parse().unwrap();
        TransportError::IdleTimeout { peer }
    }

    fn untrusted() -> TransportError {
        TransportError::PeerNotTrusted {
            peer: PEER.parse().unwrap(),
            reason: "unknown issuer".into(),
        }
    }

    /// Runs `attempt(n)` for the n-th attempt; returns the outcome, the waits in ms and the total in ms.
    async fn check(
        backoff: Backoff,
        attempt: impl Fn(u32) -> Result<u32, TransportError>,
    ) -> (Result<u32, TransportError>, Vec<u128>, u128) {
        let start = Instant::now();
        let mut waits = Vec::new();
        let mut tried = 0;
        let outcome = with_backoff(
            &backoff,
            || {
                tried += 1;
                std::future::ready(attempt(tried))
            },
            |retry| waits.push(retry.delay.as_millis()),
        )
        .await;
        (outcome, waits, start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest() {
        let (outcome, waits, total_ms) = check(Backoff::default(), |tried| match tried {
            8 => Ok(tried),
            _ => Err(silent()),
        })
        .await;
        assert_eq!(outcome.unwrap(), 8);
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(total_ms, 16_200);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_mended_is_not_tried_again() {
        let (outcome, waits, total_ms) = check(Backoff::default(), |_| Err(untrusted())).await;
        assert!(matches!(
            outcome,
            Err(TransportError::PeerNotTrusted { .. })
        ));
        assert!(waits.is_empty());
        assert_eq!(total_ms, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_time_is_bounded() {
        let backoff = Backoff {
            total: Duration::from_secs(2),
            ..Backoff::default()
        };
        let (outcome, waits, total_ms) = check(backoff, |_| Err(silent())).await;
        assert_eq!(waits, [200, 400, 800]);
        assert_eq!(total_ms, 1400);
        let Err(TransportError::GaveUp { attempts, last, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(attempts, 4);
        assert!(matches!(*last, TransportError::IdleTimeout { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_cut_off() {
        let backoff = Backoff {
            total: Duration::from_secs(3),
            ..Backoff::default()
        };
        let start = Instant::now();
        let outcome: Result<(), _> = with_backoff(&backoff, std::future::pending, |_| ()).await;
        assert!(matches!(outcome, Err(TransportError::OutOfTime(_))));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }
}
