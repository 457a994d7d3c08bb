use serde::{Deserialize, Serialize};

use super::TrainConfig;

/// Cuts the learning rate when the validation loss has stopped falling, as PyTorch's
/// `ReduceLROnPlateau` does in its mode `min` with a relative threshold of 10^-4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Plateau {
    pub(super) learning_rate: f64,
    best: Option<f64>,
    waited: usize,
}

const THRESHOLD: f64 = 1e-4;

impl Plateau {
    pub(super) const fn new(config: &TrainConfig) -> Self {
        Self {
            learning_rate: config.learning_rate,
            best: None,
            waited: 0,
        }
    }

    /// Takes a validation loss.
    pub(super) fn see(&mut self, loss: f64, config: &TrainConfig) {
        if self.best.is_none_or(|best| loss < best * (1.0 - THRESHOLD)) {
            self.best = Some(loss);
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited > config.patience {
            self.learning_rate *= config.factor;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_cut_after_patience_and_not_before() {
        let config = TrainConfig {
            learning_rate: 1.0,
            patience: 2,
            factor: 0.1,
            ..crate::train::level::tests::config()
        };
        let mut plateau = Plateau::new(&config);
        let losses = [5.0, 4.0, 4.0, 3.9999, 4.1, 3.0, 3.1, 3.1, 3.1, 3.1];
        let rates: Vec<f64> = losses
            .iter()
            .map(|&loss| {
                plateau.see(loss, &config);
                plateau.learning_rate
            })
            .collect();
        // 3.9999 is no improvement over 4 by the threshold, so the third wait cuts.
        assert_eq!(rates[..4], [1.0; 4]);
        assert!((rates[4] - 0.1).abs() < 1e-12 && rates[7] == rates[4]);
        assert!((rates[8] - 0.01).abs() < 1e-12 && rates[9] == rates[8]);
    }
}
