//! The statements behind the store's writes.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, named_params};
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_policy::Bound;

use crate::check::{bytes, duration_ms, finite, integer, optional, positive};
use crate::logged::run_of_row;
use crate::{
    AttemptRecord, CloudStages, DistortionRecord, EdgeSettings, FrameConflict, FrameIdentity,
    FrameKey, FrameRecord, Recorded, ResultsError, RunRecord, Score, SettlementRecord,
};

/// A record that was refused, or a statement that failed.
pub(crate) enum InsertError {
    Record(ResultsError),
    Sqlite(rusqlite::Error),
}

impl From<ResultsError> for InsertError {
    fn from(error: ResultsError) -> Self {
        Self::Record(error)
    }
}

impl From<rusqlite::Error> for InsertError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(crate) fn run(db: &Transaction<'_>, run: &RunRecord) -> Result<Recorded, InsertError> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO runs (run_id, edge_id, policy, task, model, model_digest, codec, metric,
                 threshold, seed, started_at, software_version, host, scenario, bound, source,
                 settings_digest)
             VALUES (:run_id, :edge_id, :policy, :task, :model, :model_digest, :codec, :metric,
                 :threshold, :seed, :started_at, :software_version, :host, :scenario, :bound, :source,
                 :settings_digest)
             ON CONFLICT (run_id, edge_id) DO NOTHING",
        )?
        .execute(named_params! {
            ":run_id": run.run_id,
            ":edge_id": run.edge_id,
            ":policy": run.policy,
            ":task": run.task.map(Task::name),
            ":model": run.model,
            ":model_digest": run.model_digest,
            ":codec": run.codec,
            ":metric": run.metric,
            ":threshold": optional(finite, "threshold", run.threshold)?,
            ":seed": run.seed.to_string(),
            ":started_at": run.started_at,
            ":software_version": run.software_version,
            ":host": run.host.to_string(),
            ":scenario": run.scenario,
            ":bound": run.bound.map(Bound::symbol),
            ":source": run.source,
            ":settings_digest": run.settings_digest,
        })?;
    if inserted == 1 {
        return Ok(Recorded::New);
    }
    let stored = db
        .prepare_cached("SELECT * FROM runs WHERE run_id = ?1 AND edge_id = ?2")?
        .query_row([&run.run_id, &run.edge_id], run_of_row)?;
    same_experiment(&stored, run)?;
    Ok(Recorded::Duplicate)
}

/// Adds settings that the registration of a run lacked.
pub(crate) fn settings(
    db: &Transaction<'_>,
    (run_id, edge_id): (&str, &str),
    settings: &EdgeSettings,
) -> Result<Recorded, InsertError> {
    db.prepare_cached(
        "UPDATE runs SET source = coalesce(source, :source),
             settings_digest = coalesce(settings_digest, :digest)
         WHERE run_id = :run_id AND edge_id = :edge_id",
    )?
    .execute(named_params! {
        ":source": settings.source,
        ":digest": settings.digest,
        ":run_id": run_id,
        ":edge_id": edge_id,
    })?;
    Ok(Recorded::New)
}

/// A restarted edge may name another time or host, but must name the same experiment.
fn same_experiment(stored: &RunRecord, given: &RunRecord) -> Result<(), ResultsError> {
    let identity = |run: &RunRecord| {
        [
            ("policy", Some(run.policy.clone())),
            ("task", run.task.map(|task| task.to_string())),
            ("model digest", Some(run.model_digest.clone())),
            ("codec", Some(run.codec.clone())),
            ("metric", run.metric.clone()),
            ("threshold", run.threshold.map(|score| score.to_string())),
            ("seed", Some(run.seed.to_string())),
        ]
    };
    // Not told by every edge, and not by earlier versions.
    let known = |run: &RunRecord| {
        [
            ("source", run.source.clone()),
            ("settings digest", run.settings_digest.clone()),
            ("bound", run.bound.map(|bound| bound.symbol().to_owned())),
        ]
    };
    let show = |value: Option<String>| value.map_or("none".to_owned(), |text| format!("'{text}'"));
    let told = known(stored).into_iter().zip(known(given));
    let told = told.filter(|((_, stored), (_, given))| stored.is_some() && given.is_some());
    let pairs = identity(stored).into_iter().zip(identity(given));
    for ((field, stored), (_, given_value)) in pairs.chain(told) {
        if stored != given_value {
            return Err(ResultsError::RunConflict {
                run_id: given.run_id.clone(),
                edge_id: given.edge_id.clone(),
                field,
                stored: show(stored),
                given: show(given_value),
            });
        }
    }
    Ok(())
}

