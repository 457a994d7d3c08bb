//! The summary for a terminal: per task, what each policy costs and what it buys.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use splitsim_feature::Task;

use crate::{GroupKey, GroupSummary, MeanScore, Quantiles, Summary, TaskPerformance};

/// Renders two tables per task: cost against quality, and where the time goes.
///
/// Plain text, at most 140 columns wide for policy labels of up to 30 characters, ending in a
/// newline. What is unknown shows as `–`. Definitions: `docs/metrics.md`.
#[must_use]
pub fn render(summary: &Summary) -> String {
    let tasks: Vec<String> = Task::ALL
        .into_iter()
        .filter_map(|task| {
            let groups: Vec<&GroupSummary> = summary
                .groups
                .iter()
                .filter(|group| group.key.task == task)
                .collect();
            (!groups.is_empty()).then(|| section(task, &groups))
        })
        .collect();
    if tasks.is_empty() {
        return "no frames recorded\n".to_owned();
    }
    tasks.join("\n")
}

fn section(task: Task, groups: &[&GroupSummary]) -> String {
    let labels = labels(groups);
    let mut text = format!("{task} · {}\n\n", description(task));
    text.push_str(&cost_and_quality(task, groups, &labels));
    text.push_str("\nMedian ms by stage\n\n");
    text.push_str(&stages(groups, &labels));
    for note in notes(groups, &labels) {
        text.push_str(&note);
    }
    text
}

const fn description(task: Task) -> &'static str {
    match task {
        Task::Cls => "classification, distortion in ranks",
        Task::Seg => "segmentation, distortion in mIoU points",
        Task::Dpt => "depth, distortion in metres of RMSE",
    }
}

/// The policy, and as much more of the key as it takes to tell the rows apart.
fn labels(groups: &[&GroupSummary]) -> Vec<String> {
    type Part = fn(&GroupKey) -> &str;
    let parts: [Part; 4] = [
        |key| &key.policy,
        |key| &key.codec,
        |key| &key.model,
        |key| &key.run_id,
    ];
    let differs = |part: Part| {
        let first = groups.first().map(|group| part(&group.key));
        groups.iter().any(|group| Some(part(&group.key)) != first)
    };
    let policies_repeat = groups.iter().enumerate().any(|(index, group)| {
        groups[..index]
            .iter()
            .any(|other| other.key.policy == group.key.policy)
    });
    let shown: Vec<Part> = parts
        .into_iter()
        .enumerate()
        .filter(|(index, part)| *index == 0 || (policies_repeat && differs(*part)))
        .map(|(_, part)| part)
        .collect();
    groups
        .iter()
        .map(|group| {
            let words: Vec<&str> = shown.iter().map(|part| part(&group.key)).collect();
            words.join(" · ")
        })
        .collect()
}

fn cost_and_quality(task: Task, groups: &[&GroupSummary], labels: &[String]) -> String {
    let metric = common_metric(groups);
    let performance = match task {
        Task::Cls => "top-1 %",
        Task::Seg => "mIoU %",
        Task::Dpt => "RMSE m",
    };
    let header = [
        "\npolicy".to_owned(),
        "\nframes".to_owned(),
        "\nBPFP".to_owned(),
        "kB\n/frame".to_owned(),
        "link kB\n/frame".to_owned(),
        "tries\n/frame".to_owned(),
        "re-enc\n%".to_owned(),
        "best-\neff. %".to_owned(),
        format!("score\n{}", metric.unwrap_or("")),
        format!("{performance}\norig."),
        format!("{performance}\narrived"),
        "dist.\nmean".to_owned(),
        "dist.\np95".to_owned(),
        "dist.\nworst".to_owned(),
        "e2e ms\np50".to_owned(),
        "e2e ms\np95".to_owned(),
    ];
    let rows = groups.iter().zip(labels).map(|(group, label)| {
        let distortion = |value: fn(&crate::DistortionSummary) -> f64| {
            known(group.distortion.as_ref().map(value), |value| {
                distortion(task, value)
            })
        };
        let end_to_end = |value: fn(&Quantiles) -> f64| {
            known(group.latency.end_to_end.as_ref().map(value), milliseconds)
        };
        [
            label.clone(),
            group.frames.to_string(),
            known(group.bpfp_mean, |bpfp| format!("{bpfp:.4}")),
            known(group.container_bytes_mean, kilobytes),
            known(group.link_bytes_mean, kilobytes),
            known(group.attempts_mean, hundredths),
            known(group.reencoded_percent, tenths),
            known(group.best_effort_percent, tenths),
            score(group, metric),
            known(group.performance_original, performance_text),
            known(group.performance_received, performance_text),
            distortion(|distortion| distortion.mean),
            distortion(|distortion| distortion.p95),
            distortion(|distortion| distortion.worst),
            end_to_end(|quantiles| quantiles.p50_ms),
            end_to_end(|quantiles| quantiles.p95_ms),
        ]
    });
    plain_table(header, rows)
}

