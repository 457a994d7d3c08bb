use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The model of packet loss.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Loss {
    /// None is.
    #[default]
    None,
    /// Independent losses.
    Iid {
        /// The probability.
        probability: f64,
    },
    /// Losses in bursts: a chain of two states, moved once per packet (Gilbert, "Capacity of a burst-noise
    /// channel", 1960; Elliott, 1963).
    GilbertElliott {
        /// The probability to go from the good state to the bad one.
        to_bad: f64,
        /// The probability to go back; its inverse is the mean length of a burst.
        to_good: f64,
        /// The probability of a loss in the good state.
        loss_good: f64,
        /// The probability of a loss in the bad state.
        loss_bad: f64,
    },
}

/// An invalid loss probability.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LossError {
    /// Not between 0 and 1.
    #[error("{what} of {actual} is no probability, expected 0 to 1")]
    OutOfRange {
        /// The name of the probability.
        what: &'static str,
        /// The value given.
        actual: f64,
    },
    /// The chain never leaves a state in which every packet is lost.
    #[error("a burst that never ends loses every packet; give it a way back")]
    Endless,
}

/// A loss process under way.
#[derive(Debug, Clone)]
pub(crate) struct LossProcess {
    loss: Loss,
    bad: bool,
    rng: ChaCha8Rng,
}

impl Loss {
    /// Checks that every probability is between 0 and 1.
    ///
    /// # Errors
    /// If one is not, or if the chain never leaves a state in which every packet is lost.
    pub fn check(&self) -> Result<(), LossError> {
        let named: &[(&'static str, f64)] = match self {
            Self::None => &[],
            Self::Iid { probability } => &[("loss", *probability)],
            Self::GilbertElliott {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => {
                if *to_good == 0.0 && *to_bad > 0.0 && *loss_bad == 1.0 {
                    return Err(LossError::Endless);
                }
                &[
                    ("to-bad", *to_bad),
                    ("to-good", *to_good),
                    ("loss-good", *loss_good),
                    ("loss-bad", *loss_bad),
                ]
            }
        };
        match named.iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
            Some(&(what, actual)) => Err(LossError::OutOfRange { what, actual }),
            None => Ok(()),
        }
    }

    /// The share of packets that is lost in the long run.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::None => 0.0,
            Self::Iid { probability } => probability,
            Self::GilbertElliott {
                to_bad: 0.0,
                loss_good,
                ..
            } => loss_good,
            Self::GilbertElliott {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => (to_bad * loss_bad + to_good * loss_good) / (to_bad + to_good),
        }
    }
}

impl LossProcess {
    pub(crate) const fn new(loss: Loss, rng: ChaCha8Rng) -> Self {
        Self {
            loss,
            bad: false,
            rng,
        }
    }

    /// Decides whether the next packet is lost.
    pub(crate) fn strikes(&mut self) -> bool {
        let probability = match self.loss {
            Loss::None => return false,
            Loss::Iid { probability } => probability,
            Loss::GilbertElliott {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => {
                let leave = if self.bad { to_good } else { to_bad };
                if self.rng.random::<f64>() < leave {
                    self.bad = !self.bad;
                }
                if self.bad { loss_bad } else { loss_good }
            }
        };
        self.rng.random::<f64>() < probability
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const PACKETS: usize = 400_000;

    fn losses(loss: Loss) -> Vec<bool> {
        let mut process = LossProcess::new(loss, ChaCha8Rng::seed_from_u64(7));
        (0..PACKETS).map(|_| process.strikes()).collect()
    }

    fn share(losses: &[bool]) -> f64 {
        losses.iter().filter(|&&lost| lost).count() as f64 / losses.len() as f64
    }

    /// Mean length of the runs of losses.
    fn burst(losses: &[bool]) -> f64 {
        let bursts = losses.chunk_by(|a, b| a == b).filter(|run| run[0]);
        let (count, packets) = bursts.fold((0, 0), |(n, sum), run| (n + 1, sum + run.len()));
        packets as f64 / f64::from(count)
    }

    /// Five standard deviations of the share of independent losses.
    fn spread(p: f64) -> f64 {
        5.0 * (p * (1.0 - p) / PACKETS as f64).sqrt()
    }

    #[test]
    fn independent_losses_come_at_their_rate_and_in_geometric_runs() {
        for probability in [0.0, 0.01, 0.3, 1.0] {
            let losses = losses(Loss::Iid { probability });
            assert!((share(&losses) - probability).abs() <= spread(probability));
        }
        let runs = burst(&losses(Loss::Iid { probability: 0.3 }));
        assert!((runs - 1.0 / 0.7).abs() < 0.01, "{runs}");
    }

    #[test]
    fn bursts_have_the_stationary_share_and_mean_length() {
        let loss = Loss::GilbertElliott {
            to_bad: 0.01,
            to_good: 0.25,
            loss_good: 0.0,
            loss_bad: 1.0,
        };
        let expected = 0.01 / 0.26;
        assert!((loss.mean() - expected).abs() < 1e-12);
        let losses = losses(loss);
        // Bursts of four correlate: the spread is about the root of twice their length wider.
        let spread = spread(expected) * 8f64.sqrt();
        assert!(
            (share(&losses) - expected).abs() < spread,
            "{}",
            share(&losses)
        );
        assert!((burst(&losses) - 4.0).abs() < 0.15, "{}", burst(&losses));
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let negative = Loss::Iid { probability: -0.1 };
        let message = negative.check().unwrap_err().to_string();
        assert_eq!(message, "loss of -0.1 is no probability, expected 0 to 1");
        assert!(
            Loss::Iid {
                probability: f64::NAN
            }
            .check()
            .is_err()
        );
        let endless = Loss::GilbertElliott {
            to_bad: 0.1,
            to_good: 0.0,
            loss_good: 0.0,
            loss_bad: 1.0,
        };
        assert_eq!(endless.check(), Err(LossError::Endless));
    }
}
