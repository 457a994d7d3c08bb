use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The wish to end early, shared by all stages.
///
/// No new picture is taken from then on. What is under way has [`Self::GRACE`] to be sent or spooled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
}

impl Stop {
    /// Long enough to code and send what is between the stages, short enough for somebody who waits.
    pub(crate) const GRACE: Duration = Duration::from_secs(10);

    /// Says that it is time to end; only the first time counts.
    pub(crate) fn request(&self) {
        self.deadline.get_or_init(|| Instant::now() + Self::GRACE);
        self.token.cancel();
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the request.
    pub(crate) async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Waits until the request's grace has run out.
    pub(crate) async fn expired(&self) {
        self.token.cancelled().await;
        let deadline = self.deadline.get().copied();
        sleep_until(deadline.unwrap_or_else(Instant::now)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_grace_counts_from_the_first_request() {
        let stop = Stop::default();
        assert!(!stop.is_requested());
        let start = Instant::now();
        stop.request();
        let deadline = stop.deadline.get().copied().unwrap();
        assert!(deadline >= start + Stop::GRACE);
        stop.request();
        assert_eq!(stop.deadline.get(), Some(&deadline));
        stop.requested().await;
        assert!(stop.is_requested());
    }
}
