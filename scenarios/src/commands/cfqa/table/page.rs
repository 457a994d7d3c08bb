//! Evaluations as a page: the paper's table 4 and figure 2, and what they are made of.

use splitsim_feature::Task;
use splitsim_lab::{Evaluation, Logistic, PlccHistogram, Record, Target};
use splitsim_report::{
    Axis, Cell, Column, DataFile, Download, Figure, Notice, Page, Section, Series, Table,
};

use super::Evaluated;

pub(super) fn render(evaluated: &Evaluated, csv: &str) -> String {
    let Evaluated {
        target,
        mode,
        intervals,
        ..
    } = evaluated;
    let page = Page::new("Do metrics predict what tasks lose?")
        .lead(format!(
            "Scores of compressed features against their {}. Metric mode: {mode}; {intervals}.",
            meaning(*target)
        ))
        .section(averages(evaluated))
        .section(pooled(evaluated));
    let page = codecs(evaluated)
        .into_iter()
        .flat_map(|codec| [distributions(evaluated, codec), scatters(evaluated, codec)])
        .fold(page, Page::section);
    let download = Download::new(
        DataFile::Csv,
        "correlations.csv",
        "every statistic with its interval, one per row",
        csv,
    );
    page.section(Section::new("Data").downloads([download]))
        .render()
}

fn averages(evaluated: &Evaluated) -> Section {
    let columns = ["PLCC", "SROCC", "KROCC"].into_iter().flat_map(|name| {
        [
            Column::number(name, "").about("mean over the features that have one"),
            Column::text(format!("{name}, 95 %")),
        ]
    });
    let columns = identity().into_iter().chain(columns).chain([
        Column::number("features", "").about("with a coefficient"),
        Column::number("undefined", "")
            .about("left out: scores or performances are constant over the levels, or missing"),
    ]);
    let mut table = Table::new(
        format!("Averages of coefficients per feature, {}", evaluated.mode),
        columns,
    );
    for evaluation in &evaluated.evaluations {
        let values = evaluation.per_feature.iter();
        let values = values.flat_map(|s| [Cell::known(s.mean, 4), interval(s.interval)]);
        let [plcc, ..] = evaluation.per_feature;
        let counts = [plcc.counted, plcc.undefined].map(|count| Cell::count(count as u64));
        table.push(cells(evaluation).into_iter().chain(values).chain(counts));
    }
    let sign = match evaluated.target {
        Target::Performance => Notice::remark(
            "Against raw performance, as published: ranks and depth errors grow as a task gets worse, mIoU \
             falls, so that the sign of a good metric differs between tasks.",
        ),
        Target::Distortion => {
            Notice::remark("Against distortion, which is positive where a task got worse.")
        }
    };
    Section::new("Per feature")
        .text(
            "For each original feature the correlation between its scores and its values over the levels of \
             one codec, then the average over features (table 4 of the benchmark's paper).",
        )
        .notice(sign)
        .table(table)
}

fn pooled(evaluated: &Evaluated) -> Section {
    let columns = ["PLCC", "SROCC", "KROCC", "RMSE"]
        .into_iter()
        .flat_map(|name| {
            [
                Column::number(name, ""),
                Column::text(format!("{name}, 95 %")),
            ]
        });
    let counts = [
        Column::number("rows", "").about("compressed features with score and value"),
        Column::number("undefined", "").about("compressed features without"),
    ];
    let columns = identity().into_iter().chain(columns).chain(counts);
    let mut table = Table::new(
        format!("All compressed features together, {}", evaluated.mode),
        columns,
    );
    for evaluation in &evaluated.evaluations {
        let pooled = evaluation.pooled;
        let values = [pooled.plcc, pooled.srocc, pooled.krocc, pooled.rmse];
        let values = values
            .into_iter()
            .flat_map(|value| [Cell::known(value.value, 4), interval(value.interval)]);
        let counts = [pooled.counted, pooled.undefined].map(|count| Cell::count(count as u64));
        table.push(cells(evaluation).into_iter().chain(values).chain(counts));
    }
    Section::new("Pooled")
        .text(
            "What a single threshold has to work with: all features and levels of a codec and task together. \
             RMSE is what a monotone logistic curve leaves, in ranks, mIoU points or metres.",
        )
        .table(table)
}

