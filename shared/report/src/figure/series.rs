use super::literal;
use super::statistics::{Bins, cumulative};
use crate::Hue;

/// Points, lines or bars under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) hue: Option<Hue>,
    pub(super) labels: Vec<String>,
    /// Below and above each value, as lengths.
    pub(super) intervals: Vec<(f64, f64)>,
    /// The series whose entry in the legend shows and hides this one too.
    pub(super) companion_of: Option<String>,
    pub(super) role: Role,
}

/// The role of a series in its figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// A subject of the figure.
    #[default]
    Subject,
    /// A bound of the subjects.
    Bound,
    /// A guide for comparison with the subjects.
    Guide,
}

/// A bar from one value to another, in a row of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The row.
    pub row: String,
    /// The value at which the bar begins.
    pub from: f64,
    /// The value at which the bar ends.
    pub to: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Line {
        points: Vec<(f64, f64)>,
        stepped: bool,
        markers: bool,
    },
    Scatter {
        points: Vec<(f64, f64)>,
        large: bool,
    },
    Histogram(Bins),
    Bars(Vec<(String, f64)>),
    Spans(Vec<Span>),
}

impl Series {
    /// Points joined by a line. A value that is not finite is a gap.
    #[must_use]
    pub fn line(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::path(name, points, false)
    }

    /// A value that holds until the next point.
    #[must_use]
    pub fn steps(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::path(name, points, true)
    }

    /// Points alone.
    #[must_use]
    pub fn scatter(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(short_pair).collect();
        let large = false;
        Self::new(name, Shape::Scatter { points, large })
    }

    /// A few points that matter, drawn large.
    #[must_use]
    pub fn spots(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(short_pair).collect();
        let large = true;
        Self::new(name, Shape::Scatter { points, large })
    }

    /// The empirical distribution function: at a value, the share in % of samples up to it.
    /// Samples that are not finite are left out.
    #[must_use]
    pub fn cdf(name: &str, samples: impl IntoIterator<Item = f64>) -> Self {
        Self::path(name, cumulative(samples), true)
    }

    /// The number of samples in each of `bins` equal parts of `range`; the upper end belongs to the
    /// last part. Samples that are outside the range or not finite are left out.
    #[must_use]
    pub fn histogram(
        name: &str,
        samples: impl IntoIterator<Item = f64>,
        range: (f64, f64),
        bins: usize,
    ) -> Self {
        Self::new(name, Shape::Histogram(Bins::of(samples, range, bins)))
    }

    /// A level bar for each category; bars of several series in one category are stacked.
    #[must_use]
    pub fn bars<'a>(name: &str, values: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let values = values.into_iter();
        let values = values.map(|(row, value)| (literal(row), short(value)));
        Self::new(name, Shape::Bars(values.collect()))
    }

    /// Level bars from one value to another, as the stages of something that takes time.
    #[must_use]
    pub fn spans(name: &str, spans: impl IntoIterator<Item = Span>) -> Self {
        let spans = spans.into_iter().map(|span| Span {
            row: literal(&span.row),
            from: short(span.from),
            to: short(span.to),
        });
        Self::new(name, Shape::Spans(spans.collect()))
    }

    /// The colour, and with it dash and symbol; one hue for one thing on the whole page.
    #[must_use]
    pub const fn hue(mut self, hue: Hue) -> Self {
        self.hue = Some(hue);
        self
    }

    /// A symbol at each point of a line.
    #[must_use]
    pub fn with_markers(mut self) -> Self {
        if let Shape::Line { markers, .. } = &mut self.shape {
            *markers = true;
        }
        self
    }

    /// Makes this series a bound of the others: its marks are drawn in outline and its lines
    /// dotted, in the colour of text.
    #[must_use]
    pub const fn bound(mut self) -> Self {
        self.role = Role::Bound;
        self
    }

    /// Makes this series a guide that the others are compared with, such as a front along them: it
    /// is drawn thin and pale, as a solid line if it is stepped and dotted otherwise.
    #[must_use]
    pub const fn guide(mut self) -> Self {
        self.role = Role::Guide;
        self
    }

    /// Sets a label for each point, in the order of the points. Labels appear when a reader points
    /// at a point; those of bars are written on the bars.
    #[must_use]
    pub fn labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.labels = labels.into_iter().map(|label| literal(&label)).collect();
        self
    }

    /// An interval around each value, from its low to its high end, in the order of the points.
    #[must_use]
    pub fn intervals(mut self, ends: impl IntoIterator<Item = (f64, f64)>) -> Self {
        if let Shape::Line { points, .. } | Shape::Scatter { points, .. } = &self.shape {
            let lengths = ends
                .into_iter()
                .zip(points)
                .map(|((low, high), (_, value))| {
                    (
                        short((value - low).max(0.0)),
                        short((high - value).max(0.0)),
                    )
                });
            self.intervals = lengths.collect();
        }
        self
    }

    /// Has no entry of its own in the legend: that of the series called `name` counts for both.
    #[must_use]
    pub fn companion_of(mut self, name: &str) -> Self {
        self.companion_of = Some(literal(name));
        self
    }

    pub(super) fn or_hue(mut self, number: usize) -> Self {
        self.hue = self.hue.or(Some(Hue(number)));
        self
    }

    /// The positions of the points of a line or scatter; empty for bars.
    pub(super) fn positions(&self) -> &[(f64, f64)] {
        match &self.shape {
            Shape::Line { points, .. } | Shape::Scatter { points, .. } => points,
            Shape::Histogram(_) | Shape::Bars(_) | Shape::Spans(_) => &[],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Line { points, .. } | Shape::Scatter { points, .. } => points.is_empty(),
            Shape::Histogram(bins) => bins.counts.iter().all(|count| *count == 0),
            Shape::Bars(values) => values.is_empty(),
            Shape::Spans(spans) => spans.is_empty(),
        }
    }

    fn path(name: &str, points: impl IntoIterator<Item = (f64, f64)>, stepped: bool) -> Self {
        let points = points.into_iter().map(short_pair).collect();
        let markers = false;
        Self::new(
            name,
            Shape::Line {
                points,
                stepped,
                markers,
            },
        )
    }

    fn new(name: &str, shape: Shape) -> Self {
        Self {
            name: literal(name),
            shape,
            hue: None,
            labels: Vec::new(),
            intervals: Vec::new(),
            companion_of: None,
            role: Role::Subject,
        }
    }
}

fn short_pair((x, y): (f64, f64)) -> (f64, f64) {
    (short(x), short(y))
}

/// Six significant digits: more than a screen has pixels, and a third of the bytes.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_six_digits() {
        assert_eq!(short(0.123_456_789), 0.123_457);
        assert_eq!(short(-98_765_432.1), -98_765_400.0);
        assert_eq!(short(0.0), 0.0);
        assert!(short(f64::NAN).is_nan());
        assert_eq!(short(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn intervals_are_lengths_from_the_value() {
        let series = Series::spots("s", [(1.0, 5.0)]).intervals([(4.0, 7.5)]);
        assert_eq!(series.intervals, [(1.0, 2.5)]);
    }
}
