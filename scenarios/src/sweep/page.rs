//! A sweep as a page.

use std::path::Path;

use anyhow::Result;
use splitsim_report::{Cell, Column, DataFile, Download, Notice, Page, Section, Table};
use splitsim_story::{Limits, unit};

use super::PointState;
use super::axis::Axis;
use super::figures::{MOST_LINES, Over};
use super::recorded::{RecordedPoint, RecordedSweep, Row};

impl RecordedSweep {
    /// The page, for a file at `path`; links to the points' own reports are relative to it where that is in
    /// the sweep's folder.
    ///
    /// # Errors
    /// When the page's table cannot be made.
    pub(crate) fn html(&self, limits: &Limits, path: &Path) -> Result<String> {
        Ok(self.page(limits, path)?.render())
    }

    fn page(&self, limits: &Limits, path: &Path) -> Result<Page> {
        let rows = self.rows(limits);
        let lead = match self.description.is_empty() {
            true => "What policies cost and break as the swept settings change.".to_owned(),
            false => format!("{}.", self.description.trim_end_matches('.')),
        };
        let mut page = Page::new(format!("Sweep {}", self.name)).lead(lead);
        for notice in self.notices() {
            page = page.notice(notice);
        }
        page = page.section(self.overview(path));
        for axis in self.drawn_over() {
            page = page.section(over(self, axis, &rows, limits));
        }
        let csv = self.table(limits)?.to_csv();
        let about = "One row per point, task and policy; swept values are numbers in the unit that the column's \
                     name ends with.";
        let download = Download::new(DataFile::Csv, "sweep-points.csv", about, &csv);
        let data = Section::new("Every point")
            .table(self.results(&rows))
            .downloads([download]);
        Ok(page.section(data))
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let open = self.open();
        if !open.is_empty() {
            const NAMED: usize = 12;
            let named = open
                .iter()
                .take(NAMED)
                .map(|&at| self.points[at].slug.as_str());
            let named = named.collect::<Vec<_>>().join(", ");
            let more = match open.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            notices.push(Notice::warning(format!(
                "This sweep is not finished: {}. Missing in the figures: {named}{more}. Running the same \
                 scenario into the same folder goes on with them.",
                self.progress()
            )));
        }
        if !self.mixed.is_empty() {
            notices.push(Notice::warning(format!(
                "These points were not made by the same software and are not comparable: {}.",
                self.mixed.join("; ")
            )));
        }
        notices
    }

    /// Keys with several values; repetitions only where nothing else is swept.
    fn drawn_over(&self) -> Vec<&Axis> {
        let varies = || self.axes.iter().filter(|axis| axis.varies());
        let keys: Vec<&Axis> = varies().filter(|axis| !axis.is_repeat()).collect();
        match keys.is_empty() {
            true => varies().collect(),
            false => keys,
        }
    }

    fn overview(&self, page: &Path) -> Section {
        let axes = self
            .axes
            .iter()
            .map(|axis| format!("{}: {}", axis.key, axis.values().join(", ")));
        let axes = axes.collect::<Vec<_>>().join("; ");
        let columns = [Column::text("point")]
            .into_iter()
            .chain(self.axes.iter().map(|axis| Column::text(&axis.key)))
            .chain([Column::text("state"), Column::text("reason")]);
        let mut table = Table::new("Points", columns);
        for (number, point) in self.points.iter().enumerate() {
            let values = self.axes.iter().map(|axis| Cell::text(&axis.texts[number]));
            let state = [
                Cell::text(point.state.spoken()),
                point.reason.as_ref().map_or_else(Cell::missing, Cell::text),
            ];
            let link = [self.linked(point, page)];
            table.push(link.into_iter().chain(values).chain(state));
        }
        Section::new("Overview")
            .text(format!(
                "One run for every combination of {axes}. {}.",
                self.progress()
            ))
            .text("A point's name leads to its own report.")
            .table(table)
    }

    /// The point's name, with a link to its report.
    fn linked(&self, point: &RecordedPoint, page: &Path) -> Cell {
        let Some(report) = &point.report else {
            return Cell::text(&point.slug);
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let beside = absolute(page).parent().map(Path::to_owned) == Some(absolute(self.folder()));
        let target = match report.strip_prefix(self.folder()) {
            Ok(relative) if beside => relative.to_owned(),
            _ => absolute(report),
        };
        Cell::link(&point.slug, &target.to_string_lossy())
    }

    fn results(&self, rows: &[Row]) -> Table {
        let columns = [Column::text("policy"), Column::text("task")]
            .into_iter()
            .chain(self.axes.iter().map(|axis| Column::text(&axis.key)))
            .chain([
                Column::number("frames", "arrived"),
                Column::number("failed", "frames"),
                Column::number("link", "kB").about("mean per frame, all headers included"),
                Column::number("container", "kB").about("mean per frame"),
                Column::number("tries", "/frame"),
                Column::number("distortion", "mean").about(
                    "true semantic distortion: cls in ranks, seg in mIoU points, dpt in m of RMSE",
                ),
                Column::number("over limit", "%"),
                Column::number("latency", "p50 ms"),
                Column::number("latency", "p95 ms"),
                Column::text("state"),
            ]);
        let mut table = Table::new("Policies at every point", columns);
        for Row { point, at } in rows {
            let kilobytes = |bytes: Option<f64>| Cell::known(bytes.map(|bytes| bytes / 1000.0), 2);
            let values = self.axes.iter().map(|axis| Cell::text(&axis.texts[*point]));
            let measured = [
                Cell::count(at.frames),
                Cell::count(at.failed),
                kilobytes(at.link_bytes),
                kilobytes(at.container_bytes),
                Cell::known(at.attempts, 2),
                Cell::known(at.distortion, 3),
                Cell::known(at.over_limit_percent, 1),
                Cell::known(at.latency_p50_ms, 1),
                Cell::known(at.latency_p95_ms, 1),
                Cell::text(self.points[*point].state.spoken()),
            ];
            let key = [Cell::text(&at.policy), Cell::text(at.task.name())];
            table.push(key.into_iter().chain(values).chain(measured));
        }
        table
    }
}

/// Everything over one swept key.
fn over(sweep: &RecordedSweep, axis: &Axis, rows: &[Row], limits: &Limits) -> Section {
    let over = Over::new(sweep, axis, rows);
    let mut section = Section::new(format!("Over {}", axis.key)).text(format!(
        "Points that are done. A line is a policy{}; repetitions are drawn as their mean, the bar spans them. \
         Limits: {}.",
        match over.has_others() {
            true => " with one setting of the other keys",
            false => "",
        },
        splitsim_feature::Task::ALL
            .map(|task| format!("{task} {} {}", limits.of(task), unit(task)))
            .join(", ")
    ));
    if over.lines() > MOST_LINES {
        section = section.notice(Notice::remark(format!(
            "{MOST_LINES} of {} lines are drawn; the table has all.",
            over.lines()
        )));
    }
    let figures = over.figures();
    if figures.is_empty() {
        return section.text("No point is done yet.");
    }
    figures.into_iter().fold(section, Section::figures)
}

impl PointState {
    /// For people.
    const fn spoken(self) -> &'static str {
        match self {
            Self::Waiting => "not begun or not finished",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "not finished",
        }
    }
}
