//! All numbers in two flat tables.

use std::collections::BTreeSet;

use splitsim_results::{AttemptRecord, DistortionRecord, LoggedFrame, StageRecord};
use splitsim_table::{Column, Table};

use crate::RecordedRun;

/// A column and where its values come from.
type Named<Record, Value> = (&'static str, fn(&Record) -> Option<Value>);

impl RecordedRun {
    /// One row per frame: key, what was shipped, what it cost and what it broke. Columns as in
    /// `docs/metrics.md`; `policy` is the scenario's name for it.
    #[must_use]
    pub fn frames_table(&self) -> Table {
        let frames = &self.frames;
        let mut columns = self.keys(frames.iter());
        columns.extend(shipped(frames));
        let truths: [Named<DistortionRecord, f64>; 5] = [
            ("original", |truth| truth.original),
            ("received", |truth| truth.received),
            ("distortion", |truth| truth.distortion),
            ("feature_mse", |truth| truth.feature_mse),
            ("agreement", |truth| truth.agreement),
        ];
        for (name, of) in truths {
            let values = frames
                .iter()
                .map(|one| one.distortion.as_ref().and_then(of));
            columns.push(Column::float(name, values));
        }
        columns.extend(stages(frames));
        table(columns)
    }

    /// One row per encoding: key, level, bytes, times, and a column per metric.
    #[must_use]
    pub fn attempts_table(&self) -> Table {
        let attempts: Vec<(&LoggedFrame, &AttemptRecord)> = self
            .frames
            .iter()
            .flat_map(|logged| logged.attempts.iter().map(move |attempt| (logged, attempt)))
            .collect();
        let of = || attempts.iter().map(|(_, attempt)| *attempt);
        let mut columns = self.keys(attempts.iter().map(|(logged, _)| *logged));
        let shipped = |(logged, attempt): &(&LoggedFrame, &AttemptRecord)| {
            logged.frame.shipped_attempt == attempt.attempt
        };
        columns.extend([
            Column::int("attempt", of().map(|one| i64::from(one.attempt))),
            Column::bool("shipped", attempts.iter().map(shipped)),
            Column::int("level", of().map(|one| i64::from(one.level))),
            Column::text("label", of().map(|one| one.label.clone())),
            Column::int(
                "payload_bytes",
                of().map(|one| one.payload_bytes.and_then(|b| whole(b.0))),
            ),
            Column::int(
                "container_bytes",
                of().map(|one| one.container_bytes.and_then(|b| whole(b.0))),
            ),
            Column::float("encode_ms", of().map(|one| one.encode_ms)),
            Column::float("decode_ms", of().map(|one| one.decode_ms)),
            Column::float("score_ms", of().map(|one| one.score_ms)),
            Column::new(
                "failed",
                splitsim_table::Values::Text(of().map(|one| one.failed.clone()).collect()),
            ),
        ]);
        let scores = of().flat_map(|one| &one.scores);
        let metrics: BTreeSet<&str> = scores.map(|score| score.metric.as_str()).collect();
        for metric in metrics {
            let by = |one: &AttemptRecord| {
                let mut scores = one.scores.iter();
                scores
                    .find(|score| score.metric == metric)
                    .map(|score| score.value)
            };
            columns.push(Column::float(format!("score_{metric}"), of().map(by)));
        }
        table(columns)
    }

    fn keys<'a>(&self, frames: impl Iterator<Item = &'a LoggedFrame> + Clone) -> Vec<Column> {
        let key = || frames.clone().map(|logged| &logged.frame.key);
        vec![
            Column::text("run", key().map(|key| key.run_id.clone())),
            Column::text(
                "policy",
                key().map(|key| self.policy_of(&key.run_id).to_owned()),
            ),
            Column::text("task", key().map(|key| key.task.name())),
            Column::text("edge", key().map(|key| key.edge_id.clone())),
            Column::int("frame", key().map(|key| whole(key.frame))),
        ]
    }
}

