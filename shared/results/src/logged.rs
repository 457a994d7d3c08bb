//! The store's contents, read back as records.

use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use splitsim_feature::units::Bytes;

use crate::{
    AttemptRecord, DistortionRecord, FrameKey, FrameRecord, ResultsError, RunRecord, Score, Store,
};

/// A frame with all its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedFrame {
    /// The frame as it was shipped.
    pub frame: FrameRecord,
    /// Every attempt, by number.
    pub attempts: Vec<AttemptRecord>,
    /// The effect of compression on the task, if it could be measured.
    pub distortion: Option<DistortionRecord>,
    /// Time and traffic.
    pub stages: StageRecord,
}

/// Time and traffic of a frame. `None` until its settlement arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Image to the model's input, at the edge.
    pub preprocess_ms: f64,
    /// Backbone up to the split, at the edge.
    pub extract_ms: f64,
    /// All attempts, at the edge.
    pub attempts_ms: f64,
    /// Waiting between stages and until its stream was opened, at the edge.
    pub queue_ms: f64,
    /// Round trip of the frame's stream less the cloud's stages.
    pub transfer_ms: Option<f64>,
    /// Received until decoding began, at the cloud.
    pub cloud_queue_ms: f64,
    /// Container to feature, at the cloud.
    pub decode_ms: f64,
    /// Task head, at the cloud.
    pub head_ms: f64,
    /// Work that only the experiment needs, at the cloud; no part of any latency.
    pub experiment_ms: f64,
    /// Capture to reply, less what only the experiment needs.
    pub end_to_end_ms: Option<f64>,
    /// Bytes written to the frame's QUIC stream.
    pub stream_bytes: Option<Bytes>,
    /// UDP payload sent for it.
    pub udp_bytes: Option<Bytes>,
    /// UDP datagrams sent for it.
    pub udp_datagrams: Option<u64>,
    /// `udp_bytes` and the IP and UDP headers of every datagram.
    pub link_bytes: Option<Bytes>,
    /// The number of times that the frame was sent.
    pub sends: Option<u32>,
}

impl Store {
    /// Every registered run, in the order of registration.
    ///
    /// # Errors
    /// When the file cannot be read or holds values that this crate never writes.
    pub fn runs(&self) -> Result<Vec<RunRecord>, ResultsError> {
        let read = || -> rusqlite::Result<Vec<RunRecord>> {
            self.connection()
                .prepare_cached("SELECT * FROM runs ORDER BY run_key")?
                .query_map([], run_of_row)?
                .collect()
        };
        read().map_err(self.error("read runs"))
    }

    /// Every frame, in the order of recording.
    ///
    /// # Errors
    /// When the file cannot be read or holds values that this crate never writes.
    pub fn frames(&self) -> Result<Vec<LoggedFrame>, ResultsError> {
        self.read_frames().map_err(self.error("read frames"))
    }

    fn read_frames(&self) -> rusqlite::Result<Vec<LoggedFrame>> {
        // One snapshot for both statements: a writer may add frames in between.
        let snapshot = self.connection().unchecked_transaction()?;
        let mut attempts = snapshot
            .prepare_cached("SELECT * FROM attempts WHERE frame_key = ?1 ORDER BY attempt")?;
        let mut frames = snapshot.prepare_cached(
            "SELECT run_id, edge_id, frames.*, stages.*, original, received, distortion,
                 feature_mse, agreement, distortions.frame_key IS NOT NULL AS measured
             FROM frames JOIN runs USING (run_key) JOIN stages USING (frame_key)
                 LEFT JOIN distortions USING (frame_key)
             ORDER BY frames.frame_key",
        )?;
        frames
            .query_map([], |row| {
                let frame_key: i64 = row.get("frame_key")?;
                Ok(LoggedFrame {
                    frame: frame_of_row(row)?,
                    attempts: attempts
                        .query_map([frame_key], attempt_of_row)?
                        .collect::<Result<_, _>>()?,
                    distortion: distortion_of_row(row)?,
                    stages: stages_of_row(row)?,
                })
            })?
            .collect()
    }
}

