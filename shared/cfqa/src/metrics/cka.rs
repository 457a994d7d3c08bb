use crate::centred::{CentredMap, Side};
use crate::gram::squared_norm_of_product;
use crate::metric::{Cost, Definition, Direction, MapsUsed, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "cka",
    formula: "mean over maps of ‖ỸᵀX̃‖²_F / (‖X̃ᵀX̃‖_F ‖ỸᵀỸ‖_F)",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    cost: Cost::Products,
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::All,
    },
};

/// Linear CKA of two maps (Kornblith et al., "Similarity of Neural Network Representations
/// Revisited", 2019, §3): `‖ỸᵀX̃‖²_F / (‖X̃ᵀX̃‖_F ‖ỸᵀỸ‖_F)`, tokens being the samples.
///
/// The numerator equals ⟨X̃X̃ᵀ, ỸỸᵀ⟩ and the denominator's norms those of X̃X̃ᵀ and ỸỸᵀ. By symmetry
/// two Gram matrices over N tokens cost N²D multiplications and the three products over D channels
/// 2·N·D², so Gram matrices win up to N = 2D.
fn alignment(x: &CentredMap, y: &CentredMap) -> f64 {
    if x.tokens() <= 2 * x.dim() {
        let (k, l) = (x.gram(Side::Tokens), y.gram(Side::Tokens));
        k.inner(l) / (k.norm() * l.norm())
    } else {
        let side = Side::Channels;
        let norms = x.gram(side).norm() * y.gram(side).norm();
        squared_norm_of_product(x.rows(side), y.rows(side)) / norms
    }
}
