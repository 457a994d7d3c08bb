//! A comparison for terminals and spreadsheets.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, TableStyle};
use splitsim_table::{Column, Table, TableError};

use crate::{Comparison, Evaluation, Share, TaskComparison};

impl Comparison {
    /// One table per task, in the order of the ranking.
    #[must_use]
    pub fn to_text(&self) -> String {
        let sections = self.tasks.iter().map(section);
        let mut text = sections.collect::<Vec<_>>().join("\n");
        text.push_str(LEGEND);
        text
    }

    /// One row per task and contender.
    ///
    /// # Errors
    /// When there is no task.
    pub fn to_table(&self) -> Result<Table, TableError> {
        let rows: Vec<Row<'_>> = self.tasks.iter().flat_map(ranked).collect();
        let text = |name: &str, of: for<'a> fn(&'a Row<'a>) -> &'a str| {
            Column::text(name, rows.iter().map(of))
        };
        let count = |name: &str, of: fn(&Evaluation) -> usize| {
            let counts = rows
                .iter()
                .map(|row| i64::try_from(of(row.evaluation)).ok());
            Column::int(name, counts)
        };
        let number = |name: &str, of: fn(&Evaluation) -> Option<f64>| {
            Column::float(name, rows.iter().map(|row| of(row.evaluation)))
        };
        let flag = |name: &str, of: fn(&Evaluation) -> bool| {
            Column::bool(name, rows.iter().map(|row| of(row.evaluation)))
        };
        Table::new(vec![
            text("task", |row| row.task.task.name()),
            Column::int("rank", rows.iter().map(|row| i64::try_from(row.rank).ok())),
            text("policy", |row| &row.evaluation.name),
            text("label", |row| &row.evaluation.label),
            flag("deployable", |e| e.deployable),
            flag("admissible", |e| e.admissible),
            flag("pareto", |e| e.pareto),
            Column::float("distortion_limit", rows.iter().map(|row| row.task.limit)),
            count("frames", |e| e.frames),
            count("shipped", |e| e.shipped),
            count("dropped", |e| e.dropped),
            count("given_up", |e| e.given_up),
            count("best_effort", |e| e.best_effort),
            number("bytes_mean", |e| e.bytes_mean),
            number("bpfp_mean", |e| e.bpfp_mean),
            number("attempts_mean", |e| e.attempts_mean),
            number("unhelpful_reencodes_percent", |e| {
                e.unhelpful_reencodes.percent()
            }),
            number("compute_ms_mean", |e| e.compute_ms_mean),
            number("wasted_ms_mean", |e| e.wasted_ms_mean),
            number("false_accepts_percent", |e| e.false_accepts.percent()),
            number("false_reencodes_percent", |e| e.false_reencodes.percent()),
            number("violations_percent", |e| e.violations.percent()),
            count("unavoidable_violations", |e| e.unavoidable_violations),
            number("distortion_mean", |e| Some(e.distortion?.mean)),
            number("distortion_p95", |e| Some(e.distortion?.p95)),
            number("distortion_worst", |e| Some(e.distortion?.worst)),
            number("regret_bytes_mean", |e| Some(e.regret?.bytes_mean)),
            number("regret_percent", |e| Some(e.regret?.percent)),
            number("latency_ms_p50", |e| Some(e.latency_ms?.p50)),
            number("latency_ms_p95", |e| Some(e.latency_ms?.p95)),
            number("latency_ms_p99", |e| Some(e.latency_ms?.p99)),
            number("deadline_misses_percent", |e| e.deadline_misses?.percent()),
            Column::text(
                "quicker_than_richest_at",
                rows.iter().map(|row| quicker(row.evaluation)),
            ),
        ])
    }
}

struct Row<'a> {
    task: &'a TaskComparison,
    rank: usize,
    evaluation: &'a Evaluation,
}

fn ranked(task: &TaskComparison) -> impl Iterator<Item = Row<'_>> {
    let contenders = (1..).zip(&task.contenders);
    contenders.map(move |(rank, evaluation)| Row {
        task,
        rank,
        evaluation,
    })
}

fn section(task: &TaskComparison) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(RULE_UNDER_HEADER);
    table.set_header(HEADER);
    table.add_rows(ranked(task).map(|row| cells(&row)));
    for column in table.column_iter_mut().skip(1).take(HEADER.len() - 2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!(
        "{}: {} frames of {}, distortion limit {} {}\n",
        task.task, task.frames, task.source, task.limit, task.unit
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{table}");
    text
}

fn cells(row: &Row<'_>) -> [String; HEADER.len()] {
    let e = row.evaluation;
    let mut name = format!("{}. {}", row.rank, e.name);
    if !e.deployable {
        name.push_str(" †");
    }
    if !e.admissible {
        name.push_str(" ✗");
    }
    let not_shipped = e.dropped + e.given_up;
    [
        name,
        number(e.regret.map(|regret| regret.bytes_mean), 0),
        number(e.bytes_mean, 0),
        number(e.bpfp_mean, 4),
        number(e.attempts_mean, 2),
        number(e.compute_ms_mean, 0),
        number(e.wasted_ms_mean, 0),
        percent(e.false_accepts),
        percent(e.false_reencodes),
        percent(e.violations),
        number(e.distortion.map(|d| d.mean), 3),
        number(e.distortion.map(|d| d.p95), 3),
        number(e.distortion.map(|d| d.worst), 3),
        number(e.latency_ms.map(|latency| latency.p50), 0),
        number(e.latency_ms.map(|latency| latency.p95), 0),
        number(e.latency_ms.map(|latency| latency.p99), 0),
        e.deadline_misses.map_or_else(|| NONE.to_owned(), percent),
        not_shipped.to_string(),
        if e.pareto { "yes" } else { "" }.to_owned(),
        quicker(e),
    ]
}

fn quicker(evaluation: &Evaluation) -> String {
    evaluation
        .break_even
        .map_or_else(|| NONE.to_owned(), |rates| rates.to_string())
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.digits$}"))
}

fn percent(share: Share) -> String {
    number(share.percent(), 1)
}

const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

const NONE: &str = "–";

const HEADER: [&str; 20] = [
    "policy",
    "regret B",
    "bytes",
    "bpfp",
    "tries",
    "ms",
    "wasted",
    "f.acc %",
    "f.re-enc %",
    "viol. %",
    "dist.",
    "p95",
    "worst",
    "lat. p50",
    "p95",
    "p99",
    "late %",
    "unsent",
    "front",
    "quicker at",
];

const LEGEND: &str = "\
† not deployable: it is told the true distortion. ✗ more violations than permitted.
regret: bytes per frame beyond an oracle with as many violations. f.acc: passed, but beyond the limit.
f.re-enc: did not pass, but within the limit. front: no other has fewer bytes and less distortion.
quicker at: link rates at which it is quicker than one encoding at the richest level.
";
