//! Levenberg and Marquardt's descent over the shapes of a curve.

use super::points::Points;
use super::projection::{Linearised, Projection};
use super::shape::Shape;

const MAX_ITERATIONS: usize = 300;
/// Iterations after which only the best descents continue.
const FIRST_ITERATIONS: usize = 8;
/// The number of descents that continue after those iterations.
const BEST: usize = 8;
/// A step that improves the error by a smaller share than this counts as none; a few of them end a descent.
const CONVERGED: f64 = 1e-12;
const PATIENCE: usize = 4;
/// Damping at the start, and beyond which no step helps any more.
const FIRST_DAMPING: f64 = 1e-3;
const MAX_DAMPING: f64 = 1e12;
/// The most by which the logarithm of the width changes at once.
const MAX_LOG_STEP: f64 = 1.5;

/// The nearest curve that is reached from any of the starts.
pub(super) fn nearest(points: &Points, starts: Vec<Shape>) -> Projection {
    let begun = starts.into_iter().map(|shape| {
        let mut descent = Descent::new(points, shape);
        descent.go(FIRST_ITERATIONS);
        descent
    });
    let mut begun: Vec<Descent<'_>> = begun.collect();
    begun.sort_by(|a, b| a.at.error.total_cmp(&b.at.error));
    begun.dedup_by(|a, b| a.at == b.at);
    let ended = begun.into_iter().take(BEST).map(|mut descent| {
        descent.go(MAX_ITERATIONS);
        descent.at
    });
    let best = ended.min_by(|a, b| a.error.total_cmp(&b.error));
    best.unwrap_or_else(|| Projection::of(points, Shape::centred(0.0, 1.0)))
}

struct Descent<'a> {
    points: &'a Points,
    at: Projection,
    damping: f64,
    /// Steps in a row that improved next to nothing.
    idle: usize,
}

impl<'a> Descent<'a> {
    fn new(points: &'a Points, shape: Shape) -> Self {
        Self {
            points,
            at: Projection::of(points, shape.charted(points)),
            damping: FIRST_DAMPING,
            idle: 0,
        }
    }

    fn go(&mut self, iterations: usize) {
        for _ in 0..iterations {
            if self.idle >= PATIENCE {
                break;
            }
            let Some(better) = self.step() else {
                self.idle = PATIENCE;
                break;
            };
            let negligible = self.at.error - better.error <= CONVERGED * self.at.error;
            self.idle = if negligible { self.idle + 1 } else { 0 };
            self.at = better;
        }
    }

    /// The first damped step that lowers the error.
    fn step(&mut self) -> Option<Projection> {
        let linearised = self.at.linearised(self.points);
        while self.damping < MAX_DAMPING {
            let change = linearised.damped(self.damping, self.at.shape);
            let candidate = change.map(|change| self.moved(change));
            if let Some(candidate) = candidate.filter(|new| new.error < self.at.error) {
                self.damping = (self.damping / 10.0).max(1e-12);
                return Some(candidate);
            }
            self.damping *= 10.0;
        }
        None
    }

    fn moved(&self, [first, log_width]: [f64; 2]) -> Projection {
        let log_width = log_width.clamp(-MAX_LOG_STEP, MAX_LOG_STEP);
        let shape = self.at.shape.moved([first, log_width], self.points);
        Projection::of(self.points, shape)
    }
}

impl Linearised {
    /// The solution of (JᵀJ + damping·diag JᵀJ)·change = Jᵀr, over the width alone where the shape cannot follow
    /// it; `None` where there is none.
    fn damped(&self, damping: f64, shape: Shape) -> Option<[f64; 2]> {
        let [[a, b], [_, d]] = self.normal;
        let (a, d) = (a * (1.0 + damping), d * (1.0 + damping));
        let [p, q] = self.gradient;
        let determinant = a * d - b * b;
        let first = (p * d - q * b) / determinant;
        let change = if determinant > 0.0 && !shape.is_bound(first) {
            [first, (a * q - b * p) / determinant]
        } else {
            [0.0, q / d]
        };
        change
            .iter()
            .all(|value| value.is_finite())
            .then_some(change)
    }
}
