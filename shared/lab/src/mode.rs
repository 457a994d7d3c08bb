use std::fmt;
use std::str::FromStr;

/// The definitions of the benchmark's three metrics that a table uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricMode {
    /// MSE, cosine, and linear CKA by its definition.
    Standard,
    /// MSE, cosine, and what the benchmark's script of 2025 computes under the name of CKA.
    Cfqa2025,
}

impl MetricMode {
    /// The metrics of the mode.
    #[must_use]
    pub const fn metrics(self) -> [&'static str; 3] {
        match self {
            Self::Standard => ["mse", "cosine", "cka"],
            Self::Cfqa2025 => ["mse", "cosine", "cka-cfqa2025"],
        }
    }

    /// `standard` or `cfqa2025`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Cfqa2025 => "cfqa2025",
        }
    }
}

impl fmt::Display for MetricMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for MetricMode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Standard, Self::Cfqa2025]
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| format!("unknown mode '{name}', expected standard or cfqa2025"))
    }
}
