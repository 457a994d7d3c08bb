use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_policy::{Company, LinkEstimate, LinkEstimator, Transfer};
use splitsim_transport::PathSnapshot;

/// What the edge believes of its uplink: the courier measures, the gate asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkMeter(Arc<Mutex<LinkEstimator>>);

impl LinkMeter {
    /// A frame went over, in this time there and back without the cloud's work, by itself or in company.
    pub(crate) fn observe(
        &self,
        bytes: Bytes,
        took: Duration,
        path: PathSnapshot,
        company: Option<Company>,
    ) {
        let transfer = Transfer {
            bytes,
            took,
            rtt: path.rtt,
            window: path.congestion_window,
        };
        self.estimator(|estimator| match company {
            None => estimator.observe(transfer),
            Some(company) => estimator.observe_shared(transfer, company),
        });
    }

    /// What is believed now.
    pub(crate) fn estimate(&self) -> Option<LinkEstimate> {
        self.estimator(|estimator| estimator.estimate())
    }

    /// The estimator is whole at any moment, so a thread that broke down while holding it does not
    /// matter.
    fn estimator<T>(&self, access: impl FnOnce(&mut LinkEstimator) -> T) -> T {
        access(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
