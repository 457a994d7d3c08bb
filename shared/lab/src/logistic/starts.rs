//! Starting points of the descents.

use super::points::{Points, Sums, Tie};
use super::projection::Projection;
use super::shape::Shape;

/// A step's width, as a share of the gap that it lies in: its curve is flat at either end of the gap to the
/// last digit.
const STEP_SHARE: f64 = 1.0 / 160.0;
/// Steps of each kind that are starts.
const STEPS: usize = 6;
/// Between one width that is tried and the next.
const WIDTH_RATIO: f64 = 2.0;
/// The widest curve that is tried, in standard deviations of the scores; descents go further.
const WIDEST: f64 = 64.0;
/// Distances outside the range of scores at which centres are tried, in widths.
const OUTSIDE: [f64; 3] = [1.0, 3.0, 8.0];
/// Evaluations of the curve at a point that the search may take. A small set is searched at each gap, a large
/// one, whose surface is smoother, at a few.
const EFFORT: usize = 2_000_000;
/// The fewest centres of the search, and the most.
const CENTRES: (usize, usize) = (16, 400);

/// The best shapes of a search over centres and widths, and the best steps.
pub(super) fn everywhere(points: &Points) -> Vec<Shape> {
    let mut starts = steps(points, STEPS);
    let widths = widths(points);
    let mut found: Vec<Projection> = centres(points, widths.len(), &starts)
        .iter()
        .flat_map(|&centre| {
            let shapes = widths
                .iter()
                .map(move |&width| Shape::centred(centre, width));
            basins(points, shapes)
        })
        .chain(outside(points, &widths))
        .collect();
    found.sort_by(|a, b| a.error.total_cmp(&b.error));
    let kept = (20_000 / points.len()).clamp(10, 40);
    starts.extend(found.iter().take(kept).map(|basin| basin.shape));
    starts
}

/// The `count` best steps between two scores, and as many that go through a value in their midst.
///
/// Their errors are sums of squares about means, so that all of them are looked at.
pub(super) fn steps(points: &Points, count: usize) -> Vec<Shape> {
    let ties = points.ties();
    let total = ties
        .iter()
        .fold(Sums::default(), |sums, tie| sums.and(tie.sums));
    let (mut plain, mut through) = (Vec::new(), Vec::new());
    let mut below = Sums::default();
    for index in 0..ties.len() - 1 {
        let tie = ties[index].sums;
        let above = total.without(below.and(tie));
        if index > 0 {
            let error = below.error() + tie.error() + above.error();
            let height = (tie.mean() - below.mean()) / (above.mean() - below.mean());
            if 0.0 < height && height < 1.0 {
                through.push((error, step_through(&ties[index - 1..=index + 1], height)));
            }
        }
        below = below.and(tie);
        let error = below.error() + above.error();
        plain.push((error, step_between(ties[index].z, ties[index + 1].z)));
    }
    let best = |mut steps: Vec<(f64, Shape)>| {
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        steps.into_iter().take(count).map(|(_, shape)| shape)
    };
    best(plain).chain(best(through)).collect()
}

fn step_between(left: f64, right: f64) -> Shape {
    Shape::centred(f64::midpoint(left, right), (right - left) * STEP_SHARE)
}

/// The step that is `height` of the way up at the middle one of three scores.
fn step_through(ties: &[Tie], height: f64) -> Shape {
    let gap = (ties[1].z - ties[0].z).min(ties[2].z - ties[1].z);
    let width = gap * STEP_SHARE;
    Shape::centred(ties[1].z - width * (height / (1.0 - height)).ln(), width)
}

/// Widths to try, ascending: from a quarter of a gap between neighbours to nearly straight lines.
fn widths(points: &Points) -> Vec<f64> {
    let mut gaps: Vec<f64> = points.z.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.retain(|&gap| gap > 0.0);
    gaps.sort_by(f64::total_cmp);
    let narrowest = (gaps[gaps.len() / 10] / 4.0).clamp(1e-4, 1.0);
    let widths = std::iter::successors(Some(narrowest), |width| Some(width * WIDTH_RATIO));
    widths.take_while(|&width| width < WIDEST).collect()
}

/// Centres to try: scores and middles of gaps, as many as the effort allows at this number of
/// widths, and the centres of the best steps.
fn centres(points: &Points, widths: usize, steps: &[Shape]) -> Vec<f64> {
    let mut scores = points.z.clone();
    scores.dedup();
    let middles = scores
        .windows(2)
        .map(|pair| f64::midpoint(pair[0], pair[1]));
    let mut all: Vec<f64> = scores.iter().copied().chain(middles).collect();
    all.sort_by(f64::total_cmp);
    let affordable = EFFORT / (points.len() * widths);
    let count = affordable.clamp(CENTRES.0, CENTRES.1);
    let every = all.len().div_ceil(count);
    let thinned = all.into_iter().step_by(every);
    thinned.chain(steps.iter().map(Shape::centre)).collect()
}

/// The local minima of the error among shapes of one centre, in the order of their widths.
fn basins(points: &Points, shapes: impl Iterator<Item = Shape>) -> Vec<Projection> {
    let tried: Vec<Projection> = shapes.map(|shape| Projection::of(points, shape)).collect();
    let error = |index: usize| tried.get(index).map_or(f64::INFINITY, |tried| tried.error);
    let lowest = |&index: &usize| {
        error(index) <= error(index + 1) && error(index) <= error(index.wrapping_sub(1))
    };
    (0..tried.len())
        .filter(lowest)
        .map(|index| tried[index])
        .collect()
}

/// Curves of which the points see a tail.
fn outside(points: &Points, widths: &[f64]) -> Vec<Projection> {
    let (least, greatest) = points.ends();
    let shapes = widths.iter().flat_map(|&width| {
        OUTSIDE.into_iter().flat_map(move |far| {
            [least - far * width, greatest + far * width]
                .map(|centre| Shape::centred(centre, width).charted(points))
        })
    });
    shapes.map(|shape| Projection::of(points, shape)).collect()
}
