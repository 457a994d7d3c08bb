//! The body of the fuzz target, as a function, so that a test can replay earlier findings.
//!
//! The function panics only when an invariant is violated, and returns `true` if the input was accepted.

use std::time::Duration;

use splitsim_feature::units::BitRate;

use crate::RateSteps;
use crate::trace::{self, RateUnit, Stated, Statistics, TimeUnit, Trace};

/// Any bytes are either refused or become a trace, which serves without end and survives being written and read
/// again. The first byte states units.
///
/// # Panics
/// If one of these does not hold.
pub fn trace(input: &[u8]) -> bool {
    let Some((&units, file)) = input.split_first() else {
        return false;
    };
    let Ok(trace) = trace::from_bytes(file, stated(units)) else {
        return false;
    };
    assert!(!trace.length().is_zero(), "a trace without a length");
    if trace.length() < LONGEST_COUNTED {
        let figures = Statistics::of(&trace);
        assert!(figures.p5 <= figures.p50 && figures.p50 <= figures.p95);
    }
    let text = trace::write::text(&trace);
    let again = trace::from_bytes(text.as_bytes(), stated_of_written(&trace));
    check_same(&trace, &again.expect("what is written is read"));
    true
}

/// Longer traces are not counted second by second here: it would be all that is done.
const LONGEST_COUNTED: Duration = Duration::from_secs(3600);

/// A third of all bytes state no unit.
fn stated(byte: u8) -> Stated {
    let choice = usize::from(byte);
    Stated {
        time: TimeUnit::ALL.get(choice % 6).copied(),
        rate: RateUnit::ALL.get(choice / 6 % 10).copied(),
    }
}

fn stated_of_written(trace: &Trace) -> Stated {
    match trace {
        Trace::Opportunities(_) => Stated {
            time: Some(TimeUnit::Milliseconds),
            rate: None,
        },
        Trace::Rates(_) => Stated {
            time: Some(TimeUnit::Seconds),
            rate: Some(RateUnit::Megabit),
        },
    }
}

fn check_same(trace: &Trace, again: &Trace) {
    match (trace, again) {
        (Trace::Rates(steps), Trace::Rates(again)) => {
            for (middle, rate) in middles(steps) {
                assert_eq!(again.rate(middle), rate, "at {middle:?}");
                let next = steps.piece(middle).until;
                assert!(next.is_some_and(|next| next > middle), "time stands still");
            }
        }
        (one, other) => assert_eq!(one, other),
    }
}

/// The middle of every row of a microsecond or more, with its rate: times are written in decimals, which hold a
/// year to some nanoseconds.
fn middles(steps: &RateSteps) -> Vec<(Duration, BitRate)> {
    let rows: Vec<_> = steps.rows().collect();
    let starts = rows.iter().map(|(start, _)| *start);
    let ends = starts.skip(1).chain([steps.length()]);
    let middle = |(&(start, rate), end): (&(Duration, BitRate), Duration)| {
        let length = end - start;
        (length >= Duration::from_micros(1)).then(|| (start + length / 2, rate))
    };
    rows.iter().zip(ends).filter_map(middle).collect()
}