pub(crate) fn frame(
    db: &Transaction<'_>,
    frame: &FrameRecord,
    attempts: &[AttemptRecord],
    distortion: Option<&DistortionRecord>,
    stages: &CloudStages,
) -> Result<Recorded, InsertError> {
    shipped_is_attempted(frame, attempts)?;
    let run_key = run_key(db, &frame.key)?.ok_or_else(|| ResultsError::UnknownRun {
        run_id: frame.key.run_id.clone(),
        edge_id: frame.key.edge_id.clone(),
    })?;
    let Some(frame_key) = frame_row(db, run_key, frame)? else {
        if let Some(stored) = recorded(db, &frame.key)? {
            same_frame(&frame.key, &stored, &frame.identity())?;
        }
        return Ok(Recorded::Duplicate);
    };
    for attempt in attempts {
        attempt_row(db, frame_key, attempt)?;
    }
    if let Some(distortion) = distortion {
        distortion_row(db, frame_key, distortion)?;
    }
    stages_row(db, frame_key, stages)?;
    Ok(Recorded::New)
}

fn shipped_is_attempted(
    frame: &FrameRecord,
    attempts: &[AttemptRecord],
) -> Result<(), ResultsError> {
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.attempt).collect();
    let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
    if distinct.contains(&frame.shipped_attempt) && distinct.len() == numbers.len() {
        return Ok(());
    }
    Err(ResultsError::Attempts {
        key: frame.key.clone(),
        shipped: frame.shipped_attempt,
        attempts: numbers,
    })
}

fn run_key(db: &Transaction<'_>, key: &FrameKey) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT run_key FROM runs WHERE run_id = ?1 AND edge_id = ?2")?
        .query_row([&key.run_id, &key.edge_id], |row| row.get(0))
        .optional()
}

/// Reads the identity of the frame that is recorded under a key.
pub(crate) fn recorded(
    db: &Connection,
    key: &FrameKey,
) -> Result<Option<FrameIdentity>, InsertError> {
    let frame = integer("frame", key.frame)?;
    let stored = db
        .prepare_cached(
            "SELECT frames.source, picture_digest, container_digest
             FROM frames JOIN runs USING (run_key)
             WHERE run_id = ?1 AND edge_id = ?2 AND frame = ?3 AND frames.task = ?4",
        )?
        .query_row((&key.run_id, &key.edge_id, frame, key.task.name()), |row| {
            Ok(FrameIdentity {
                source: row.get(0)?,
                picture_digest: row.get(1)?,
                container_digest: row.get(2)?,
            })
        })
        .optional()?;
    Ok(stored)
}

/// Refuses a frame that differs from the one recorded under its key.
pub(crate) fn same_frame(
    key: &FrameKey,
    stored: &FrameIdentity,
    given: &FrameIdentity,
) -> Result<(), ResultsError> {
    match stored.difference(given) {
        None => Ok(()),
        Some((field, stored, given)) => Err(ResultsError::FrameConflict(Box::new(FrameConflict {
            key: key.clone(),
            field,
            stored: stored.to_owned(),
            given: given.to_owned(),
        }))),
    }
}