pub(crate) fn run_of_row(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        run_id: row.get("run_id")?,
        edge_id: row.get("edge_id")?,
        policy: row.get("policy")?,
        task: row
            .get::<_, Option<String>>("task")?
            .map(|task| parse(&task))
            .transpose()?,
        model: row.get("model")?,
        model_digest: row.get("model_digest")?,
        codec: row.get("codec")?,
        source: row.get("source")?,
        settings_digest: row.get("settings_digest")?,
        metric: row.get("metric")?,
        threshold: row.get("threshold")?,
        bound: row
            .get::<_, Option<String>>("bound")?
            .map(|bound| parse(&bound))
            .transpose()?,
        seed: parse(&row.get::<_, String>("seed")?)?,
        started_at: row.get("started_at")?,
        software_version: row.get("software_version")?,
        host: json(&row.get::<_, String>("host")?)?,
        scenario: row.get("scenario")?,
    })
}

fn frame_of_row(row: &Row<'_>) -> rusqlite::Result<FrameRecord> {
    let metric: Option<String> = row.get("score_metric")?;
    let value: Option<f64> = row.get("score")?;
    Ok(FrameRecord {
        key: FrameKey {
            run_id: row.get("run_id")?,
            edge_id: row.get("edge_id")?,
            frame: count(row.get("frame")?)?,
            task: parse(&row.get::<_, String>("task")?)?,
        },
        source: row.get("source")?,
        picture_digest: row.get("picture_digest")?,
        container_digest: row.get("container_digest")?,
        verdict: parse(&row.get::<_, String>("verdict")?)?,
        shipped_attempt: row.get("shipped_attempt")?,
        shipped_level: row.get("shipped_level")?,
        feature_points: count(row.get("feature_points")?)?,
        payload_bytes: Bytes(count(row.get("payload_bytes")?)?),
        container_bytes: Bytes(count(row.get("container_bytes")?)?),
        score: metric
            .zip(value)
            .map(|(metric, value)| Score { metric, value }),
        cloud_outcome: json(&row.get::<_, String>("cloud_outcome")?)?,
        received_at: row.get("received_at")?,
    })
}

fn attempt_of_row(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        attempt: row.get("attempt")?,
        level: row.get("level")?,
        label: row.get("label")?,
        payload_bytes: optional_bytes(row, "payload_bytes")?,
        container_bytes: optional_bytes(row, "container_bytes")?,
        encode_ms: row.get("encode_ms")?,
        decode_ms: row.get("decode_ms")?,
        score_ms: row.get("score_ms")?,
        scores: json(&row.get::<_, String>("scores")?)?,
        failed: row.get("failed")?,
    })
}

fn distortion_of_row(row: &Row<'_>) -> rusqlite::Result<Option<DistortionRecord>> {
    if !row.get::<_, bool>("measured")? {
        return Ok(None);
    }
    Ok(Some(DistortionRecord {
        original: row.get("original")?,
        received: row.get("received")?,
        distortion: row.get("distortion")?,
        feature_mse: row.get("feature_mse")?,
        agreement: row.get("agreement")?,
    }))
}

fn stages_of_row(row: &Row<'_>) -> rusqlite::Result<StageRecord> {
    let datagrams: Option<i64> = row.get("udp_datagrams")?;
    Ok(StageRecord {
        preprocess_ms: row.get("preprocess_ms")?,
        extract_ms: row.get("extract_ms")?,
        attempts_ms: row.get("attempts_ms")?,
        queue_ms: row.get("queue_ms")?,
        transfer_ms: row.get("transfer_ms")?,
        cloud_queue_ms: row.get("cloud_queue_ms")?,
        decode_ms: row.get("decode_ms")?,
        head_ms: row.get("head_ms")?,
        experiment_ms: row.get("experiment_ms")?,
        end_to_end_ms: row.get("end_to_end_ms")?,
        stream_bytes: optional_bytes(row, "stream_bytes")?,
        udp_bytes: optional_bytes(row, "udp_bytes")?,
        udp_datagrams: datagrams.map(count).transpose()?,
        link_bytes: optional_bytes(row, "link_bytes")?,
        sends: row.get("sends")?,
    })
}

fn optional_bytes(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Bytes>> {
    let stored: Option<i64> = row.get(column)?;
    stored.map(|value| count(value).map(Bytes)).transpose()
}

pub(crate) fn count(stored: i64) -> rusqlite::Result<u64> {
    u64::try_from(stored).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(error))
    })
}

pub(crate) fn parse<T>(stored: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    stored
        .parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

pub(crate) fn json<T: DeserializeOwned>(stored: &str) -> rusqlite::Result<T> {
    serde_json::from_str(stored)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}
