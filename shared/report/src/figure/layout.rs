//! The conversion of axes and marks to plotly.js' layout.

use plotly::Layout;
use plotly::common::{Anchor, DashType, Font};
use plotly::layout::{
    Annotation, BarMode, HoverMode, Margin, Shape, ShapeLayer, ShapeLine, ShapeType,
};

use super::series::Shape as SeriesShape;
use super::{Axis, Corner, Figure, Mark, Quadrants, Series};
use crate::palette::Themed;

impl Figure {
    pub(super) fn layout(&self) -> Layout {
        let quadrants = self.quadrants.iter();
        let tints = quadrants
            .clone()
            .filter_map(|them| them.tint(&self.x, &self.y));
        let lines = self.marks.iter().map(line);
        let crossing = quadrants.clone().flat_map(Quadrants::marks);
        let lines = lines.chain(crossing.map(|mark| line(&mark)));
        let shapes = tints.chain(lines).collect();
        let words = self.marks.iter().map(|mark| word(mark, &self.x, &self.y));
        let corners = quadrants.flat_map(Quadrants::corners);
        Layout::new()
            .x_axis(self.roomy(&self.x, 0.04, |(x, _)| x).drawn())
            .y_axis(self.roomy(&self.y, 0.22, |(_, y)| y).drawn())
            .shapes(shapes)
            .annotations(words.chain(corners).collect())
            .bar_mode(self.bar_mode())
            .hover_mode(HoverMode::Closest)
            .show_legend(false)
            .margin(Margin::new().left(56).right(14).top(22).bottom(48))
    }

    /// The axis; under quadrants with such a share of its length free at both ends, where their
    /// names stand.
    fn roomy(&self, axis: &Axis, share: f64, of: fn((f64, f64)) -> f64) -> Axis {
        let Some(quadrants) = &self.quadrants else {
            return axis.clone();
        };
        let points = self.series.iter().flat_map(Series::positions).copied();
        let values = points.map(of).chain([of((quadrants.x, quadrants.y))]);
        axis.clone().with_room(values, share)
    }

    fn bar_mode(&self) -> BarMode {
        let counts = |series: &Series| matches!(series.shape, SeriesShape::Histogram(_));
        match self.series.iter().any(counts) {
            true => BarMode::Overlay,
            false => BarMode::Stack,
        }
    }
}

impl Quadrants {
    /// The background of the alarming corner, far beyond what is shown.
    fn tint(&self, x: &Axis, y: &Axis) -> Option<Shape> {
        let corner = self.alarming?;
        let to_right = matches!(corner, Corner::TopRight | Corner::BottomRight);
        let upwards = matches!(corner, Corner::TopLeft | Corner::TopRight);
        let tint = Shape::new()
            .shape_type(ShapeType::Rect)
            .layer(ShapeLayer::Below)
            .fill_color(Themed::Warn.word())
            .line(ShapeLine::new().width(0.0));
        let tint = tint.x_ref("x").x0(self.x).x1(x.beyond(self.x, to_right));
        Some(tint.y_ref("y").y0(self.y).y1(y.beyond(self.y, upwards)))
    }

    fn marks(&self) -> [Mark; 2] {
        [Mark::vertical(self.x, ""), Mark::horizontal(self.y, "")]
    }

    fn corners(&self) -> impl Iterator<Item = Annotation> + '_ {
        let places = [
            (0.0, 1.0, Anchor::Left, Anchor::Top),
            (1.0, 1.0, Anchor::Right, Anchor::Top),
            (0.0, 0.0, Anchor::Left, Anchor::Bottom),
            (1.0, 0.0, Anchor::Right, Anchor::Bottom),
        ];
        self.names
            .iter()
            .zip(places)
            .map(|(name, (x, y, x_anchor, y_anchor))| {
                words(&super::literal(name).replace('\n', "<br>"))
                    .x_ref("paper")
                    .y_ref("paper")
                    .x(x)
                    .y(y)
                    .x_anchor(x_anchor)
                    .y_anchor(y_anchor)
            })
    }
}

/// Shapes count logarithmic axes by values.
fn line(mark: &Mark) -> Shape {
    let look = ShapeLine::new()
        .color(Themed::Ink.word())
        .width(1.2)
        .dash(DashType::Dash);
    let shape = Shape::new()
        .shape_type(ShapeType::Line)
        .layer(ShapeLayer::Above)
        .opacity(0.75)
        .line(look);
    if mark.vertical {
        let upright = shape.x_ref("x").x0(mark.value).x1(mark.value);
        upright.y_ref("paper").y0(0.0).y1(1.0)
    } else {
        let level = shape.y_ref("y").y0(mark.value).y1(mark.value);
        level.x_ref("paper").x0(0.0).x1(1.0)
    }
}

/// The mark's label: beside the top of an upright line, above the right end of a level one.
fn word(mark: &Mark, x: &Axis, y: &Axis) -> Annotation {
    let label = words(&mark.label);
    if mark.vertical {
        let at = label.x_ref("x").x(x.position(mark.value));
        at.y_ref("paper")
            .y(1.0)
            .x_anchor(Anchor::Center)
            .y_anchor(Anchor::Bottom)
    } else {
        let at = label.y_ref("y").y(y.position(mark.value));
        at.x_ref("paper")
            .x(1.0)
            .x_anchor(Anchor::Right)
            .y_anchor(Anchor::Bottom)
    }
}

fn words(text: &str) -> Annotation {
    Annotation::new()
        .text(text)
        .show_arrow(false)
        .font(Font::new().size(12).color(Themed::Ink.word()))
        .background_color(Themed::Veil.word())
        .border_pad(2.0)
}
