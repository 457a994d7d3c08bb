//! Counts the bytes that the peer has confirmed, by listening to the congestion controller: QUIC's statistics
//! report sent and lost bytes, but not arrived ones.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;
use splitsim_feature::units::Bytes;

/// A congestion control that counts, and in everything else is the one within.
struct Counting {
    inner: Box<dyn Controller>,
    arrived: u64,
}

/// Wraps the controllers of another factory in [`Counting`].
pub(crate) struct CountingFactory(pub(crate) Arc<dyn ControllerFactory + Send + Sync>);

/// Bytes of the connection's packets that are known to have arrived.
pub(crate) fn arrived(connection: &quinn::Connection) -> Bytes {
    let controller = connection.congestion_state().into_any();
    let counting = controller.downcast::<Counting>();
    Bytes(counting.map_or(0, |counting| counting.arrived))
}

impl ControllerFactory for CountingFactory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Counting {
            inner: Arc::clone(&self.0).build(now, current_mtu),
            arrived: 0,
        })
    }
}

impl Controller for Counting {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.arrived += bytes;
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.inner.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            arrived: self.arrived,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
