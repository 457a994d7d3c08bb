//! Quantisation parameters.

use std::fmt;

use crate::ladder::{Ladder, LadderError, Rung};

/// A quantisation parameter: the greater, the coarser and cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qp(u8);

/// The QPs of a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QpScale {
    /// The finest.
    pub min: u8,
    /// The coarsest.
    pub max: u8,
}

impl Qp {
    /// The number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Qp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl QpScale {
    /// The QP of a number; `None` unless it is whole and on the scale.
    #[must_use]
    pub fn qp(self, value: f64) -> Option<Qp> {
        (self.min..=self.max)
            .find(|&qp| f64::from(qp) == value)
            .map(Qp)
    }

    /// The QPs and the ladder of a manifest's list, which must descend: cheapest first.
    ///
    /// # Errors
    /// When the list is empty or too long, does not descend, or has a number that is no QP.
    pub fn ladder(self, parameters: &[f64]) -> Result<(Vec<Qp>, Ladder), LadderError> {
        let qps = parameters
            .iter()
            .enumerate()
            .map(|(index, &value)| {
                self.qp(value).ok_or(LadderError::Parameter {
                    index,
                    value,
                    min: self.min,
                    max: self.max,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = qps.windows(2).position(|pair| pair[0] <= pair[1]) {
            return Err(LadderError::NotRicher {
                index: at + 1,
                previous: qps[at].0,
                value: qps[at + 1].0,
            });
        }
        let rung = |qp: &Qp| Rung {
            parameter: f64::from(qp.0),
            label: format!("qp {qp}"),
        };
        let ladder = Ladder::new(qps.iter().map(rung).collect())?;
        Ok((qps, ladder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: QpScale = QpScale { min: 0, max: 51 };

    #[test]
    fn a_descending_list_is_a_ladder() {
        let (qps, ladder) = SCALE.ladder(&[51.0, 34.0, 0.0]).unwrap();
        assert_eq!(qps, [Qp(51), Qp(34), Qp(0)]);
        assert_eq!(ladder.rungs()[1].label, "qp 34");
        assert_eq!(ladder.rungs()[1].parameter, 34.0);
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |list: &[f64], expected: &str| {
            assert_eq!(SCALE.ladder(list).unwrap_err().to_string(), expected);
        };
        check(&[], "the ladder is empty, give it at least one level");
        for value in [52.0, -1.0, 22.5] {
            let no_qp = format!("level 1: {value} is no QP, expected a whole number from 0 to 51");
            check(&[51.0, value], &no_qp);
        }
        check(
            &[30.0, 30.0],
            "level 1: QP 30 does not descend from 30 before it",
        );
        check(
            &[10.0, 30.0],
            "level 1: QP 30 does not descend from 10 before it",
        );
        assert!(SCALE.ladder(&[f64::NAN]).is_err());
    }
}
