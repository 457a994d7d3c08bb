/// A way to draw a curve through points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Monotone between the points: Fritsch and Butland, "A method for constructing local monotone piecewise cubic
    /// interpolants" (1984), as in JCT-VC's later spreadsheets and VCEG-AL22.
    Pchip,
    /// Smoother, and not monotone everywhere: Akima, "A new method of interpolation and smooth curve fitting"
    /// (1970), which overshoots less than one cubic through all points (Herglotz et al., "Beyond
    /// Bjøntegaard", 2022).
    Akima,
}

impl Interpolation {
    /// Derivatives at points of strictly ascending `x`, two at least.
    pub(super) fn slopes(self, x: &[f64], y: &[f64]) -> Vec<f64> {
        let differences = |values: &[f64]| -> Vec<f64> {
            values.windows(2).map(|pair| pair[1] - pair[0]).collect()
        };
        let widths = differences(x);
        let secants: Vec<f64> = differences(y)
            .iter()
            .zip(&widths)
            .map(|(rise, width)| rise / width)
            .collect();
        match (self, secants.as_slice()) {
            (_, &[only]) => vec![only; 2],
            (Self::Pchip, secants) => pchip(&widths, secants),
            (Self::Akima, secants) => akima(secants),
        }
    }
}

/// Fritsch and Butland's derivatives: weighted harmonic means inside, three-point ends that keep the
/// shape (as `pchip` of Matlab and SciPy).
fn pchip(widths: &[f64], secants: &[f64]) -> Vec<f64> {
    let last = secants.len() - 1;
    let inner = (0..last).map(|left| {
        let [h0, h1] = [widths[left], widths[left + 1]];
        let [d0, d1] = [secants[left], secants[left + 1]];
        if d0 * d1 <= 0.0 {
            return 0.0;
        }
        let (w0, w1) = (2.0 * h1 + h0, h1 + 2.0 * h0);
        (w0 + w1) / (w0 / d0 + w1 / d1)
    });
    let start = end_slope([widths[0], widths[1]], [secants[0], secants[1]]);
    let end = end_slope(
        [widths[last], widths[last - 1]],
        [secants[last], secants[last - 1]],
    );
    std::iter::once(start)
        .chain(inner)
        .chain(std::iter::once(end))
        .collect()
}

/// The one-sided derivative at an end; index 0 is the piece at the end, 1 the next.
fn end_slope([h0, h1]: [f64; 2], [d0, d1]: [f64; 2]) -> f64 {
    let slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    if slope * d0 <= 0.0 {
        0.0
    } else if d0 * d1 <= 0.0 && slope.abs() > 3.0 * d0.abs() {
        3.0 * d0
    } else {
        slope
    }
}

/// The share of the greatest sum of two weights at or below which a sum counts as zero: the weights then say
/// nothing about the slope.
const NO_WEIGHT: f64 = 1e-9;

/// Akima's derivatives: a weighted mean of the secants on either side of a point. A secant weighs more the less
/// it differs from the next one beyond it. The curve is extended at either end as a parabola (Akima 1970,
/// §2.3).
fn akima(secants: &[f64]) -> Vec<f64> {
    let last = secants.len() - 1;
    let left = 2.0 * secants[0] - secants[1];
    let right = 2.0 * secants[last] - secants[last - 1];
    let beyond = [2.0 * left - secants[0], left];
    let m: Vec<f64> = beyond
        .into_iter()
        .chain(secants.iter().copied())
        .chain([right, 2.0 * right - secants[last]])
        .collect();
    let weights = |m: &[f64]| [(m[3] - m[2]).abs(), (m[1] - m[0]).abs()];
    let sums = m.windows(4).map(|m| weights(m).iter().sum::<f64>());
    let least = NO_WEIGHT * sums.fold(0.0, f64::max);
    let slope = |m: &[f64]| {
        let [after, before] = weights(m);
        if after + before > least {
            m[1] + before / (after + before) * (m[2] - m[1])
        } else {
            // The straight lines on either side meet in a corner.
            f64::midpoint(m[0], m[3])
        }
    };
    m.windows(4).map(slope).collect()
}
