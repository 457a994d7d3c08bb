//! The conversion of series to plotly.js' traces.

use plotly::common::{
    DashType, ErrorData, ErrorType, HoverInfo, Line, LineShape, Marker, MarkerSymbol, Mode,
    Orientation, TextPosition,
};
use plotly::{Bar, Scatter, Trace};

use super::series::{Role, Shape};
use super::statistics::Bins;
use super::{Axis, Series, Span};
use crate::Hue;
use crate::palette::Themed;

type Traces = Vec<Box<dyn Trace>>;

impl Series {
    pub(super) fn traces(&self, x: &Axis, y: &Axis) -> Traces {
        let hue = self.hue.unwrap_or(Hue(0));
        match &self.shape {
            Shape::Line {
                points,
                stepped,
                markers,
            } => {
                let line = Line::new()
                    .color(self.ink(hue).word())
                    .width(if self.role == Role::Guide { 1.4 } else { 2.0 })
                    .dash(self.dash(hue, *stepped))
                    .shape(if *stepped {
                        LineShape::Hv
                    } else {
                        LineShape::Linear
                    });
                let mode = if *markers {
                    Mode::LinesMarkers
                } else {
                    Mode::Lines
                };
                let trace = self.points(points, hue, 7, x, y).mode(mode).line(line);
                vec![trace]
            }
            Shape::Scatter { points, large } => {
                let size = if *large { 13 } else { 7 };
                vec![self.points(points, hue, size, x, y).mode(Mode::Markers)]
            }
            Shape::Histogram(bins) => vec![self.counts_of(bins, hue, x)],
            Shape::Bars(values) => vec![self.bars_of(values, hue, x)],
            Shape::Spans(spans) => self.spans_of(spans, hue, x),
        }
    }

    fn points(
        &self,
        points: &[(f64, f64)],
        hue: Hue,
        size: usize,
        x: &Axis,
        y: &Axis,
    ) -> Box<Scatter<f64, f64>> {
        let (xs, ys) = points.iter().copied().unzip();
        let marker = Marker::new()
            .color(self.ink(hue).word())
            .symbol(self.symbol(hue))
            .size(size)
            .opacity(if size > 7 { 1.0 } else { 0.8 })
            .line(self.outline(size));
        let mut trace = Scatter::new(xs, ys)
            .name(&self.name)
            .marker(marker)
            // Large marks at the edge of the plot stay whole.
            .clip_on_axis(size <= 7)
            .legend_group(self.companion_of.as_ref().unwrap_or(&self.name))
            .show_legend(self.companion_of.is_none())
            .hover_template(self.hover(x, y));
        if !self.labels.is_empty() {
            trace = trace.text_array(self.labels.clone());
        }
        if !self.intervals.is_empty() {
            let (below, above) = self.intervals.iter().copied().unzip();
            let error = ErrorData::new(ErrorType::Data)
                .array(above)
                .array_minus(below)
                .symmetric(false)
                .color(self.ink(hue).word())
                .thickness(1.5)
                .width(5);
            trace = trace.error_y(error);
        }
        trace
    }

    fn ink(&self, hue: Hue) -> Themed {
        match self.role {
            Role::Subject => Themed::Hue(hue),
            Role::Bound => Themed::Ink,
            Role::Guide => Themed::Soft,
        }
    }

    fn dash(&self, hue: Hue, stepped: bool) -> DashType {
        match (self.role, stepped) {
            (Role::Subject, _) => hue.dash(),
            (Role::Guide, true) => DashType::Solid,
            (Role::Guide, false) | (Role::Bound, _) => DashType::Dot,
        }
    }

    fn symbol(&self, hue: Hue) -> MarkerSymbol {
        match self.role {
            Role::Subject | Role::Guide => hue.symbol(),
            Role::Bound => hue.open_symbol(),
        }
    }

    /// The outline of a mark of this size. An open mark has only its outline, in its own
    /// colour.
    fn outline(&self, size: usize) -> Line {
        let width = match (self.role, size > 7) {
            (Role::Bound, _) => 2.5,
            (Role::Subject | Role::Guide, true) => 1.5,
            (Role::Subject | Role::Guide, false) => 0.5,
        };
        Line::new().color(Themed::Card.word()).width(width)
    }

    /// `x`, `y`, and the point's label above them.
    fn hover(&self, x: &Axis, y: &Axis) -> String {
        let label = if self.labels.is_empty() {
            ""
        } else {
            "<b>%{text}</b><br>"
        };
        format!(
            "{label}{}: %{{x:.4~g}}{}<br>{}: %{{y:.4~g}}{}<extra>{}</extra>",
            super::literal(&x.label),
            x.suffix(),
            super::literal(&y.label),
            y.suffix(),
            self.name
        )
    }

    fn counts_of(&self, bins: &Bins, hue: Hue, x: &Axis) -> Box<dyn Trace> {
        let (half, name) = (bins.width / 2.0, &self.name);
        let labels = bins
            .centres()
            .into_iter()
            .map(|centre| format!("{:.4} to {:.4}{}", centre - half, centre + half, x.suffix()));
        let marker = Marker::new().color(Themed::Hue(hue).word()).opacity(0.85);
        Bar::new(bins.centres(), bins.counts.clone())
            .name(name)
            .width(bins.width * 0.92)
            .hover_text_array(labels.collect())
            .hover_template(format!("%{{hovertext}}: %{{y}}<extra>{name}</extra>"))
            .marker(marker)
    }

    fn bars_of(&self, values: &[(String, f64)], hue: Hue, x: &Axis) -> Box<dyn Trace> {
        let (rows, lengths): (Vec<String>, Vec<f64>) = values.iter().cloned().unzip();
        let (name, suffix) = (&self.name, x.suffix());
        let bar = Bar::new(lengths, rows)
            .name(name)
            .orientation(Orientation::Horizontal)
            .hover_template(format!(
                "%{{y}}<br>{name}: %{{x:.4~g}}{suffix}<extra></extra>"
            ))
            .marker(Marker::new().color(self.ink(hue).word()));
        match self.labels.is_empty() {
            true => bar,
            // Where they do not fit inside they stand behind the bar.
            false => bar
                .text_array(self.labels.clone())
                .text_position(TextPosition::Auto)
                .text_angle(0.0)
                .clip_on_axis(false),
        }
    }

    /// A bar that cannot be seen carries each that can.
    fn spans_of(&self, spans: &[Span], hue: Hue, x: &Axis) -> Traces {
        let rows: Vec<String> = spans.iter().map(|span| span.row.clone()).collect();
        let starts: Vec<f64> = spans.iter().map(|span| span.from).collect();
        let lengths: Vec<f64> = spans.iter().map(|span| span.to - span.from).collect();
        let (name, suffix) = (&self.name, x.suffix());
        let unseen = Bar::new(starts, rows.clone())
            .orientation(Orientation::Horizontal)
            .hover_info(HoverInfo::Skip)
            .show_legend(false)
            .marker(Marker::new().color(Themed::Nothing.word()));
        let seen = Bar::new(lengths, rows)
            .name(name)
            .orientation(Orientation::Horizontal)
            .hover_template(format!("%{{y}}: %{{x:.4~g}}{suffix}<extra>{name}</extra>"))
            .marker(Marker::new().color(Themed::Hue(hue).word()));
        vec![unseen, seen]
    }
}
