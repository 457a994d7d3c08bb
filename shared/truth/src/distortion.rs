use splitsim_feature::Task;

use crate::{Performance, TruthError};

/// The true semantic distortion: the performance that a task lost between a feature f and what was
/// made of it, f̂ (CFQA, §4.6).
///
/// | task | distortion | unit |
/// |---|---|---|
/// | cls | rank(f̂) − rank(f) | ranks |
/// | seg | mIoU(f) − mIoU(f̂) | percentage points |
/// | dpt | RMSE(f̂) − RMSE(f) | metres |
///
/// Positive means worse. It is never clamped: now and then a distorted feature does better.
///
/// It has no order with anything, in particular not with the score that an edge predicted:
///
/// ```compile_fail,E0308
/// # use splitsim_truth::SemanticDistortion;
/// fn broken(predicted_score: f64, distortion: SemanticDistortion) -> bool {
///     predicted_score < distortion
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SemanticDistortion {
    task: Task,
    value: f64,
}

impl SemanticDistortion {
    /// The loss from `original`, the performance on f, to `received`, the performance on f̂.
    ///
    /// # Errors
    /// When the two are of different tasks.
    pub fn between(original: Performance, received: Performance) -> Result<Self, TruthError> {
        let value = match (original, received) {
            (Performance::Rank(original), Performance::Rank(received)) => {
                f64::from(received.get()) - f64::from(original.get())
            }
            (Performance::MeanIou(original), Performance::MeanIou(received)) => {
                original.percent() - received.percent()
            }
            (Performance::Rmse(original), Performance::Rmse(received)) => {
                received.metres() - original.metres()
            }
            (Performance::Rank(_) | Performance::MeanIou(_) | Performance::Rmse(_), _) => {
                return Err(TruthError::Task {
                    operation: "taking a semantic distortion",
                    expected: original.task(),
                    actual: received.task(),
                });
            }
        };
        let task = original.task();
        Ok(Self { task, value })
    }

    /// The task.
    #[must_use]
    pub const fn task(self) -> Task {
        self.task
    }

    /// The bare number, in the task's [unit](Self::unit): for tables and correlations.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.value
    }

    /// The unit of [`Self::value`]: `ranks`, `percentage points` or `metres`.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self.task {
            Task::Cls => "ranks",
            Task::Seg => "percentage points",
            Task::Dpt => "metres",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DepthRmse, MeanIou, Rank};

    fn rank(place: u32) -> Performance {
        Performance::Rank(Rank::new(place).unwrap())
    }

    fn miou(percent: f64) -> Performance {
        Performance::MeanIou(MeanIou::new(percent).unwrap())
    }

    fn rmse(metres: f64) -> Performance {
        Performance::Rmse(DepthRmse::new(metres).unwrap())
    }

    #[test]
    fn is_positive_when_the_task_does_worse() {
        let check = |original, received, expected| {
            let distortion = SemanticDistortion::between(original, received).unwrap();
            assert_eq!(distortion.value(), expected);
        };
        check(rank(1), rank(40), 39.0);
        check(rank(7), rank(2), -5.0);
        check(miou(83.5), miou(4.5), 79.0);
        check(rmse(0.375), rmse(1.875), 1.5);
        check(rmse(0.375), rmse(0.25), -0.125);
    }

    #[test]
    fn tasks_do_not_mix() {
        let mixed = SemanticDistortion::between(rank(1), rmse(0.4));
        assert!(matches!(
            mixed,
            Err(TruthError::Task {
                expected: Task::Cls,
                actual: Task::Dpt,
                ..
            })
        ));
    }
}
