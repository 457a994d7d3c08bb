//! The emulated links of one policy's edges, and what is noted of them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use splitsim_link::{LinkSample, Relay, RelayConfig, RelayReport};
use splitsim_results::{ConnectionSampleRecord, LinkSampleRecord, Store};
use splitsim_transport::PathSnapshot;

use crate::scenario::LinkPlan;

/// The links that are up, each with its name.
pub(super) struct Wires {
    links: Vec<Wire>,
    shared: bool,
}

struct Wire {
    name: String,
    relay: Relay,
    began: SystemTime,
}

/// A connection at one moment, as its edge told.
pub(super) type PathSample = (SystemTime, PathSnapshot);

/// As fine as edges tell of their connections.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// The name of a link that all edges share.
const SHARED: &str = "uplink";

/// More late packets than this are worth a word: the machine was too busy to emulate well.
const TOLERABLE_LATE: f64 = 0.01;

impl Wires {
    /// Starts the links of these edges toward the cloud; their time begins.
    pub(super) fn start<'a>(
        plan: &LinkPlan,
        cloud: SocketAddr,
        edges: impl Iterator<Item = &'a str>,
        packet_logs: &Path,
    ) -> Result<Self> {
        let names: Vec<&str> = match plan.shared {
            true => vec![SHARED],
            false => edges.collect(),
        };
        if plan.packet_log {
            std::fs::create_dir_all(packet_logs)
                .with_context(|| format!("folder {}", packet_logs.display()))?;
        }
        let start = |(number, name): (u64, &str)| {
            let mut link = plan.config.clone();
            // Links of their own have losses of their own.
            link.seed = link.seed.wrapping_add(number);
            let config = RelayConfig {
                sample_every: Some(SAMPLE_EVERY),
                packet_log: plan
                    .packet_log
                    .then(|| packet_logs.join(format!("{name}.csv"))),
                ..RelayConfig::loopback(cloud, link)
            };
            let relay = Relay::start(&config).context("cannot start the emulated link")?;
            let began = SystemTime::now() - relay.started().elapsed();
            let name = name.to_owned();
            Ok(Wire { name, relay, began })
        };
        let links = (0..).zip(names).map(start).collect::<Result<_>>()?;
        let shared = plan.shared;
        Ok(Self { links, shared })
    }

    /// Returns the address of the link that this edge sends to.
    pub(super) fn entry(&self, edge: &str) -> Option<SocketAddr> {
        let of_edge = |wire: &&Wire| self.shared || wire.name == edge;
        let wire = self.links.iter().find(of_edge);
        wire.map(|wire| wire.relay.local_addr())
    }

    /// Ends the links. Returns their samples and what is to be said of them.
    pub(super) fn stop(self, run_id: &str) -> Result<(Vec<LinkSampleRecord>, Vec<String>)> {
        let (mut records, mut notes) = (Vec::new(), Vec::new());
        for Wire { name, relay, began } in self.links {
            let samples = relay.take_samples();
            records.extend(
                samples
                    .iter()
                    .map(|sample| record(run_id, &name, began, sample)),
            );
            let report = relay.stop().with_context(|| format!("link {name}"))?;
            notes.extend(note(&name, &report));
        }
        Ok((records, notes))
    }
}

/// Writes the samples of links and connections into the results.
pub(super) fn store(
    results: &Path,
    links: &[LinkSampleRecord],
    connections: &[ConnectionSampleRecord],
) -> Result<()> {
    let mut store = Store::open(results)?;
    store.record_link_samples(links)?;
    store.record_connection_samples(connections)?;
    Ok(())
}

/// An edge's samples as they are stored.
pub(super) fn connections(
    run_id: &str,
    edge_id: &str,
    samples: &[PathSample],
) -> Vec<ConnectionSampleRecord> {
    let record = |(at, path): &PathSample| ConnectionSampleRecord {
        run_id: run_id.to_owned(),
        edge_id: edge_id.to_owned(),
        sampled_at: rfc3339(*at),
        rtt_ms: ms(path.rtt),
        min_rtt_ms: ms(path.min_rtt),
        window: path.congestion_window,
        mtu: path.mtu,
        sent_packets: path.sent_packets,
        sent: path.sent,
        lost_packets: path.lost_packets,
        lost: path.lost,
        congestion_events: path.congestion_events,
    };
    samples.iter().map(record).collect()
}

fn record(run_id: &str, link: &str, began: SystemTime, sample: &LinkSample) -> LinkSampleRecord {
    let counters = sample.counters;
    LinkSampleRecord {
        run_id: run_id.to_owned(),
        link: link.to_owned(),
        direction: sample.direction.name().to_owned(),
        sampled_at: rfc3339(began + sample.at),
        at_ms: ms(sample.at),
        rate: sample.rate,
        queued_packets: sample.queued_packets as u64,
        queued: sample.queued,
        in_flight: sample.in_flight,
        arrived: counters.arrived,
        delivered: counters.delivered,
        delivered_bytes: counters.delivered_bytes,
        dropped_full: counters.dropped_full,
        dropped_codel: counters.dropped_codel,
        dropped_down: counters.dropped_down,
        lost: counters.lost,
    }
}

/// An emulation that was not what it should be.
fn note(name: &str, report: &RelayReport) -> Option<String> {
    let sent = report.up.delivered + report.down.delivered;
    let too_late = report.late as f64 > sent as f64 * TOLERABLE_LATE;
    (too_late || report.unsent > 0).then(|| {
        format!(
            "link {name}: of {sent} packets {} left over 1 ms late, at most {:.1} ms, and {} not at \
             all: the machine is too busy for exact emulation",
            report.late,
            ms(report.latest),
            report.unsent
        )
    })
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at).to_string()
}
