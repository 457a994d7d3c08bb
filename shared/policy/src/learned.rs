use crate::{Attempt, Criterion, LadderLen, Rung};

/// A positive quantity along a ladder, learned from the values of earlier frames.
///
/// Bytes, times and losses change from rung to rung by a factor that differs much less between
/// features than their values do: a step of six QPs doubles the quantiser's step (H.265, §8.6.1),
/// which about quadruples the squared error. So the logarithm of the value is modelled as an offset of
/// the frame's own, known as soon as the frame has one attempt, plus one increment per step of the
/// ladder, averaged over frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learned {
    /// Logarithm of the typical value at the cheapest rung.
    base: Option<f64>,
    /// Increment from each rung to the next; `None` where no frame has shown it.
    increments: Vec<Option<f64>>,
    /// Increment of a step that nothing is known of, until some step is.
    presumed: Option<f64>,
}

/// A rung and the logarithm of a value at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) rung: Rung,
    pub(crate) log: f64,
}

/// Weight of a frame in the averages, as of a round trip in RFC 6298, §2.
const GAIN: f64 = 1.0 / 8.0;
/// The least value that is distinguished from zero: below the resolution of single-precision
/// features.
const LEAST: f64 = 1e-12;

impl Point {
    pub(crate) fn new(rung: Rung, value: f64) -> Self {
        let log = value.max(LEAST).ln();
        Self { rung, log }
    }
}

impl Learned {
    pub(crate) fn new(ladder: LadderLen, presumed: Option<f64>) -> Self {
        Self {
            base: None,
            increments: vec![None; usize::from(ladder.get()) - 1],
            presumed,
        }
    }

    /// Takes one frame's values into account.
    pub(crate) fn learn(&mut self, mut points: Vec<Point>) {
        points.sort_by_key(|point| point.rung);
        points.dedup_by_key(|point| point.rung);
        for pair in points.windows(2) {
            self.learn_rise(pair[0], pair[1]);
        }
        let cheapest = points.first().copied();
        if let Some((first, rise)) =
            cheapest.and_then(|first| Some((first, self.rise(Rung(0), first.rung)?)))
        {
            let at_cheapest = first.log - rise;
            self.base = Some(
                self.base
                    .map_or(at_cheapest, |base| base + GAIN * (at_cheapest - base)),
            );
        }
    }

    /// The logarithm expected at `rung` for a frame with this value.
    pub(crate) fn expect(&self, known: Point, rung: Rung) -> Option<f64> {
        match known.rung <= rung {
            true => Some(known.log + self.rise(known.rung, rung)?),
            false => Some(known.log - self.rise(rung, known.rung)?),
        }
    }

    /// The value expected at `rung` for a frame of which `known` is all that is known.
    pub(crate) fn value(&self, known: Option<Point>, rung: Rung) -> Option<f64> {
        let rung_zero = |log| Point { rung: Rung(0), log };
        let known = known.or_else(|| self.base.map(rung_zero))?;
        self.expect(known, rung).map(f64::exp)
    }

    /// Shares out what a rise differs by from what is expected: among the steps never seen, or else
    /// evenly, with a frame's weight.
    fn learn_rise(&mut self, from: Point, to: Point) {
        let steps = &mut self.increments[usize::from(from.rung.0)..usize::from(to.rung.0)];
        let seen: f64 = steps.iter().flatten().sum();
        let unseen = steps.iter().filter(|step| step.is_none()).count();
        let surprise = to.log - from.log - seen;
        if unseen > 0 {
            let share = surprise / unseen as f64;
            steps.iter_mut().for_each(|step| {
                step.get_or_insert(share);
            });
        } else {
            let share = GAIN * surprise / steps.len() as f64;
            steps.iter_mut().flatten().for_each(|step| *step += share);
        }
    }

