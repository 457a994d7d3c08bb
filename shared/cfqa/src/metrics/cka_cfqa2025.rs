use crate::centred::{CentredMap, Side};
use crate::gram::squared_norm_of_product;
use crate::metric::{Cost, Definition, Direction, MapsUsed, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "cka-cfqa2025",
    formula: "‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8) of the last map, divided by the number of maps",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    cost: Cost::Products,
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::Last,
    },
};

pub(crate) const MEAN_SPEC: Spec = Spec {
    name: "cka-cfqa2025-mean",
    formula: "mean over maps of ‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8)",
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::All,
    },
    ..SPEC
};

/// Added to the denominator by the benchmark's script.
const DENOMINATOR_OFFSET: f64 = 1e-8;

/// What the CFQA benchmark's script computes of two maps under the name of linear CKA:
/// `‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8)`.
///
/// The numerator equals ⟨X̃ᵀX̃, ỸᵀỸ⟩: it compares how channels vary together, and is blind to the
/// order of the tokens. It is standard CKA with tokens and channels exchanged, but for the centring.
///
/// One deviation: of a constant map the script makes 0 or rounding noise; here it is undefined.
fn alignment(x: &CentredMap, y: &CentredMap) -> f64 {
    let (numerator, norms) = if x.dim() <= 2 * x.tokens() {
        let (k, l) = (x.gram(Side::Channels), y.gram(Side::Channels));
        (k.inner(l), k.norm() * l.norm())
    } else {
        let side = Side::Tokens;
        let norms = x.gram(side).norm() * y.gram(side).norm();
        (squared_norm_of_product(x.rows(side), y.rows(side)), norms)
    };
    // Unlike the ratio, the offset depends on the scale that the maps were divided by.
    let scale = (x.scale() * y.scale()).powi(2);
    numerator / (norms + DENOMINATOR_OFFSET / scale)
}
