//! Thresholds with a guarantee.
//!
//! *What is guaranteed.* Of the features that a climbing gate accepts, at most a share α exceeds the
//! distortion limit τ: `P(distortion > τ | accepted) ≤ α`, with probability 1 − δ over the features that
//! the threshold was found on. Features that pass at no level are not accepted, and not covered.
//!
//! *Theorem.* Learn then Test (Angelopoulos, Bates, Candès, Jordan, Lei: "Learn then Test: Calibrating
//! predictive algorithms to achieve risk control", 2021, theorem 1) with fixed-sequence testing (its
//! proposition on family-wise error control) of the hypotheses H(t): "the risk at threshold t exceeds α".
//! The p-value of H(t) is exact: given that n features are accepted at t, the number of those beyond the
//! limit is Binomial(n, risk), so `P(Binomial(n, α) ≤ observed)` is super-uniform under H(t). A threshold
//! is certified while its p-value is at most δ; testing stops at the first that is not.
//!
//! *Assumptions.* The features on which the threshold was tested and those it is used on are drawn
//! independently from one distribution, which includes pictures, model, codec, ladder and metric. The
//! levels of one feature may depend on each other in any way. The gate starts at the cheapest level and
//! climbs one level at a time to the richest, if need be. The sequence of thresholds is fixed before the
//! test: a part of the calibration features, the *tuning* features, lays it down and takes no part in
//! the test.

mod certify;
mod validity;

pub use certify::{Certificate, Guarantee, certify, empirical};
pub use validity::{Validity, validity};
