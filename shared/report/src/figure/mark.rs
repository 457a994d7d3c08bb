use super::literal;

/// A line across a plot at one value, with a word beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub(super) value: f64,
    pub(super) label: String,
    pub(super) vertical: bool,
}

/// A plot divided in four by a value of each axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadrants {
    /// Position of the vertical line on the horizontal axis.
    pub x: f64,
    /// Position of the horizontal line on the vertical axis.
    pub y: f64,
    /// The names of the corners: top left, top right, bottom left, bottom right. A name
    /// may have several lines.
    pub names: [String; 4],
    /// The corner that is worth a warning, which is tinted.
    pub alarming: Option<Corner>,
}

/// A corner of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// Small horizontal, large vertical values.
    TopLeft,
    /// Large values.
    TopRight,
    /// Small values.
    BottomLeft,
    /// Large horizontal, small vertical values.
    BottomRight,
}

impl Mark {
    /// An upright line at a value of the horizontal axis.
    #[must_use]
    pub fn vertical(value: f64, label: &str) -> Self {
        Self {
            value,
            label: literal(label),
            vertical: true,
        }
    }

    /// A level line at a value of the vertical axis.
    #[must_use]
    pub fn horizontal(value: f64, label: &str) -> Self {
        Self {
            vertical: false,
            ..Self::vertical(value, label)
        }
    }
}
