//! Traces of our own making: each is a seed's, to the bit.
//!
//! They are models, not measurements: their parameters are chosen so that their figures resemble those
//! of public traces, named beside each.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use splitsim_feature::units::BitRate;

use super::TraceError;
use crate::{AtEnd, RateSteps};

/// The kind of a generated trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 20, 10, 5, 2, 1, 2, 5, 10 Mbit/s, ten seconds each: for looking at how something adapts. Knows
    /// no chance.
    Steps,
    /// The uplink of a phone in a moving car, with one outage of 60 s after a third of the time. Its
    /// figures outside the outage resemble Mahimahi's `Verizon-LTE-short.up`: median 5.75, 5 % 1.18,
    /// 95 % 11.48 Mbit/s. Outages of that length occur: `ATT-LTE-driving.up` has one of 78 s.
    LteDrive,
    /// An uplink that changes between 5G and an LTE fallback, tens of seconds each.
    FiveG,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Steps, Self::LteDrive, Self::FiveG];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::LteDrive => "lte-drive",
            Self::FiveG => "5g",
        }
    }
}

/// The outage of [`Kind::LteDrive`].
pub const OUTAGE: Duration = Duration::from_secs(60);

/// Generates a trace of this many seconds, one rate each.
///
/// # Errors
/// If it is too short: the minimum is two seconds, and for a drive its outage and another minute.
pub fn trace(kind: Kind, seed: u64, seconds: u64) -> Result<RateSteps, TraceError> {
    let shortest = match kind {
        Kind::Steps | Kind::FiveG => 2,
        Kind::LteDrive => OUTAGE.as_secs() + 60,
    };
    if seconds < shortest {
        let kind = kind.name();
        return Err(TraceError::TooShort { kind, shortest });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rates: Vec<f64> = match kind {
        Kind::Steps => (0..seconds).map(step).collect(),
        Kind::LteDrive => drive(&mut rng, seconds),
        Kind::FiveG => five_g(&mut rng, seconds),
    };
    let rows = (0..).zip(rates).map(|(second, mbit)| {
        // A kbit/s is more than such a trace knows.
        let rate = BitRate((mbit * 1000.0).round() as u64 * 1000);
        (Duration::from_secs(second), rate)
    });
    let rows: Vec<_> = rows.collect();
    RateSteps::new(&rows, Duration::from_secs(seconds), AtEnd::Repeat)
}

fn step(second: u64) -> f64 {
    const MBIT: [f64; 8] = [20.0, 10.0, 5.0, 2.0, 1.0, 2.0, 5.0, 10.0];
    MBIT[(second / 10 % 8) as usize]
}

fn drive(rng: &mut ChaCha8Rng, seconds: u64) -> Vec<f64> {
    let mut cell = Fading::new(5.5, 0.65, 0.9);
    let outage = seconds / 3..seconds / 3 + OUTAGE.as_secs();
    (0..seconds)
        .map(|second| {
            let rate = cell.next(rng);
            if outage.contains(&second) { 0.0 } else { rate }
        })
        .collect()
}

fn five_g(rng: &mut ChaCha8Rng, seconds: u64) -> Vec<f64> {
    let (mut fast, mut slow) = (Fading::new(80.0, 0.4, 0.8), Fading::new(9.0, 0.5, 0.9));
    let mut covered = true;
    (0..seconds)
        .map(|_| {
            // Mean stays of 25 s with 5G and 10 s without.
            let leave = if covered { 1.0 / 25.0 } else { 1.0 / 10.0 };
            if rng.random::<f64>() < leave {
                covered = !covered;
            }
            let rates = (fast.next(rng), slow.next(rng));
            if covered { rates.0 } else { rates.1 }
        })
        .collect()
}

/// A rate whose logarithm wanders about its mean: an autoregressive process of first order.
struct Fading {
    median: f64,
    deviation: f64,
    memory: f64,
    state: f64,
}

impl Fading {
    /// `deviation` is that of the logarithm, `memory` its correlation from one second to the next.
    const fn new(median: f64, deviation: f64, memory: f64) -> Self {
        Self {
            median,
            deviation,
            memory,
            state: 0.0,
        }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> f64 {
        let fresh = (1.0 - self.memory * self.memory).sqrt();
        self.state = self.memory * self.state + fresh * normal(rng);
        self.median * (self.deviation * self.state).exp()
    }
}

/// A standard normal deviate (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Statistics, Trace};

    fn statistics(kind: Kind, seconds: u64) -> Statistics {
        Statistics::of(&Trace::Rates(trace(kind, 1, seconds).unwrap()))
    }

    #[test]
    fn a_seed_is_a_trace() {
        for kind in [Kind::LteDrive, Kind::FiveG] {
            let of = |seed| trace(kind, seed, 200).unwrap();
            assert_eq!(of(1), of(1));
            assert_ne!(of(1), of(2));
        }
    }

    #[test]
    fn steps_are_what_they_say() {
        let figures = statistics(Kind::Steps, 80);
        assert_eq!(figures.mean, BitRate(6_875_000));
        assert_eq!(figures.p95, BitRate(20_000_000));
    }

    #[test]
    fn a_drive_resembles_a_drive_and_has_its_outage() {
        let figures = statistics(Kind::LteDrive, 20_000);
        assert_eq!(figures.longest_gap, OUTAGE);
        let within = |rate: BitRate, low: f64, high: f64| {
            let mbit = rate.0 as f64 / 1e6;
            assert!((low..high).contains(&mbit), "{mbit} Mbit/s");
        };
        within(figures.p5, 1.0, 2.5);
        within(figures.p50, 5.0, 6.5);
        within(figures.p95, 11.0, 18.0);
    }

    #[test]
    fn short_traces_are_refused() {
        assert!(trace(Kind::LteDrive, 1, 119).is_err());
        assert!(trace(Kind::FiveG, 1, 1).is_err());
    }
}