fn stages(groups: &[&GroupSummary], labels: &[String]) -> String {
    let header = [
        "policy",
        "preprocess",
        "extract",
        "attempts",
        "queue",
        "transfer",
        "cloud queue",
        "decode",
        "head",
        "end to end",
        "(experiment)",
    ]
    .map(str::to_owned);
    let rows = groups.iter().zip(labels).map(|(group, label)| {
        let latency = &group.latency;
        let median =
            |stage: Option<Quantiles>| known(stage.map(|stage| stage.p50_ms), milliseconds);
        [
            label.clone(),
            median(latency.preprocess),
            median(latency.extract),
            median(latency.attempts),
            median(latency.queue),
            median(latency.transfer),
            median(latency.cloud_queue),
            median(latency.decode),
            median(latency.head),
            median(latency.end_to_end),
            median(latency.experiment),
        ]
    });
    plain_table(header, rows)
}

/// Says where a column describes fewer frames than the row.
fn notes(groups: &[&GroupSummary], labels: &[String]) -> Vec<String> {
    let partial = |known: u64, frames: u64| known > 0 && known < frames;
    let mut notes = Vec::new();
    for (group, label) in groups.iter().zip(labels) {
        let frames = group.frames;
        if partial(group.frames_with_distortion, frames) {
            let known = group.frames_with_distortion;
            notes.push(format!(
                "{label}: distortion of {known} of {frames} frames\n"
            ));
        }
        if partial(group.frames_settled, frames) {
            let known = group.frames_settled;
            notes.push(format!(
                "{label}: link bytes and latency of {known} of {frames} frames\n"
            ));
        }
    }
    if !notes.is_empty() {
        notes.insert(0, "\n".to_owned());
    }
    notes
}

/// The metric of every policy that has one, if they agree.
fn common_metric<'a>(groups: &[&'a GroupSummary]) -> Option<&'a str> {
    let mut metrics = groups
        .iter()
        .filter_map(|group| group.key.metric.as_deref());
    let first = metrics.next()?;
    metrics.all(|metric| metric == first).then_some(first)
}

/// The score by the table's metric, else by the row's own, named.
fn score(group: &GroupSummary, common: Option<&str>) -> String {
    let by = |metric: &str| -> Option<&MeanScore> {
        group
            .shipped_scores
            .iter()
            .find(|score| score.metric == metric)
    };
    match common {
        Some(metric) => known(by(metric).map(|score| score.mean), significant),
        None => {
            let own = group.key.metric.as_deref().and_then(by);
            known(own, |score| {
                format!("{} {}", score.metric, significant(score.mean))
            })
        }
    }
}

fn performance_text(performance: TaskPerformance) -> String {
    match performance {
        TaskPerformance::Cls { top1_percent, .. } => hundredths(top1_percent),
        TaskPerformance::Seg { miou_percent_mean } => hundredths(miou_percent_mean),
        TaskPerformance::Dpt { rmse_m_mean } => format!("{rmse_m_mean:.3}"),
    }
}

fn distortion(task: Task, value: f64) -> String {
    match task {
        Task::Cls | Task::Seg => hundredths(value),
        Task::Dpt => format!("{value:.3}"),
    }
}

fn known<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// 1 kB = 1000 B, as link rates count.
fn kilobytes(bytes: f64) -> String {
    let kilobytes = bytes / 1000.0;
    if kilobytes < 100.0 {
        hundredths(kilobytes)
    } else {
        tenths(kilobytes)
    }
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

fn milliseconds(ms: f64) -> String {
    if ms < 1000.0 {
        tenths(ms)
    } else {
        format!("{ms:.0}")
    }
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

/// Four decimals, or an exponent where those would hide the value.
fn significant(value: f64) -> String {
    if value != 0.0 && !(0.01..10_000.0).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    format!("{value:.4}")
}

/// A table with a rule under its header, numbers to the right, and no other lines.
fn plain_table<const N: usize>(
    header: [String; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(RULE_UNDER_HEADER)
        .set_header(header)
        .add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(index > 0), 0));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

const UNKNOWN: &str = "–";

const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

#[cfg(test)]
mod tests;
