//! Samples of links and connections in the course of a run, and the statements that store them.

use rusqlite::{OptionalExtension, Row, Transaction, named_params};
use serde::{Deserialize, Serialize};
use splitsim_feature::units::{BitRate, Bytes};

use crate::check::{bytes, duration_ms, integer, optional};
use crate::insert::InsertError;
use crate::logged::count;
use crate::{Recorded, ResultsError, Store};

/// One direction of an emulated link at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkSampleRecord {
    /// The run whose edges sent through it.
    pub run_id: String,
    /// The link's name: the edge's, or that of a link which edges share.
    pub link: String,
    /// `up` or `down`.
    pub direction: String,
    /// The time of the sample, RFC 3339.
    pub sampled_at: String,
    /// The time of the sample, in ms since the link's beginning.
    pub at_ms: f64,
    /// The rate of service; `None` if there is no limit.
    pub rate: Option<BitRate>,
    /// Packets in the queue.
    pub queued_packets: u64,
    /// Their bytes.
    pub queued: Bytes,
    /// Bytes in service and travelling.
    pub in_flight: Bytes,
    /// Packets that arrived since the link's beginning; the following counts start there too.
    pub arrived: u64,
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

/// An edge's frames connection at one moment, as QUIC sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionSampleRecord {
    /// The run.
    pub run_id: String,
    /// The edge.
    pub edge_id: String,
    /// The time of the sample, RFC 3339.
    pub sampled_at: String,
    /// Smoothed round-trip time, in ms.
    pub rtt_ms: f64,
    /// The least round-trip time of the connection, in ms.
    pub min_rtt_ms: f64,
    /// Congestion window.
    pub window: Bytes,
    /// The largest UDP payload that gets through.
    pub mtu: Bytes,
    /// Packets sent since the connection's beginning; the following counts start there too.
    pub sent_packets: u64,
    /// UDP payload sent.
    pub sent: Bytes,
    /// Packets declared lost.
    pub lost_packets: u64,
    /// Their bytes.
    pub lost: Bytes,
    /// The number of congestion events.
    pub congestion_events: u64,
}

impl Store {
    /// Samples of every emulated link, in the order of recording.
    ///
    /// # Errors
    /// When the file cannot be read or holds values that this crate never writes.
    pub fn link_samples(&self) -> Result<Vec<LinkSampleRecord>, ResultsError> {
        let read = || -> rusqlite::Result<Vec<LinkSampleRecord>> {
            self.connection()
                .prepare_cached("SELECT * FROM link_samples ORDER BY sample_key")?
                .query_map([], link_of_row)?
                .collect()
        };
        read().map_err(self.error("read link samples"))
    }
}

fn link_of_row(row: &Row<'_>) -> rusqlite::Result<LinkSampleRecord> {
    let whole = |column: &str| count(row.get(column)?);
    let rate: Option<i64> = row.get("rate_bps")?;
    Ok(LinkSampleRecord {
        run_id: row.get("run_id")?,
        link: row.get("link")?,
        direction: row.get("direction")?,
        sampled_at: row.get("sampled_at")?,
        at_ms: row.get("at_ms")?,
        rate: rate.map(count).transpose()?.map(BitRate),
        queued_packets: whole("queued_packets")?,
        queued: Bytes(whole("queued_bytes")?),
        in_flight: Bytes(whole("in_flight_bytes")?),
        arrived: whole("arrived")?,
        delivered: whole("delivered")?,
        delivered_bytes: Bytes(whole("delivered_bytes")?),
        dropped_full: whole("dropped_full")?,
        dropped_codel: whole("dropped_codel")?,
        dropped_down: whole("dropped_down")?,
        lost: whole("lost")?,
    })
}

