use serde::{Deserialize, Serialize};

use crate::{HyperpriorError, Widths};

/// The levels to train, and the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainConfig {
    /// Seed of first weights, crops and noise.
    pub seed: u64,
    /// The levels by ascending λ: cheapest first.
    pub levels: Vec<LevelConfig>,
    /// Side of a crop; smaller padded pictures give smaller crops, multiples of 64.
    pub patch: usize,
    /// Crops per step.
    pub batch: usize,
    /// Most steps of a level that starts from principal components.
    pub first_steps: usize,
    /// Most steps of a level that starts from a trained one.
    pub steps: usize,
    /// Adam's learning rate at the start of a level.
    pub learning_rate: f64,
    /// The learning rate of the quantiles of `z`.
    pub auxiliary_learning_rate: f64,
    /// Gradients are scaled down to this norm.
    pub clip_norm: f64,
    /// Steps between validations.
    pub validate_every: usize,
    /// Validations without improvement before the learning rate is cut.
    pub patience: usize,
    /// The factor that a cut multiplies the learning rate by.
    pub factor: f64,
    /// A level ends when its learning rate has fallen below this.
    pub least_learning_rate: f64,
}

/// One level of a ladder: what its rate is worth, and how large its network is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// λ of the loss.
    pub lambda: f64,
    /// Channels of the main layers (CompressAI's N; the benchmark has 128).
    pub n: usize,
    /// Channels of `y` (CompressAI's M; the benchmark has 192).
    pub m: usize,
}

impl LevelConfig {
    pub(crate) const fn widths(&self) -> Widths {
        Widths {
            n: self.n,
            m: self.m,
        }
    }
}

impl TrainConfig {
    /// The most levels.
    const MAX_LEVELS: usize = 256;

    /// Reads a configuration in TOML.
    ///
    /// # Errors
    /// When the text is none, or nothing can be trained with it.
    pub fn parse(text: &str) -> Result<Self, HyperpriorError> {
        let config: Self =
            toml::from_str(text).map_err(|error| HyperpriorError::Training(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    pub(crate) fn check(&self) -> Result<(), HyperpriorError> {
        let widths = 1..=Widths::MAX;
        let counts = [
            self.batch,
            self.steps,
            self.first_steps,
            self.validate_every,
        ];
        let rates = [
            self.learning_rate,
            self.auxiliary_learning_rate,
            self.clip_norm,
            self.least_learning_rate,
        ];
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        let complaint = if !(1..=Self::MAX_LEVELS).contains(&self.levels.len()) {
            "levels: expected 1 to 256"
        } else if !self.levels.iter().all(|level| positive(&level.lambda))
            || !self.levels.is_sorted_by(|a, b| a.lambda < b.lambda)
        {
            "lambda: expected positive and ascending values"
        } else if !self
            .levels
            .iter()
            .all(|level| widths.contains(&level.n) && widths.contains(&level.m))
        {
            "n, m: expected 1 to 640"
        } else if self.patch == 0 || !self.patch.is_multiple_of(64) {
            "patch: expected a multiple of 64"
        } else if counts.contains(&0) {
            "batch, steps, first-steps, validate-every: expected at least 1"
        } else if !rates.iter().all(positive) {
            "learning rates and clip-norm: expected positive values"
        } else if !(0.0..1.0).contains(&self.factor) {
            "factor: expected a value from 0 to below 1"
        } else {
            return Ok(());
        };
        Err(HyperpriorError::Training(complaint.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use crate::train::level::tests::config;

    #[test]
    fn what_cannot_be_trained_with_is_refused() {
        let check = |change: fn(&mut super::TrainConfig), expected: &str| {
            let mut config = config();
            config.check().unwrap();
            change(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("training: {expected}: ")),
                "{message}"
            );
        };
        check(|config| config.levels.clear(), "levels");
        check(|config| config.levels.reverse(), "lambda");
        check(|config| config.levels[1].n = 0, "n, m");
        check(|config| config.patch = 100, "patch");
        check(
            |config| config.batch = 0,
            "batch, steps, first-steps, validate-every",
        );
        check(
            |config| config.clip_norm = f64::NAN,
            "learning rates and clip-norm",
        );
        check(|config| config.factor = 1.0, "factor");
    }
}