/// Inserts the frame and returns its key; `None` if it is there already.
fn frame_row(
    db: &Transaction<'_>,
    run_key: i64,
    frame: &FrameRecord,
) -> Result<Option<i64>, InsertError> {
    let score = frame.score.as_ref();
    let inserted = db
        .prepare_cached(
            "INSERT INTO frames (run_key, frame, task, source, verdict, shipped_attempt,
                 shipped_level, feature_points, payload_bytes, container_bytes, score_metric,
                 score, cloud_outcome, received_at, picture_digest, container_digest)
             VALUES (:run_key, :frame, :task, :source, :verdict, :shipped_attempt,
                 :shipped_level, :feature_points, :payload_bytes, :container_bytes, :score_metric,
                 :score, :cloud_outcome, :received_at, :picture_digest, :container_digest)
             ON CONFLICT (run_key, frame, task) DO NOTHING",
        )?
        .execute(named_params! {
            ":run_key": run_key,
            ":frame": integer("frame", frame.key.frame)?,
            ":task": frame.key.task.name(),
            ":source": frame.source,
            ":verdict": frame.verdict.name(),
            ":shipped_attempt": frame.shipped_attempt,
            ":shipped_level": frame.shipped_level,
            ":feature_points": positive("feature_points", frame.feature_points)?,
            ":payload_bytes": bytes("payload_bytes", frame.payload_bytes)?,
            ":container_bytes": bytes("container_bytes", frame.container_bytes)?,
            ":score_metric": score.map(|score| &score.metric),
            ":score": optional(finite, "score", score.map(|score| score.value))?,
            ":cloud_outcome": frame.cloud_outcome.to_string(),
            ":received_at": frame.received_at,
            ":picture_digest": frame.picture_digest,
            ":container_digest": frame.container_digest,
        })?;
    Ok((inserted == 1).then(|| db.last_insert_rowid()))
}

fn attempt_row(
    db: &Transaction<'_>,
    frame_key: i64,
    attempt: &AttemptRecord,
) -> Result<(), InsertError> {
    db.prepare_cached(
        "INSERT INTO attempts (frame_key, attempt, level, label, payload_bytes, container_bytes,
             encode_ms, decode_ms, score_ms, scores, failed)
         VALUES (:frame_key, :attempt, :level, :label, :payload_bytes, :container_bytes,
             :encode_ms, :decode_ms, :score_ms, :scores, :failed)",
    )?
    .execute(named_params! {
        ":frame_key": frame_key,
        ":attempt": attempt.attempt,
        ":level": attempt.level,
        ":label": attempt.label,
        ":payload_bytes": optional(bytes, "payload_bytes", attempt.payload_bytes)?,
        ":container_bytes": optional(bytes, "container_bytes", attempt.container_bytes)?,
        ":encode_ms": optional(duration_ms, "encode_ms", attempt.encode_ms)?,
        ":decode_ms": optional(duration_ms, "decode_ms", attempt.decode_ms)?,
        ":score_ms": optional(duration_ms, "score_ms", attempt.score_ms)?,
        ":scores": scores_json(&attempt.scores)?.to_string(),
        ":failed": attempt.failed,
    })?;
    Ok(())
}

/// `[{"metric": …, "value": …}, …]`
fn scores_json(scores: &[Score]) -> Result<Value, ResultsError> {
    scores
        .iter()
        .map(|score| {
            finite("score", score.value)
                .map(|value| serde_json::json!({ "metric": score.metric, "value": value }))
        })
        .collect()
}

fn distortion_row(
    db: &Transaction<'_>,
    frame_key: i64,
    distortion: &DistortionRecord,
) -> Result<(), InsertError> {
    db.prepare_cached(
        "INSERT INTO distortions (frame_key, original, received, distortion, feature_mse, agreement)
         VALUES (:frame_key, :original, :received, :distortion, :feature_mse, :agreement)",
    )?
    .execute(named_params! {
        ":frame_key": frame_key,
        ":original": optional(finite, "original performance", distortion.original)?,
        ":received": optional(finite, "received performance", distortion.received)?,
        ":distortion": optional(finite, "distortion", distortion.distortion)?,
        ":feature_mse": optional(finite, "feature_mse", distortion.feature_mse)?,
        ":agreement": optional(finite, "agreement", distortion.agreement)?,
    })?;
    Ok(())
}