pub(crate) fn link(
    db: &Transaction<'_>,
    samples: &[LinkSampleRecord],
) -> Result<Recorded, InsertError> {
    let mut statement = db.prepare_cached(
        "INSERT INTO link_samples (run_id, link, direction, sampled_at, at_ms, rate_bps,
             queued_packets, queued_bytes, in_flight_bytes, arrived, delivered, delivered_bytes,
             dropped_full, dropped_codel, dropped_down, lost)
         VALUES (:run_id, :link, :direction, :sampled_at, :at_ms, :rate_bps,
             :queued_packets, :queued_bytes, :in_flight_bytes, :arrived, :delivered,
             :delivered_bytes, :dropped_full, :dropped_codel, :dropped_down, :lost)",
    )?;
    for sample in samples {
        let rate = sample.rate.map(|rate| rate.0);
        statement.execute(named_params! {
            ":run_id": sample.run_id,
            ":link": sample.link,
            ":direction": sample.direction,
            ":sampled_at": sample.sampled_at,
            ":at_ms": duration_ms("at_ms", sample.at_ms)?,
            ":rate_bps": optional(integer, "rate_bps", rate)?,
            ":queued_packets": integer("queued_packets", sample.queued_packets)?,
            ":queued_bytes": bytes("queued_bytes", sample.queued)?,
            ":in_flight_bytes": bytes("in_flight_bytes", sample.in_flight)?,
            ":arrived": integer("arrived", sample.arrived)?,
            ":delivered": integer("delivered", sample.delivered)?,
            ":delivered_bytes": bytes("delivered_bytes", sample.delivered_bytes)?,
            ":dropped_full": integer("dropped_full", sample.dropped_full)?,
            ":dropped_codel": integer("dropped_codel", sample.dropped_codel)?,
            ":dropped_down": integer("dropped_down", sample.dropped_down)?,
            ":lost": integer("lost", sample.lost)?,
        })?;
    }
    Ok(Recorded::New)
}

pub(crate) fn connection(
    db: &Transaction<'_>,
    samples: &[ConnectionSampleRecord],
) -> Result<Recorded, InsertError> {
    let mut statement = db.prepare_cached(
        "INSERT INTO connection_samples (run_key, sampled_at, rtt_ms, min_rtt_ms, window_bytes,
             mtu_bytes, sent_packets, sent_bytes, lost_packets, lost_bytes, congestion_events)
         VALUES (:run_key, :sampled_at, :rtt_ms, :min_rtt_ms, :window_bytes, :mtu_bytes,
             :sent_packets, :sent_bytes, :lost_packets, :lost_bytes, :congestion_events)",
    )?;
    for sample in samples {
        statement.execute(named_params! {
            ":run_key": run_key(db, sample)?,
            ":sampled_at": sample.sampled_at,
            ":rtt_ms": duration_ms("rtt_ms", sample.rtt_ms)?,
            ":min_rtt_ms": duration_ms("min_rtt_ms", sample.min_rtt_ms)?,
            ":window_bytes": bytes("window_bytes", sample.window)?,
            ":mtu_bytes": bytes("mtu_bytes", sample.mtu)?,
            ":sent_packets": integer("sent_packets", sample.sent_packets)?,
            ":sent_bytes": bytes("sent_bytes", sample.sent)?,
            ":lost_packets": integer("lost_packets", sample.lost_packets)?,
            ":lost_bytes": bytes("lost_bytes", sample.lost)?,
            ":congestion_events": integer("congestion_events", sample.congestion_events)?,
        })?;
    }
    Ok(Recorded::New)
}

fn run_key(db: &Transaction<'_>, sample: &ConnectionSampleRecord) -> Result<i64, InsertError> {
    let (run_id, edge_id) = (&sample.run_id, &sample.edge_id);
    db.prepare_cached("SELECT run_key FROM runs WHERE run_id = ?1 AND edge_id = ?2")?
        .query_row([run_id, edge_id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| {
            InsertError::Record(ResultsError::UnknownRun {
                run_id: run_id.clone(),
                edge_id: edge_id.clone(),
            })
        })
}
