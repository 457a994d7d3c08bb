use std::sync::{Arc, Mutex};
use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_policy::{Company, LinkEstimate, LinkEstimator, Transfer};
use splitsim_transport::PathSnapshot;

use crate::lock::locked;

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
        let mut estimator = locked(&self.0);
        match company {
            None => estimator.observe(transfer),
            Some(company) => estimator.observe_shared(transfer, company),
        }
    }

    /// What is believed now.
    pub(crate) fn estimate(&self) -> Option<LinkEstimate> {
        locked(&self.0).estimate()
    }
}
