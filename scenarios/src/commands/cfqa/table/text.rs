//! Evaluations for people at a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use splitsim_lab::{Evaluation, Interval};

use super::Evaluated;

/// Two tables: averages over features, as the paper's table 4, and all compressed features together.
pub(super) fn render(evaluated: &Evaluated) -> String {
    let Evaluated {
        evaluations,
        target,
        mode,
        intervals,
        ..
    } = evaluated;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "Scores against {target}; {mode}; {intervals}\n");
    let _ = writeln!(
        text,
        "Averages over features of each one's coefficient over its levels; n: features with one + without\n"
    );
    let _ = writeln!(text, "{}\n", per_feature(evaluations));
    let _ = writeln!(
        text,
        "All compressed features together; RMSE after a monotone logistic fit, in the unit of {target}; \
         n: with score and {target} + without\n"
    );
    let _ = writeln!(text, "{}", pooled(evaluations));
    text
}

fn per_feature(evaluations: &[Evaluation]) -> Table {
    let mut table = table(["codec", "task", "metric", "PLCC", "SROCC", "KROCC", "n"]);
    for evaluation in evaluations {
        let [plcc, srocc, krocc] = evaluation.per_feature;
        let value =
            |statistic: splitsim_lab::PerFeature| shown(statistic.mean, statistic.interval, 4);
        table.add_row([
            evaluation.codec.clone(),
            evaluation.task.to_string(),
            evaluation.metric.clone(),
            value(plcc),
            value(srocc),
            value(krocc),
            format!("{}+{}", plcc.counted, plcc.undefined),
        ]);
    }
    aligned(table, 3)
}

fn pooled(evaluations: &[Evaluation]) -> Table {
    let mut table = table([
        "codec", "task", "metric", "PLCC", "SROCC", "KROCC", "RMSE", "n",
    ]);
    for evaluation in evaluations {
        let pooled = evaluation.pooled;
        let value = |estimate: splitsim_lab::Estimate| shown(estimate.value, estimate.interval, 4);
        table.add_row([
            evaluation.codec.clone(),
            evaluation.task.to_string(),
            evaluation.metric.clone(),
            value(pooled.plcc),
            value(pooled.srocc),
            value(pooled.krocc),
            value(pooled.rmse),
            format!("{}+{}", pooled.counted, pooled.undefined),
        ]);
    }
    aligned(table, 3)
}

/// Formats a value with its interval; a value that is `None` becomes `undefined`.
fn shown(value: Option<f64>, interval: Option<Interval>, decimals: usize) -> String {
    match (value, interval) {
        (None, _) => "undefined".to_owned(),
        (Some(value), None) => format!("{value:.decimals$}"),
        (Some(value), Some(Interval { low, high })) => {
            format!("{value:.decimals$} [{low:.2}, {high:.2}]")
        }
    }
}

fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(RULE_UNDER_HEADER);
    table.set_header(columns);
    table
}

/// Numbers stand to the right, from the column of that index on.
fn aligned(mut table: Table, numbers: usize) -> Table {
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_is_no_number() {
        assert_eq!(shown(None, None, 4), "undefined");
        assert_eq!(shown(Some(0.5), None, 2), "0.50");
        let interval = Interval {
            low: -0.125,
            high: 1.0,
        };
        assert_eq!(shown(Some(0.5), Some(interval), 2), "0.50 [-0.12, 1.00]");
    }
}