/// Figure 2: how often each correlation occurs.
fn distributions(evaluated: &Evaluated, codec: &str) -> Section {
    let figures = evaluated.metrics.iter().map(|metric| {
        let evaluations = evaluated.evaluations.iter();
        let evaluations = evaluations.filter(|e| e.codec == codec && e.metric == *metric);
        let series = evaluations.map(|evaluation| {
            let bins = PlccHistogram::of(evaluation.plccs.iter().copied());
            let points: Vec<(f64, f64)> = bins
                .bins()
                .map(|(plcc, features)| (plcc, features as f64))
                .collect();
            Series::line(evaluation.task.name(), points).with_markers()
        });
        let description = format!(
            "how many features have which correlation between {metric} and {}, by task",
            evaluated.target
        );
        Figure::new(format!("PLCC of {metric}, {codec}"), description)
            .note(format!("rounded to tenths; {}", evaluated.mode))
            .x(Axis::new("PLCC", "").range(-1.05, 1.05))
            .y(Axis::new("features", "").from_zero())
            .all_series(series)
    });
    Section::new(format!("{codec}: how correlations are distributed")).figures(figures)
}

/// Score against value, all features and levels, with the curve that RMSE is measured from.
fn scatters(evaluated: &Evaluated, codec: &str) -> Section {
    let evaluations = evaluated.evaluations.iter();
    let figures = evaluations
        .filter(|evaluation| evaluation.codec == codec)
        .filter_map(|evaluation| scatter(evaluated, evaluation));
    Section::new(format!("{codec}: scores against {}", evaluated.target)).figures(figures)
}

fn scatter(evaluated: &Evaluated, evaluation: &Evaluation) -> Option<Figure> {
    let Evaluation {
        codec,
        task,
        metric,
        ..
    } = evaluation;
    let metric_index = evaluated.set.metric_index(metric).ok()?;
    let records = evaluated.set.records().iter();
    let records = records.filter(|record| record.codec == *codec && record.task == *task);
    let points = records.filter_map(|record| {
        let value = value(record, evaluated.target)?;
        Some((record.scores[metric_index]?, value, record))
    });
    let points: Vec<(f64, f64, &Record)> = points.collect();
    let labels = points.iter().map(|(.., record)| {
        let Record { feature, level, .. } = record;
        format!("{feature}, level {level}")
    });
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|&(x, y, _)| (x, y)).unzip();
    let figure = Figure::new(
        format!("{metric} and {}, {codec} {task}", evaluated.target),
        format!(
            "each compressed feature's {metric} and the {}",
            evaluated.target
        ),
    )
    .note(evaluated.mode.clone())
    .x(Axis::new(metric.as_str(), unit_of_metric(metric)))
    .y(Axis::new(
        evaluated.target.to_string(),
        unit(*task, evaluated.target),
    ))
    .series(
        Series::scatter(
            "compressed features",
            points.iter().map(|&(x, y, _)| (x, y)),
        )
        .labels(labels),
    );
    Some(match Logistic::fit(&x, &y) {
        None => figure,
        Some(curve) => figure.series(Series::line("logistic fit", drawn(&curve, &x))),
    })
}

/// The curve over the scores there are.
fn drawn(curve: &Logistic, scores: &[f64]) -> Vec<(f64, f64)> {
    const STEPS: u32 = 60;
    let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0..=STEPS)
        .map(|step| low + (high - low) * f64::from(step) / f64::from(STEPS))
        .map(|score| (score, curve.at(score)))
        .collect()
}

const fn value(record: &Record, target: Target) -> Option<f64> {
    match target {
        Target::Performance => record.performance,
        Target::Distortion => record.distortion,
    }
}

const fn meaning(target: Target) -> &'static str {
    match target {
        Target::Performance => "task's raw performance (rank, mIoU, depth error)",
        Target::Distortion => "true semantic distortion",
    }
}

const fn unit(task: Task, target: Target) -> &'static str {
    match (task, target) {
        (Task::Cls, Target::Performance) => "rank",
        (Task::Cls, Target::Distortion) => "ranks",
        (Task::Seg, Target::Performance) => "mIoU, %",
        (Task::Seg, Target::Distortion) => "mIoU points",
        (Task::Dpt, _) => "RMSE, m",
    }
}

fn unit_of_metric(metric: &str) -> &'static str {
    match metric {
        "snr" => "dB",
        _ => "",
    }
}

/// In order of first appearance.
fn codecs(evaluated: &Evaluated) -> Vec<&str> {
    let mut codecs: Vec<&str> = Vec::new();
    for evaluation in &evaluated.evaluations {
        if !codecs.contains(&evaluation.codec.as_str()) {
            codecs.push(&evaluation.codec);
        }
    }
    codecs
}

fn identity() -> [Column; 3] {
    ["codec", "task", "metric"].map(Column::text)
}

fn cells(evaluation: &Evaluation) -> [Cell; 3] {
    [
        Cell::text(&evaluation.codec),
        Cell::text(evaluation.task.name()),
        Cell::text(&evaluation.metric),
    ]
}

fn interval(interval: Option<splitsim_lab::Interval>) -> Cell {
    interval.map_or_else(Cell::missing, |interval| {
        Cell::text(format!("{:.2} … {:.2}", interval.low, interval.high))
    })
}
