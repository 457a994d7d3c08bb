//! Interactive plots.

mod axis;
mod layout;
mod mark;
mod series;
mod statistics;
mod traces;

pub use axis::Axis;
pub use mark::{Corner, Mark, Quadrants};
pub use series::{Series, Span};

/// A plot with a title, and what it shows in words for those who cannot see it.
#[derive(Debug, Clone)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) note: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    marks: Vec<Mark>,
    quadrants: Option<Quadrants>,
    pub(crate) height_px: u32,
}

impl Figure {
    /// An empty figure.
    #[must_use]
    pub fn new(title: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            note: String::new(),
            x: Axis::new("", ""),
            y: Axis::new("", ""),
            series: Vec::new(),
            marks: Vec::new(),
            quadrants: None,
            height_px: 340,
        }
    }

    /// Sets the note under the title, such as the mode or the split that is shown.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The horizontal axis.
    #[must_use]
    pub fn x(mut self, axis: Axis) -> Self {
        self.x = axis;
        self
    }

    /// The vertical axis.
    #[must_use]
    pub fn y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// Adds a series. Unless it has a hue, it gets the number of series before it.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        let next = self.series.len();
        self.series.push(series.or_hue(next));
        self
    }

    /// Adds several series.
    #[must_use]
    pub fn all_series(self, series: impl IntoIterator<Item = Series>) -> Self {
        series.into_iter().fold(self, Self::series)
    }

    /// Adds a line across the plot.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Divides the plot in four.
    #[must_use]
    pub fn quadrants(mut self, quadrants: Quadrants) -> Self {
        self.quadrants = Some(quadrants);
        self
    }

    /// Height on a wide screen in CSS pixels, 340 unless set.
    #[must_use]
    pub fn height(mut self, px: u32) -> Self {
        self.height_px = px;
        self
    }

    /// Returns `true` if nothing would be drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(Series::is_empty)
    }

    /// The input of plotly.js, `[data, layout]`, safe inside an HTML script element.
    pub(crate) fn json(&self) -> String {
        let traces = self.series.iter();
        let traces = traces.flat_map(|series| series.traces(&self.x, &self.y));
        let traces: Vec<Box<dyn plotly::Trace>> = traces.collect();
        serde_json::to_string(&(traces, self.layout()))
            .map(|pair| pair.replace('<', "\\u003c"))
            .expect("traces and layouts are maps with text keys, and NaN becomes null")
    }
}

/// Text as plotly.js shows it literally: it takes some HTML in names and labels.
fn literal(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Hue;

    fn drawn(figure: &Figure) -> Value {
        serde_json::from_str(&figure.json()).unwrap()
    }

    #[test]
    fn a_line_has_its_points_and_names_its_axes() {
        let figure = Figure::new("t", "d")
            .x(Axis::new("rate", "BPFP").log())
            .y(Axis::new("distortion", "m"))
            .series(Series::line(
                "hevc",
                [(0.1, 2.0), (1.0, f64::NAN), (10.0, 1.0)],
            ));
        let drawn = drawn(&figure);
        assert_eq!(drawn[0][0]["x"], serde_json::json!([0.1, 1.0, 10.0]));
        // A gap, not a zero.
        assert_eq!(drawn[0][0]["y"], serde_json::json!([2.0, null, 1.0]));
        assert_eq!(drawn[0][0]["line"]["color"], "theme:hue-0");
        assert_eq!(drawn[1]["xaxis"]["type"], "log");
        assert_eq!(drawn[1]["xaxis"]["title"]["text"], "rate (BPFP)");
        assert_eq!(drawn[1]["yaxis"]["title"]["text"], "distortion (m)");
    }

    #[test]
    fn nothing_in_a_figure_ends_its_script_element() {
        let figure = Figure::new("t", "d").series(Series::scatter("</script><b>", [(1.0, 1.0)]));
        let json = figure.json();
        assert!(!json.contains('<'), "{json}");
        assert_eq!(drawn(&figure)[0][0]["name"], "&lt;/script&gt;&lt;b&gt;");
    }

    #[test]
    fn series_take_the_next_hue_unless_they_have_one() {
        let figure = Figure::new("t", "d")
            .series(Series::scatter("a", [(1.0, 1.0)]).hue(Hue(3)))
            .series(Series::scatter("b", [(1.0, 1.0)]));
        let drawn = drawn(&figure);
        assert_eq!(drawn[0][0]["marker"]["color"], "theme:hue-3");
        assert_eq!(drawn[0][1]["marker"]["color"], "theme:hue-1");
    }

    #[test]
    fn bounds_and_guides_have_no_hue() {
        let figure = Figure::new("t", "d")
            .series(Series::spots("a", [(1.0, 1.0)]).hue(Hue(3)).bound())
            .series(Series::line("b", [(1.0, 1.0)]).bound())
            .series(Series::steps("c", [(1.0, 1.0)]).guide());
        let drawn = drawn(&figure);
        let [spot, bound, guide] = [0, 1, 2].map(|series| &drawn[0][series]);
        assert_eq!(spot["marker"]["symbol"], "triangle-up-open");
        assert_eq!(spot["marker"]["color"], "theme:ink");
        assert_eq!(bound["line"]["dash"], "dot");
        assert_eq!(bound["line"]["color"], "theme:ink");
        assert_eq!(guide["line"]["dash"], "solid");
        assert_eq!(guide["line"]["color"], "theme:soft");
    }

    #[test]
    fn labels_of_bars_are_written_on_them() {
        let bars = Series::bars("s", [("a", 1.0), ("b", 2.0)]);
        let labels = ["1 <kB>", "2 kB"].map(str::to_owned);
        let with = drawn(&Figure::new("t", "d").series(bars.clone().labels(labels)));
        assert_eq!(
            with[0][0]["text"],
            serde_json::json!(["1 &lt;kB&gt;", "2 kB"])
        );
        let without = drawn(&Figure::new("t", "d").series(bars));
        assert!(without[0][0]["text"].is_null());
    }

    #[test]
    fn quadrants_cross_at_their_limits_also_on_a_logarithmic_axis() {
        let quadrants = Quadrants {
            x: 0.1,
            y: 2.0,
            names: ["a", "b", "c", "d"].map(str::to_owned),
            alarming: Some(Corner::TopRight),
        };
        let figure = Figure::new("t", "d")
            .x(Axis::new("x", "").log())
            .series(Series::scatter("s", [(0.01, 1.0)]))
            .quadrants(quadrants);
        let layout = drawn(&figure)[1].clone();
        let [tint, upright, level] = [0, 1, 2].map(|shape| &layout["shapes"][shape]);
        assert_eq!((&upright["x0"], &level["y0"]), (&0.1.into(), &2.0.into()));
        assert_eq!((&tint["x0"], &tint["y0"]), (&0.1.into(), &2.0.into()));
        // The names stand where no point is: from 0.01 to 0.1 is one decade, padded.
        let range = |axis: &str, end: usize| layout[axis]["range"][end].as_f64().unwrap();
        assert!((range("xaxis", 0) + 2.04).abs() < 1e-9, "{layout}");
        assert!((range("yaxis", 1) - 2.22).abs() < 1e-9, "{layout}");
        assert_eq!(layout["annotations"].as_array().unwrap().len(), 4);
    }
}
