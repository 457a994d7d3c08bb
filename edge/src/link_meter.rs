use std::sync::{Arc, Mutex};
use std::time::Duration;

use splitsim_feature::units::Bytes;
use splitsim_policy::{Company, LinkEstimate, LinkEstimator, Transfer};
use splitsim_transport::PathSnapshot;

use crate::lock::locked;

/// The edge's estimate of its uplink: the courier feeds it measurements, the gate reads it.
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

    /// Returns the current estimate, if there is one.
    pub(crate) fn estimate(&self) -> Option<LinkEstimate> {
        locked(&self.0).estimate()
    }
}
