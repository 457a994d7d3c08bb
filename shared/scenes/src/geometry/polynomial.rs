//! The smallest root of a polynomial within a bracket.

/// Bisections and Newton steps at most per root.
const STEPS: usize = 60;

/// `Σ coefficients[i] xⁱ`.
fn evaluate(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// The root between `low` and `high`, where the polynomial changes sign:
/// Newton's method that falls back to halving the bracket.
fn refine(coefficients: &[f64], slope: &[f64], mut low: f64, mut high: f64) -> f64 {
    let rising = evaluate(coefficients, low) < 0.0;
    let mut x = 0.5 * (low + high);
    for _ in 0..STEPS {
        let value = evaluate(coefficients, x);
        if (value < 0.0) == rising {
            low = x;
        } else {
            high = x;
        }
        let newton = x - value / evaluate(slope, x);
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - x).abs() < 1e-9 {
            return next;
        }
        x = next;
    }
    x
}

/// The smallest root of a quartic within `low..high` where it changes sign. The
/// quartic's stationary points split the bracket into monotone pieces; they
/// are found the same way, down to a quadratic.
pub(super) fn first_quartic_root(c: [f64; 5], low: f64, high: f64) -> Option<f64> {
    let d1 = [c[1], 2.0 * c[2], 3.0 * c[3], 4.0 * c[4]];
    let d2 = [d1[1], 2.0 * d1[2], 3.0 * d1[3]];
    let d3 = [d2[1], 2.0 * d2[2]];
    let d4 = [d3[1]];
    let line = monotone_roots::<1>(&d3, &d4, &[], low, high);
    let parabola = monotone_roots::<2>(&d2, &d3, line.as_slice(), low, high);
    let cubic = monotone_roots::<3>(&d1, &d2, parabola.as_slice(), low, high);
    let first = monotone_roots::<1>(&c, &d1, cubic.as_slice(), low, high);
    first.as_slice().first().copied()
}

/// The first `N` roots, ascending.
struct Roots<const N: usize> {
    values: [f64; N],
    count: usize,
}

impl<const N: usize> Roots<N> {
    fn as_slice(&self) -> &[f64] {
        &self.values[..self.count]
    }
}

/// The first `N` roots in `low..high` of a polynomial that is monotone between `turns`.
fn monotone_roots<const N: usize>(
    coefficients: &[f64],
    slope: &[f64],
    turns: &[f64],
    low: f64,
    high: f64,
) -> Roots<N> {
    let mut roots = Roots {
        values: [0.0; N],
        count: 0,
    };
    let mut from = low;
    let mut value = evaluate(coefficients, from);
    for &to in turns.iter().chain(std::iter::once(&high)) {
        if roots.count == N {
            break;
        }
        let next = evaluate(coefficients, to);
        if (value < 0.0) != (next < 0.0) {
            roots.values[roots.count] = refine(coefficients, slope, from, to);
            roots.count += 1;
        }
        (from, value) = (to, next);
    }
    roots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `(x - a)(x - b)(x² + p)`: two real roots for positive `p`.
    fn quartic(a: f64, b: f64, p: f64) -> [f64; 5] {
        [p * a * b, -p * (a + b), p + a * b, -(a + b), 1.0]
    }

    proptest! {
        #[test]
        fn finds_the_smaller_of_two_roots(a in 0.01_f64..0.99, gap in 0.01_f64..1.0, p in 0.01_f64..9.0) {
            let root = first_quartic_root(quartic(a, a + gap, p), 0.0, 2.0);
            prop_assert!((root.expect("a root") - a).abs() < 1e-7);
        }

        #[test]
        fn finds_the_smallest_of_four_roots(
            a in 0.01_f64..0.5, b in 0.01_f64..0.4, c in 0.01_f64..0.4, d in 0.01_f64..0.4,
        ) {
            // (x² - s x + m)(x² - u x + n), roots a < a+b < a+b+c < a+b+c+d.
            let (r2, r3, r4) = (a + b, a + b + c, a + b + c + d);
            let (s, m, u, n) = (a + r2, a * r2, r3 + r4, r3 * r4);
            let c = [m * n, -(s * n + m * u), m + n + s * u, -(s + u), 1.0];
            let root = first_quartic_root(c, 0.0, 2.0).expect("a root");
            prop_assert!((root - a).abs() < 1e-6, "{root} for {a}");
        }
    }

    #[test]
    fn no_sign_change_is_no_root() {
        assert_eq!(
            first_quartic_root([1.0, 0.0, 1.0, 0.0, 1.0], 0.0, 5.0),
            None
        );
        assert_eq!(first_quartic_root(quartic(3.0, 4.0, 1.0), 0.0, 2.0), None);
    }
}
