use serde::Serialize;

/// P(X ≤ `successes`) of X ~ Binomial(`trials`, `probability`), exact but for rounding.
///
/// Terms are formed as logarithms, so that neither many trials nor small probabilities underflow.
#[must_use]
pub fn binomial_cdf(successes: usize, trials: usize, probability: f64) -> f64 {
    if successes >= trials || probability <= 0.0 {
        return 1.0;
    }
    if probability >= 1.0 {
        return 0.0;
    }
    let odds = probability.ln() - (-probability).ln_1p();
    let mut term = trials as f64 * (-probability).ln_1p();
    let mut terms = Vec::with_capacity(successes + 1);
    // Kahan's compensation: of many thousand steps the roundings would add up.
    let mut lost = 0.0;
    for done in 0..=successes {
        terms.push(term);
        let step = ((trials - done) as f64 / (done + 1) as f64).ln() + odds - lost;
        let next = term + step;
        lost = (next - term) - step;
        term = next;
    }
    let greatest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|term| (term - greatest).exp()).sum();
    (greatest.exp() * sum).min(1.0)
}

/// The exact confidence limits of a probability (Clopper and Pearson, 1934), each one-sided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClopperPearson {
    /// The probability is less with confidence 1 − δ.
    pub upper: f64,
    /// The probability is more with confidence 1 − δ.
    pub lower: f64,
}

impl ClopperPearson {
    /// The limits after `successes` of `trials` at error probability `delta` each.
    #[must_use]
    pub fn of(successes: usize, trials: usize, delta: f64) -> Self {
        let upper = if successes >= trials {
            1.0
        } else {
            root(|p| binomial_cdf(successes, trials, p) > delta)
        };
        let lower = if successes == 0 {
            0.0
        } else {
            root(|p| 1.0 - binomial_cdf(successes - 1, trials, p) < delta)
        };
        Self { upper, lower }
    }
}

/// Finds by bisection the point of 0..1 at which `below` turns from true to false.
fn root(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() <= 1e-10 * expected,
            "{actual}, not {expected}"
        );
    }

    /// By SciPy 1.17.1, `scipy.stats.binom.cdf`.
    #[test]
    fn is_scipys() {
        close(binomial_cdf(3, 50, 0.1), 0.250293905953308);
        close(binomial_cdf(0, 10, 0.3), 0.028247524900000005);
        close(binomial_cdf(480, 10000, 0.05), 0.18582449664274403);
        close(binomial_cdf(30000, 100000, 0.3), 0.5015600059172567);
        close(binomial_cdf(12, 20, 0.5), 0.8684120178222656);
    }

    #[test]
    fn no_failure_in_59_is_five_percent() {
        // 0.95^59 = 0.0485: the rule by which 59 samples show less than 5 % with 95 % confidence.
        close(binomial_cdf(0, 59, 0.05), 0.95f64.powi(59));
        let limits = ClopperPearson::of(0, 59, 0.05);
        close(limits.upper, 1.0 - 0.05f64.powf(1.0 / 59.0));
        assert_eq!(limits.lower, 0.0);
    }

    /// By SciPy 1.17.1, `scipy.stats.beta.ppf`.
    #[test]
    fn limits_are_the_beta_quantiles() {
        let limits = ClopperPearson::of(3, 50, 0.05);
        close(limits.upper, 0.14783717636418123);
        close(limits.lower, 0.01655185918923134);
        let limits = ClopperPearson::of(10, 40, 0.1);
        close(limits.upper, 0.35876485862575835);
        close(limits.lower, 0.16151186884459268);
        let limits = ClopperPearson::of(1, 200, 0.05);
        close(limits.upper, 0.023498470434950704);
        close(limits.lower, 0.0002564335872234742);
    }

    #[test]
    fn the_ends_are_certain() {
        assert_eq!(binomial_cdf(5, 5, 0.9), 1.0);
        assert_eq!(binomial_cdf(0, 5, 0.0), 1.0);
        assert_eq!(binomial_cdf(4, 5, 1.0), 0.0);
        assert_eq!(ClopperPearson::of(5, 5, 0.05).upper, 1.0);
    }
}