    /// The rise expected between two rungs, the second not cheaper than the first.
    fn rise(&self, from: Rung, to: Rung) -> Option<f64> {
        let steps = self
            .increments
            .get(usize::from(from.0)..usize::from(to.0))?;
        let seen: Vec<f64> = self.increments.iter().flatten().copied().collect();
        let usual = match seen.len() {
            0 => self.presumed,
            count => Some(seen.iter().sum::<f64>() / count as f64),
        };
        steps.iter().map(|step| step.or(usual)).sum()
    }
}

/// The loss of every scored attempt.
pub(crate) fn losses(criterion: &Criterion, attempts: &[Attempt]) -> Vec<Point> {
    let loss = |attempt: &Attempt| {
        let loss = criterion.loss(attempt.score()?.value());
        Some(Point::new(attempt.rung, loss))
    };
    attempts.iter().filter_map(loss).collect()
}

/// The bytes of every attempt that has some.
pub(crate) fn sizes(attempts: &[Attempt]) -> Vec<Point> {
    let size = |attempt: &Attempt| {
        let bytes = attempt.coded()?.container;
        Some(Point::new(attempt.rung, bytes.0 as f64))
    };
    attempts.iter().filter_map(size).collect()
}

/// The time of every attempt, failed ones included.
pub(crate) fn times(attempts: &[Attempt]) -> Vec<Point> {
    let time = |attempt: &Attempt| Point::new(attempt.rung, attempt.took().as_secs_f64());
    attempts.iter().map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> LadderLen {
        LadderLen::new(5).unwrap()
    }

    fn frame(scale: f64, rungs: &[u8]) -> Vec<Point> {
        // Every step doubles, the one from rung 2 to 3 makes it tenfold.
        let values = [1.0, 2.0, 4.0, 40.0, 80.0];
        rungs
            .iter()
            .map(|&rung| Point::new(Rung(rung), scale * values[usize::from(rung)]))
            .collect()
    }

    fn close(actual: Option<f64>, expected: f64) {
        let actual = actual.unwrap();
        assert!(
            (actual / expected - 1.0).abs() < 1e-9,
            "{actual} for {expected}"
        );
    }

    #[test]
    fn one_value_of_a_frame_gives_the_others_once_the_ladder_is_known() {
        let mut learned = Learned::new(ladder(), None);
        learned.learn(frame(1.0, &[0, 1, 2, 3, 4]));
        let known = Point::new(Rung(2), 4.0 * 7.0);
        close(learned.value(Some(known), Rung(4)), 560.0);
        close(learned.value(Some(known), Rung(0)), 7.0);
        close(learned.value(None, Rung(3)), 40.0);
    }

    #[test]
    fn nothing_is_expected_of_an_unknown_ladder_unless_presumed() {
        let known = Some(Point::new(Rung(0), 3.0));
        assert_eq!(Learned::new(ladder(), None).value(known, Rung(1)), None);
        let doubling = Learned::new(ladder(), Some(2f64.ln()));
        close(doubling.value(known, Rung(2)), 12.0);
        assert_eq!(doubling.value(None, Rung(0)), None);
    }

    #[test]
    fn a_leap_teaches_the_steps_that_it_passes() {
        let mut learned = Learned::new(ladder(), None);
        learned.learn(frame(1.0, &[0, 1]));
        learned.learn(frame(5.0, &[0, 4]));
        // The first step doubles; the other three share a factor of 40.
        close(learned.value(Some(Point::new(Rung(1), 1.0)), Rung(4)), 40.0);
        close(
            learned.value(Some(Point::new(Rung(1), 1.0)), Rung(2)),
            40f64.powf(1.0 / 3.0),
        );
    }

    #[test]
    fn averages_converge_to_what_frames_show() {
        let mut learned = Learned::new(ladder(), None);
        learned.learn(vec![Point::new(Rung(0), 1.0), Point::new(Rung(1), 100.0)]);
        for _ in 0..200 {
            learned.learn(frame(1.0, &[0, 1]));
        }
        close(learned.value(Some(Point::new(Rung(0), 3.0)), Rung(1)), 6.0);
    }
}