fn stages_row(
    db: &Transaction<'_>,
    frame_key: i64,
    stages: &CloudStages,
) -> Result<(), InsertError> {
    db.prepare_cached(
        "INSERT INTO stages (frame_key, preprocess_ms, extract_ms, attempts_ms, queue_ms,
             cloud_queue_ms, decode_ms, head_ms, experiment_ms)
         VALUES (:frame_key, :preprocess_ms, :extract_ms, :attempts_ms, :queue_ms,
             :cloud_queue_ms, :decode_ms, :head_ms, :experiment_ms)",
    )?
    .execute(named_params! {
        ":frame_key": frame_key,
        ":preprocess_ms": duration_ms("preprocess_ms", stages.preprocess_ms)?,
        ":extract_ms": duration_ms("extract_ms", stages.extract_ms)?,
        ":attempts_ms": duration_ms("attempts_ms", stages.attempts_ms)?,
        ":queue_ms": duration_ms("queue_ms", stages.queue_ms)?,
        ":cloud_queue_ms": duration_ms("cloud_queue_ms", stages.cloud_queue_ms)?,
        ":decode_ms": duration_ms("decode_ms", stages.decode_ms)?,
        ":head_ms": duration_ms("head_ms", stages.head_ms)?,
        ":experiment_ms": duration_ms("experiment_ms", stages.experiment_ms)?,
    })?;
    Ok(())
}

pub(crate) fn settlement(
    db: &Transaction<'_>,
    settlement: &SettlementRecord,
) -> Result<Recorded, InsertError> {
    let key = &settlement.key;
    let (frame_key, settled): (i64, bool) = db
        .prepare_cached(
            "SELECT frame_key, end_to_end_ms IS NOT NULL
             FROM frames JOIN runs USING (run_key) JOIN stages USING (frame_key)
             WHERE run_id = :run_id AND edge_id = :edge_id AND frame = :frame
                 AND frames.task = :task",
        )?
        .query_row(
            named_params! {
                ":run_id": key.run_id,
                ":edge_id": key.edge_id,
                ":frame": integer("frame", key.frame)?,
                ":task": key.task.name(),
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?
        .ok_or_else(|| ResultsError::UnknownFrame(key.clone()))?;
    if settled {
        return Ok(Recorded::Duplicate);
    }
    settle_row(db, frame_key, settlement)?;
    Ok(Recorded::New)
}

fn settle_row(
    db: &Transaction<'_>,
    frame_key: i64,
    settlement: &SettlementRecord,
) -> Result<(), InsertError> {
    db.prepare_cached(
        "UPDATE stages SET transfer_ms = :transfer_ms, end_to_end_ms = :end_to_end_ms,
             experiment_ms = coalesce(:experiment_ms, experiment_ms),
             stream_bytes = :stream_bytes, udp_bytes = :udp_bytes,
             udp_datagrams = :udp_datagrams, link_bytes = :link_bytes, sends = :sends
         WHERE frame_key = :frame_key",
    )?
    .execute(named_params! {
        ":frame_key": frame_key,
        ":transfer_ms": duration_ms("transfer_ms", settlement.transfer_ms)?,
        ":end_to_end_ms": duration_ms("end_to_end_ms", settlement.end_to_end_ms)?,
        ":experiment_ms": optional(duration_ms, "experiment_ms", settlement.experiment_ms)?,
        ":stream_bytes": bytes("stream_bytes", settlement.stream_bytes)?,
        ":udp_bytes": bytes("udp_bytes", settlement.udp_bytes)?,
        ":udp_datagrams": integer("udp_datagrams", settlement.udp_datagrams)?,
        ":link_bytes": bytes("link_bytes", settlement.link_bytes)?,
        ":sends": settlement.sends,
    })?;
    Ok(())
}
