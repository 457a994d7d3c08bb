//! A comparison for terminals and spreadsheets.

use comfy_table::{CellAlignment, LineStyle, TableStyle};
use splitsim_table::{Column, Table, TableError};

use crate::{Comparison, Evaluation, Interval, Share, TaskComparison};

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
            number("saved_percent", |e| Some(e.saved?.percent)),
            number("saved_percent_low", |e| Some(e.saved?.interval.low)),
            number("saved_percent_high", |e| Some(e.saved?.interval.high)),
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
            number("distortion_mean_low", |e| {
                Some(e.distortion?.mean_interval.low)
            }),
            number("distortion_mean_high", |e| {
                Some(e.distortion?.mean_interval.high)
            }),
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

impl Row<'_> {
    /// Rank and name, with the marks that the legend explains.
    fn name(&self) -> String {
        let e = self.evaluation;
        let oracle = if e.deployable { "" } else { " †" };
        let inadmissible = if e.admissible { "" } else { " ✗" };
        format!("{}. {}{oracle}{inadmissible}", self.rank, e.name)
    }
}

fn ranked(task: &TaskComparison) -> impl Iterator<Item = Row<'_>> {
    let contenders = (1..).zip(&task.contenders);
    contenders.map(move |(rank, evaluation)| Row {
        task,
        rank,
        evaluation,
    })
}

/// The two tables of a task: the costs of the policies, and the quality that they ship.
fn section(task: &TaskComparison) -> String {
    let costs = ruled(COSTS, ranked(task).map(|row| costs(&row)));
    let quality = ruled(QUALITY, ranked(task).map(|row| quality(&row)));
    format!(
        "{}: {} frames of {}, distortion limit {} {}\n{costs}\n\n{quality}\n",
        task.task, task.frames, task.source, task.limit, task.unit
    )
}

/// A table with names on the left and numbers on the right.
fn ruled<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(RULE_UNDER_HEADER);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn costs(row: &Row<'_>) -> [String; COSTS.len()] {
    let e = row.evaluation;
    [
        row.name(),
        number(e.regret.map(|regret| regret.bytes_mean), 0),
        number(e.bytes_mean, 0),
        number(e.bpfp_mean, 4),
        number(e.attempts_mean, 2),
        number(e.compute_ms_mean, 0),
        number(e.wasted_ms_mean, 0),
        number(e.latency_ms.map(|latency| latency.p50), 0),
        number(e.latency_ms.map(|latency| latency.p95), 0),
        number(e.latency_ms.map(|latency| latency.p99), 0),
        e.deadline_misses.map_or_else(|| NONE.to_owned(), percent),
        (e.dropped + e.given_up).to_string(),
        quicker(e),
    ]
}

fn quality(row: &Row<'_>) -> [String; QUALITY.len()] {
    let e = row.evaluation;
    let with_interval = |value: f64, Interval { low, high }: Interval, digits: usize| {
        format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
    };
    let known = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    [
        row.name(),
        known(
            e.saved
                .map(|saved| with_interval(saved.percent, saved.interval, 1)),
        ),
        known(
            e.distortion
                .map(|d| with_interval(d.mean, d.mean_interval, 3)),
        ),
        number(e.distortion.map(|d| d.p95), 3),
        number(e.distortion.map(|d| d.worst), 3),
        percent(e.violations),
        percent(e.false_accepts),
        percent(e.false_reencodes),
        if e.pareto { "yes" } else { "" }.to_owned(),
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

const COSTS: [&str; 13] = [
    "policy",
    "regret B",
    "bytes",
    "bpfp",
    "tries",
    "ms",
    "wasted",
    "lat. p50",
    "p95",
    "p99",
    "late %",
    "unsent",
    "quicker at",
];

const QUALITY: [&str; 9] = [
    "policy",
    "saved % (95 %)",
    "distortion (95 %)",
    "p95",
    "worst",
    "viol. %",
    "f.acc %",
    "f.re-enc %",
    "front",
];

const LEGEND: &str = "\
† not deployable: it is told the true distortion. ✗ more violations than permitted.
regret: bytes per frame beyond an oracle with as many violations. wasted: ms on attempts thrown away.
quicker at: link rates at which it is quicker than one encoding at the richest level.
saved: bytes against the richest level, with the interval over frames. f.acc: passed, but beyond the
limit. f.re-enc: did not pass, but within the limit. front: no other has fewer bytes and less distortion.
";
