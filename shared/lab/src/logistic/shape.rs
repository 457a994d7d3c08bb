use super::points::Points;

/// The two parameters of a curve that are not linear, on the standardised axis.
///
/// s(z) = 1 / (exp(−τ) + bend), τ = (z − anchor)/width. With a bend of one it is the logistic function about
/// the anchor. Of a curve whose centre lies outside of all scores only a tail is seen: the anchor is then the score
/// next to the centre, the width points away from the others, and the bend says how far the tail is
/// from an exponential, which it is at zero. The levels make up for any factor of s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    chart: Chart,
    anchor: f64,
    bend: f64,
    width: f64,
}

/// The parameter that is fitted along with the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chart {
    /// The anchor.
    Centre,
    /// The bend.
    Tail,
}

/// s and its derivatives by the chart's parameter and by the logarithm of the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slopes {
    pub(super) s: f64,
    pub(super) by_first: f64,
    pub(super) by_log_width: f64,
}

/// The narrowest curve and the widest, in standard deviations of the scores.
const WIDTHS: (f64, f64) = (1e-15, 1e5);
/// A centre as many widths outside the scores makes a curve a tail.
const OUTSIDE: f64 = 3.0;
/// A tail of a greater bend, whose centre is two widths outside, is a curve about a centre again.
const MOST_BEND: f64 = 0.135;

impl Shape {
    /// The logistic function about a centre; the width is greater than 0.
    pub(super) const fn centred(centre: f64, width: f64) -> Self {
        Self {
            chart: Chart::Centre,
            anchor: centre,
            bend: 1.0,
            width,
        }
    }

    /// The point at which the logistic function is one half.
    pub(super) fn centre(&self) -> f64 {
        self.anchor - self.width * self.bend.ln()
    }

    /// s at a score.
    pub(super) fn at(self, z: f64) -> f64 {
        1.0 / ((-self.distance(z)).exp() + self.bend)
    }

    pub(super) fn slopes(self, z: f64) -> Slopes {
        let s = self.at(z);
        let by_distance = s * (1.0 - self.bend * s);
        Slopes {
            s,
            by_first: match self.chart {
                Chart::Centre => -by_distance / self.width,
                Chart::Tail => -s * s,
            },
            by_log_width: -by_distance * self.distance(z),
        }
    }

    /// τ.
    fn distance(self, z: f64) -> f64 {
        (z - self.anchor) / self.width
    }

    /// Returns `true` if the shape is an exponential and a step of `first` would bend it the other
    /// way.
    pub(super) fn is_bound(self, first: f64) -> bool {
        self.chart == Chart::Tail && self.bend == 0.0 && first < 0.0
    }

    /// The shape with both parameters changed, kept within their bounds.
    pub(super) fn moved(self, [first, log_width]: [f64; 2], points: &Points) -> Self {
        let width = self.width.abs() * log_width.exp();
        let width = width.clamp(WIDTHS.0, WIDTHS.1).copysign(self.width);
        let moved = match self.chart {
            Chart::Centre => Self {
                anchor: self.anchor + first,
                width,
                ..self
            },
            Chart::Tail => Self {
                bend: (self.bend + first).max(0.0),
                width,
                ..self
            },
        };
        moved.charted(points)
    }

    /// The same curve in the chart that suits it.
    pub(super) fn charted(self, points: &Points) -> Self {
        let (least, greatest) = points.ends();
        let width = self.width.abs();
        let tail = |anchor: f64, width: f64| Self {
            chart: Chart::Tail,
            anchor,
            bend: ((anchor - self.anchor) / width).exp(),
            width,
        };
        match self.chart {
            Chart::Centre if self.anchor > greatest + OUTSIDE * width => tail(greatest, width),
            Chart::Centre if self.anchor < least - OUTSIDE * width => tail(least, -width),
            Chart::Tail if self.bend > MOST_BEND => Self::centred(self.centre(), width),
            Chart::Centre | Chart::Tail => self,
        }
    }
}
