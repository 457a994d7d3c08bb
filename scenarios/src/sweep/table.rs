//! A sweep as a table.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::Value;
use splitsim_results::GroupSummary;
use splitsim_table::{Column, TableError, Values};

use super::{Ledger, PointState};

const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// One row per point, task and policy, for a terminal.
pub(super) fn render(ledger: &Ledger) -> String {
    let mut table = Table::new();
    table.load_style(RULE_UNDER_HEADER);
    let axes = ledger.axes.iter().map(String::as_str);
    let columns = [
        "task",
        "run",
        "frames",
        "kB/frame",
        "tries",
        "dist. mean",
        "dist. p95",
        "transfer p50",
        "e2e p50",
        "e2e p95",
    ];
    table.set_header(axes.chain(columns));
    for point in &ledger.points {
        let values = ledger
            .axes
            .iter()
            .map(|axis| point.values.get(axis).cloned());
        let values: Vec<String> = values.map(Option::unwrap_or_default).collect();
        let groups = point.summary.iter().flat_map(|summary| &summary.groups);
        for group in groups {
            table.add_row(values.iter().cloned().chain(cells(group)));
        }
    }
    for column in table.column_iter_mut().skip(ledger.axes.len() + 2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{table}\n");
    for point in &ledger.points {
        // Writing to a string cannot fail.
        let _ = match (point.state, &point.reason) {
            (PointState::Done, _) => Ok(()),
            (PointState::Failed, Some(reason)) => {
                writeln!(text, "{}: failed: {reason}", point.slug)
            }
            (PointState::Failed | PointState::Interrupted, _) => {
                writeln!(text, "{}: not finished", point.slug)
            }
            (PointState::Waiting, _) => writeln!(text, "{}: not begun", point.slug),
        };
    }
    if !ledger.mixed.is_empty() {
        text.push_str(
            "\nThese points were not made by the same software and are not comparable:\n",
        );
        for set in &ledger.mixed {
            let _ = writeln!(text, "  {set}");
        }
    }
    text
}

fn cells(group: &GroupSummary) -> [String; 10] {
    let number = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "–".to_owned(),
    };
    let distortion = group.distortion.as_ref();
    let latency = &group.latency;
    [
        group.key.task.to_string(),
        group.key.run_id.clone(),
        group.frames.to_string(),
        number(group.container_bytes_mean.map(|bytes| bytes / 1000.0), 2),
        number(group.attempts_mean, 2),
        number(distortion.map(|all| all.mean), 3),
        number(distortion.map(|all| all.p95), 3),
        number(latency.transfer.as_ref().map(|all| all.p50_ms), 1),
        number(latency.end_to_end.as_ref().map(|all| all.p50_ms), 1),
        number(latency.end_to_end.as_ref().map(|all| all.p95_ms), 1),
    ]
}

/// One row per point, task and policy with every number of the summary, for programs.
pub(super) fn csv(ledger: &Value) -> Result<String, TableError> {
    let mut rows: Vec<Vec<(String, String)>> = Vec::new();
    for point in array(&ledger["points"]) {
        let mut common = Vec::new();
        flatten("", &point["values"], &mut common);
        flatten("point.slug", &point["slug"], &mut common);
        flatten("point.state", &point["state"], &mut common);
        let groups = array(&point["summary"]["groups"]);
        if groups.is_empty() {
            rows.push(common.clone());
        }
        for group in groups {
            let mut row = common.clone();
            flatten("", group, &mut row);
            rows.push(row);
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let columns = names.into_iter().map(|name| {
        let cell = |row: &Vec<(String, String)>| {
            let found = row.iter().find(|(column, _)| column == name);
            found.map(|(_, value)| value.clone())
        };
        Column::new(name, Values::Text(rows.iter().map(cell).collect()))
    });
    splitsim_table::Table::new(columns.collect()).map(|table| table.to_csv())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Objects become dotted columns; lists are named by what their entries are of.
fn flatten(name: &str, value: &Value, row: &mut Vec<(String, String)>) {
    let below = |key: &str| match name {
        "" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                flatten(&below(key), value, row);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                if let (Some(metric), mean) = (entry["metric"].as_str(), &entry["mean"]) {
                    flatten(&below(metric), mean, row);
                }
            }
        }
        Value::Null => {}
        Value::String(text) => row.push((name.to_owned(), text.clone())),
        other => row.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_has_a_row_per_group_and_one_for_a_point_without() {
        let ledger = json!({"points": [
            {"slug": "a", "values": {"seed": "4"}, "state": "done", "summary": {"groups": [
                {"task": "cls", "latency": {"p50_ms": 1.5}, "shipped_scores": [{"metric": "mse", "mean": 0.25, "frames": 3}]},
                {"task": "seg, too", "latency": null},
            ]}},
            {"slug": "b", "values": {"seed": "5"}, "state": "failed", "summary": null},
        ]});
        assert_eq!(
            csv(&ledger).unwrap(),
            "seed,point.slug,point.state,task,latency.p50_ms,shipped_scores.mse\n\
             4,a,done,cls,1.5,0.25\n\
             4,a,done,\"seg, too\",,\n\
             5,b,failed,,,\n"
        );
    }
}
