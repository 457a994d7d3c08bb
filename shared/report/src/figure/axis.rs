use plotly::common::TickMode;
use plotly::layout::{Axis as PlotAxis, AxisRange, AxisType, CategoryOrder, RangeMode};

/// An axis: what is measured, in which unit, and how it is spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub(super) label: String,
    pub(super) unit: String,
    log: bool,
    from_zero: bool,
    rows: Vec<String>,
    names: Vec<String>,
    range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis of `label`, in `unit`, which may be empty.
    #[must_use]
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            unit: unit.into(),
            log: false,
            from_zero: false,
            rows: Vec::new(),
            names: Vec::new(),
            range: None,
        }
    }

    /// Spread by the logarithm; values up to 0 are not shown.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }

    /// Shows 0 whatever the values are.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// Rows of a chart with level bars, from top to bottom.
    #[must_use]
    pub fn rows<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.rows = names.into_iter().map(super::literal).collect();
        self
    }

    /// Names in place of the numbers 0, 1, 2 and so on: values that have no order in size.
    #[must_use]
    pub fn names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.names = names.into_iter().map(super::literal).collect();
        self.range = Some((-0.5, self.names.len() as f64 - 0.5));
        self
    }

    /// Shows this range whatever the values are.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// `label (unit)`.
    pub(super) fn title(&self) -> String {
        match self.unit.is_empty() {
            true => super::literal(&self.label),
            false => super::literal(&format!("{} ({})", self.label, self.unit)),
        }
    }

    /// ` unit`, to follow a value.
    pub(super) fn suffix(&self) -> String {
        match self.unit.is_empty() {
            true => String::new(),
            false => super::literal(&format!(" {}", self.unit)),
        }
    }

    /// A position on the axis as annotations count it: logarithmic axes by exponents.
    pub(super) fn position(&self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }

    /// Shows all values, and so much of the axis' length free at both ends; unless it has a range.
    pub(super) fn with_room(mut self, values: impl Iterator<Item = f64>, share: f64) -> Self {
        let values = values.filter(|value| value.is_finite() && (!self.log || *value > 0.0));
        let shown = values.map(|value| self.position(value));
        let ends = shown.fold(None, |ends: Option<(f64, f64)>, at| {
            Some(ends.map_or((at, at), |(low, high)| (low.min(at), high.max(at))))
        });
        if let (None, Some((low, high))) = (self.range, ends) {
            let room = ((high - low) * share).max(1e-9);
            self.range = Some((self.value(low - room), self.value(high + room)));
        }
        self
    }

    /// A value far above or below another one, farther than a plot shows.
    pub(super) fn beyond(&self, value: f64, above: bool) -> f64 {
        let far = if self.log {
            12.0
        } else {
            1e6 * value.abs().max(1.0)
        };
        self.value(self.position(value) + if above { far } else { -far })
    }

    /// The inverse of [`Axis::position`].
    fn value(&self, position: f64) -> f64 {
        if self.log {
            10_f64.powf(position)
        } else {
            position
        }
    }

    pub(super) fn drawn(&self) -> PlotAxis {
        let mut axis = PlotAxis::new().title(self.title()).auto_margin(true);
        if self.log {
            axis = axis.type_(AxisType::Log);
        }
        if self.from_zero {
            axis = axis.range_mode(RangeMode::ToZero);
        }
        if let Some((low, high)) = self.range {
            let (low, high) = (self.position(low), self.position(high));
            axis = axis.range(AxisRange::new(low, high));
        }
        if !self.names.is_empty() {
            axis = axis
                .tick_mode(TickMode::Array)
                .tick_values((0..self.names.len()).map(|at| at as f64).collect())
                .tick_text(self.names.clone());
        }
        if !self.rows.is_empty() {
            // plotly.js counts from the bottom.
            let upwards: Vec<String> = self.rows.iter().rev().cloned().collect();
            axis = axis
                .category_order(CategoryOrder::Array)
                .category_array(upwards);
        }
        axis
    }
}