fn shipped(frames: &[LoggedFrame]) -> Vec<Column> {
    let of = || frames.iter().map(|logged| &logged.frame);
    let score = |metric: bool| {
        of().map(move |frame| {
            frame
                .score
                .as_ref()
                .filter(|_| metric)
                .map(|score| score.metric.clone())
        })
    };
    vec![
        Column::text("source", of().map(|frame| frame.source.clone())),
        Column::text("received_at", of().map(|frame| frame.received_at.clone())),
        Column::text("verdict", of().map(|frame| frame.verdict.name())),
        Column::int(
            "attempts",
            frames.iter().map(|one| whole(one.attempts.len() as u64)),
        ),
        Column::int("level", of().map(|frame| i64::from(frame.shipped_level))),
        Column::int(
            "feature_points",
            of().map(|frame| whole(frame.feature_points)),
        ),
        Column::int(
            "payload_bytes",
            of().map(|frame| whole(frame.payload_bytes.0)),
        ),
        Column::int(
            "container_bytes",
            of().map(|frame| whole(frame.container_bytes.0)),
        ),
        Column::float("bpfp", of().map(|frame| frame.bpfp().0)),
        Column::new(
            "score_metric",
            splitsim_table::Values::Text(score(true).collect()),
        ),
        Column::float(
            "score",
            of().map(|frame| frame.score.as_ref().map(|score| score.value)),
        ),
    ]
}

fn stages(frames: &[LoggedFrame]) -> Vec<Column> {
    let times: [Named<StageRecord, f64>; 10] = [
        ("preprocess_ms", |stages| Some(stages.preprocess_ms)),
        ("extract_ms", |stages| Some(stages.extract_ms)),
        ("attempts_ms", |stages| Some(stages.attempts_ms)),
        ("queue_ms", |stages| Some(stages.queue_ms)),
        ("transfer_ms", |stages| stages.transfer_ms),
        ("cloud_queue_ms", |stages| Some(stages.cloud_queue_ms)),
        ("decode_ms", |stages| Some(stages.decode_ms)),
        ("head_ms", |stages| Some(stages.head_ms)),
        ("experiment_ms", |stages| Some(stages.experiment_ms)),
        ("end_to_end_ms", |stages| stages.end_to_end_ms),
    ];
    let counts: [Named<StageRecord, u64>; 5] = [
        ("stream_bytes", |stages| {
            stages.stream_bytes.map(|bytes| bytes.0)
        }),
        ("udp_bytes", |stages| stages.udp_bytes.map(|bytes| bytes.0)),
        ("udp_datagrams", |stages| stages.udp_datagrams),
        ("link_bytes", |stages| {
            stages.link_bytes.map(|bytes| bytes.0)
        }),
        ("sends", |stages| stages.sends.map(u64::from)),
    ];
    let times =
        times.map(|(name, of)| Column::float(name, frames.iter().map(|one| of(&one.stages))));
    let counts = counts.map(|(name, of)| {
        Column::int(
            name,
            frames.iter().map(|one| of(&one.stages).and_then(whole)),
        )
    });
    times.into_iter().chain(counts).collect()
}

/// A count as a signed column value. Counts from the store always fit, as SQLite's integers are signed.
fn whole(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}

fn table(columns: Vec<Column>) -> Table {
    Table::new(columns).expect("columns of the same frames are equally long and differ in name")
}

#[cfg(test)]
mod tests {
    use crate::samples;

    #[test]
    fn the_tables_have_a_row_for_each_frame_and_each_encoding() {
        let (_dir, run) = samples::run(3);
        let frames = run.frames_table();
        assert_eq!(frames.rows(), 6);
        assert_eq!(
            frames.texts("policy").unwrap()[5].as_deref(),
            Some("always")
        );
        assert_eq!(frames.floats("distortion").unwrap()[1], Some(9.0));
        assert_eq!(frames.floats("score").unwrap()[3], None);
        assert_eq!(frames.ints("link_bytes").unwrap()[0], Some(1056));
        let attempts = run.attempts_table();
        assert_eq!(attempts.rows(), 6);
        assert_eq!(attempts.floats("score_cosine").unwrap()[5], Some(0.9995));
        assert_eq!(attempts.bools("shipped").unwrap()[0], Some(true));
    }
}
